//! Being sure before many are changed.

use std::io::{self, BufRead, IsTerminal, Write};

use tokio::task::spawn_blocking;

use crate::{args::BulkArgs, error::CommandError};

/// Whether somebody is there: to be asked, and to watch.
pub(crate) fn is_interactive() -> bool {
    io::stdin().is_terminal() && io::stderr().is_terminal()
}

/// Returns if it is to be done: `--yes` was said, or somebody who was asked said so.
pub(crate) async fn confirm(bulk: BulkArgs, what: &str) -> Result<(), CommandError> {
    if bulk.yes {
        return Ok(());
    }
    if !is_interactive() {
        return Err(CommandError::usage(format!(
            "this would {what}: say --yes to do it, or --dry-run to only count"
        )));
    }
    let mut stderr = io::stderr().lock();
    write!(stderr, "This will {what}. Go on? [y/N] ")?;
    stderr.flush()?;
    drop(stderr);
    // On a thread of its own, so that Ctrl-C need not wait for it.
    let answer = spawn_blocking(|| {
        let mut answer = String::new();
        io::stdin().lock().read_line(&mut answer).map(|_| answer)
    });
    let answer = answer.await.map_err(io::Error::other)??;
    match answer.trim().to_ascii_lowercase().as_str() {
        "y" | "yes" => Ok(()),
        _ => Err(CommandError::interrupted("nothing was done")),
    }
}
