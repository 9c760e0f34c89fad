use std::{
    env,
    io::{self, Write},
    process::Command,
};

use martello_outbox::StoredRequest;
use tempfile::NamedTempFile;
use tokio::task::spawn_blocking;

use super::{message, read, text};
use crate::{failure::Failure, interrupt::in_foreground};

/// What somebody wrote in an editor. It is gone when this is dropped.
pub(super) struct Written(NamedTempFile);

/// Lets somebody change the request in an editor.
pub(super) async fn edit(last: &StoredRequest) -> Result<Written, Failure> {
    let no_text = || Failure::usage("its body is no text: change it with --body-file");
    let before = message::write(last).ok_or_else(no_text)?;
    let unwritten = |error: io::Error| Failure::other("no temporary file can be written").because(error);
    // For its owner alone: there are bodies in it.
    let mut file =
        tempfile::Builder::new().prefix("martello-").suffix(".http").tempfile().map_err(unwritten)?;
    file.write_all(before.as_bytes()).and_then(|()| file.flush()).map_err(unwritten)?;
    let written = Written(file);
    match run(&written.0).await? {
        Ended::Itself => Ok(written),
        Ended::Not => Err(written.keep(Failure::interrupted("interrupted, while the editor was open"))),
    }
}

impl Written {
    /// The request that it says.
    pub(super) fn draft(&self, last: &StoredRequest) -> Result<StoredRequest, Failure> {
        message::parse(&text(&read(self.0.path())?)?, last)
    }

    /// Keeps it, so that the work is not lost, and says where.
    pub(super) fn keep(self, failure: Failure) -> Failure {
        match self.0.keep() {
            Ok((_, path)) => {
                let path = path.display();
                failure
                    .and(format_args!("what you wrote is in {path}: mend it, and use --request-file {path}"))
            }
            Err(_) => failure,
        }
    }
}

/// Whether the editor came to its end.
enum Ended {
    Itself,
    Not,
}

async fn run(file: &NamedTempFile) -> Result<Ended, Failure> {
    let named = ["VISUAL", "EDITOR"].into_iter().filter_map(|name| env::var(name).ok());
    let editor =
        named.into_iter().find(|editor| !editor.trim().is_empty()).unwrap_or_else(|| "vi".to_owned());
    // It may come with options, such as `code --wait`.
    let mut words = editor.split_whitespace();
    let mut command = Command::new(words.next().unwrap_or("vi"));
    command.args(words).arg(file.path());
    let ended = in_foreground(spawn_blocking(move || command.status())).await;
    let Some(ended) = ended else { return Ok(Ended::Not) };
    let ended = ended.map_err(|error| Failure::other("the editor's thread panicked").because(error))?;
    match ended {
        Ok(status) if status.success() => Ok(Ended::Itself),
        Ok(status) => Err(Failure::other(format!("{editor} ended with {status}: nothing was changed"))),
        Err(error) => {
            Err(Failure::usage(format!("{editor} cannot be run: set EDITOR, or use --body-file"))
                .because(error))
        }
    }
}
