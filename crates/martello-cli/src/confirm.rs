//! Asks for confirmation before a command changes many entries.

use std::io::{self, BufRead, IsTerminal, Write};

use tokio::task::spawn_blocking;

use crate::{args::BulkArgs, error::CommandError};

/// Whether stdin and stderr are a terminal, so that the command can ask and show progress.
pub(crate) fn is_interactive() -> bool {
    io::stdin().is_terminal() && io::stderr().is_terminal()
}

/// Returns `Ok` if `--yes` is given or the user answers yes.
///
/// # Errors
///
/// A usage error without a terminal, and [`CommandError::interrupted`] for any other answer.
pub(crate) async fn confirm(bulk: BulkArgs, what: &str) -> Result<(), CommandError> {
    if bulk.yes {
        return Ok(());
    }
    if !is_interactive() {
        return Err(CommandError::usage(format!(
            "this would {what}: add --yes to confirm, or --dry-run to only count"
        )));
    }
    let mut stderr = io::stderr().lock();
    write!(stderr, "This will {what}. Continue? [y/N] ")?;
    stderr.flush()?;
    drop(stderr);
    // On a blocking thread, so that Ctrl-C does not wait for an answer.
    let answer = spawn_blocking(|| {
        let mut answer = String::new();
        io::stdin().lock().read_line(&mut answer).map(|_| answer)
    });
    let answer = answer.await.map_err(io::Error::other)??;
    match answer.trim().to_ascii_lowercase().as_str() {
        "y" | "yes" => Ok(()),
        _ => Err(CommandError::interrupted("not confirmed: nothing was changed")),
    }
}
