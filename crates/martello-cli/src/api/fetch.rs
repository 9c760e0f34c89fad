//! Gets the text of a token from a file or a command, within bounds of bytes and of time.

use std::{
    fs::{self, File, FileType},
    io::{self, Read},
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use tokio::{
    io::AsyncReadExt,
    process::{Child, Command},
    task::spawn_blocking,
    time::timeout,
};

/// So long is waited for a token, and so many bytes it may have.
const PATIENCE: Duration = Duration::from_secs(10);
const LONGEST: u64 = 64 * 1024;

/// Why there is no token.
pub(super) struct TokenError {
    pub(super) why: String,
    /// It may only have come at a bad moment.
    pub(super) is_retryable: bool,
}

impl From<String> for TokenError {
    fn from(why: String) -> Self {
        Self { why, is_retryable: true }
    }
}

fn timed_out(why: String) -> TokenError {
    TokenError { why, is_retryable: false }
}

/// What is in a file, or comes through a pipe.
pub(super) async fn file(path: &Path) -> Result<String, TokenError> {
    let name = path.display();
    let named = path.to_owned();
    // Whoever waits for a pipe that nobody writes to does so on a thread of its own, until this process ends.
    let read = timeout(PATIENCE, spawn_blocking(move || bounded(named))).await;
    let read = read.map_err(|_| timed_out(format!("the token file {name} was not written within 10 s")))?;
    let text = read.map_err(io::Error::other).and_then(|text| text);
    let text = text.map_err(|error| format!("the token file {name} cannot be read: {error}"))?;
    Ok(text)
}

fn bounded(path: PathBuf) -> io::Result<String> {
    let refused = |why| Err(io::Error::new(io::ErrorKind::InvalidInput, why));
    let kind = fs::metadata(&path)?.file_type();
    if !kind.is_file() && !is_pipe(kind) {
        return refused("it is neither a regular file nor a pipe");
    }
    let mut text = String::new();
    let read = File::open(path)?.take(LONGEST + 1).read_to_string(&mut text)?;
    if u64::try_from(read).unwrap_or(u64::MAX) > LONGEST {
        return refused("it is longer than 64 KiB");
    }
    Ok(text)
}

#[cfg(unix)]
fn is_pipe(kind: FileType) -> bool {
    std::os::unix::fs::FileTypeExt::is_fifo(&kind)
}

#[cfg(not(unix))]
fn is_pipe(_: FileType) -> bool {
    false
}

/// What a shell command prints. Its complaints go where ours go.
pub(super) async fn command(command: &str) -> Result<String, TokenError> {
    let ran = timeout(PATIENCE, run(command)).await;
    Ok(ran.map_err(|_| timed_out("the token command took longer than 10 s".to_owned()))??)
}

async fn run(command: &str) -> Result<String, String> {
    let (shell, flag) = if cfg!(windows) { ("cmd", "/C") } else { ("sh", "-c") };
    let failed = |error| format!("the token command cannot be run: {error}");
    let mut command_line = Command::new(shell);
    command_line.args([flag, command]).stdin(Stdio::null()).stdout(Stdio::piped()).kill_on_drop(true);
    #[cfg(unix)]
    command_line.process_group(0);
    let mut group = Group(command_line.spawn().map_err(failed)?);
    let mut text = String::new();
    if let Some(stdout) = group.0.stdout.take() {
        // What is no text is told without being shown.
        let read = stdout.take(LONGEST).read_to_string(&mut text).await;
        read.map_err(|_| "what the token command says is no text".to_owned())?;
    }
    let status = group.0.wait().await.map_err(failed)?;
    if status.success() { Ok(text) } else { Err(format!("the token command failed: {status}")) }
}

/// A command and all that it has started: if it is not waited for any more, all of them end. The runtime sees
/// to what is left of it.
struct Group(Child);

impl Drop for Group {
    #[cfg(unix)]
    fn drop(&mut self) {
        // It has an id until it was waited for, so that this is nobody else's.
        let group = self.0.id().and_then(|id| rustix::process::Pid::from_raw(id.try_into().ok()?));
        if let Some(group) = group {
            // Fails if all of them have ended just now.
            let _ = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
        }
    }

    #[cfg(not(unix))]
    fn drop(&mut self) {}
}
