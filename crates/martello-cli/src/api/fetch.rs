//! Reads the text of a token from a file or a command, with a limit of 64 KiB and 10 seconds.

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

/// The maximum wait for a token, and its maximum size in bytes.
const PATIENCE: Duration = Duration::from_secs(10);
const LONGEST: u64 = 64 * 1024;

/// A token could not be read.
pub(super) struct TokenError {
    pub(super) why: String,
    /// Whether reading again may succeed.
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

/// Reads a regular file or a pipe.
pub(super) async fn file(path: &Path) -> Result<String, TokenError> {
    let name = path.display();
    let named = path.to_owned();
    // Opening a pipe without a writer blocks this thread until the process ends.
    let read = timeout(PATIENCE, spawn_blocking(move || bounded(named))).await;
    let read =
        read.map_err(|_| timed_out(format!("nothing was written to token file {name} within 10 s")))?;
    let text = read.map_err(io::Error::other).and_then(|text| text);
    let text = text.map_err(|error| format!("failed to read token file {name}: {error}"))?;
    Ok(text)
}

fn bounded(path: PathBuf) -> io::Result<String> {
    let refused = |why| Err(io::Error::new(io::ErrorKind::InvalidInput, why));
    let kind = fs::metadata(&path)?.file_type();
    if !kind.is_file() && !is_pipe(kind) {
        return refused("not a regular file or pipe");
    }
    let mut text = String::new();
    let read = File::open(path)?.take(LONGEST + 1).read_to_string(&mut text)?;
    if u64::try_from(read).unwrap_or(u64::MAX) > LONGEST {
        return refused("longer than 64 KiB");
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

/// Reads what a shell command prints. Its stderr is the stderr of this process.
pub(super) async fn command(command: &str) -> Result<String, TokenError> {
    let ran = timeout(PATIENCE, run(command)).await;
    Ok(ran.map_err(|_| timed_out("the token command took longer than 10 s".to_owned()))??)
}

async fn run(command: &str) -> Result<String, String> {
    let (shell, flag) = if cfg!(windows) { ("cmd", "/C") } else { ("sh", "-c") };
    let failed = |error| format!("failed to run the token command: {error}");
    let mut command_line = Command::new(shell);
    command_line.args([flag, command]).stdin(Stdio::null()).stdout(Stdio::piped()).kill_on_drop(true);
    #[cfg(unix)]
    command_line.process_group(0);
    let mut group = Group(command_line.spawn().map_err(failed)?);
    let mut text = String::new();
    if let Some(stdout) = group.0.stdout.take() {
        // The error does not repeat the output, which may be a secret.
        let read = stdout.take(LONGEST).read_to_string(&mut text).await;
        read.map_err(|_| "the output of the token command is not text".to_owned())?;
    }
    let status = group.0.wait().await.map_err(failed)?;
    if status.success() { Ok(text) } else { Err(format!("the token command failed: {status}")) }
}

/// A command and its process group. Dropping this kills the group; the runtime reaps the command.
struct Group(Child);

impl Drop for Group {
    #[cfg(unix)]
    fn drop(&mut self) {
        // `id` is `None` once the command was reaped, so the id cannot belong to another process.
        let group = self.0.id().and_then(|id| rustix::process::Pid::from_raw(id.try_into().ok()?));
        if let Some(group) = group {
            // Fails if all processes of the group have ended already.
            let _ = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
        }
    }

    #[cfg(not(unix))]
    fn drop(&mut self) {}
}
