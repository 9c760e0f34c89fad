use std::{
    env,
    io::{self, Write},
    process::Command,
};

use martello_outbox::StoredRequest;
use tempfile::NamedTempFile;
use tokio::task::spawn_blocking;

use super::{message, read, text};
use crate::{error::CommandError, interrupt::in_foreground};

/// What somebody wrote in an editor. It is gone when this is dropped.
pub(super) struct Written(NamedTempFile);

/// Lets somebody change the request in an editor.
pub(super) async fn edit(last: &StoredRequest) -> Result<Written, CommandError> {
    let no_text = || CommandError::usage("its body is no text: change it with --body-file");
    let before = message::write(last).ok_or_else(no_text)?;
    let unwritten =
        |error: io::Error| CommandError::other("no temporary file can be written").with_source(error);
    // For its owner alone: there are bodies in it.
    let mut file =
        tempfile::Builder::new().prefix("martello-").suffix(".http").tempfile().map_err(unwritten)?;
    file.write_all(before.as_bytes()).and_then(|()| file.flush()).map_err(unwritten)?;
    let written = Written(file);
    match run(&written.0).await? {
        EditorExit::Closed => Ok(written),
        EditorExit::Interrupted => {
            Err(written.keep(CommandError::interrupted("interrupted, while the editor was open")))
        }
    }
}

impl Written {
    /// The request that it says.
    pub(super) fn draft(&self, last: &StoredRequest) -> Result<StoredRequest, CommandError> {
        message::parse(&text(&read(self.0.path())?)?, last)
    }

    /// Keeps it, so that the work is not lost, and says where.
    pub(super) fn keep(self, failure: CommandError) -> CommandError {
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
enum EditorExit {
    Closed,
    Interrupted,
}

async fn run(file: &NamedTempFile) -> Result<EditorExit, CommandError> {
    let named = ["VISUAL", "EDITOR"].into_iter().filter_map(|name| env::var(name).ok());
    let editor =
        named.into_iter().find(|editor| !editor.trim().is_empty()).unwrap_or_else(|| "vi".to_owned());
    // It may come with options, such as `code --wait`.
    let mut words = editor.split_whitespace();
    let mut command = Command::new(words.next().unwrap_or("vi"));
    command.args(words).arg(file.path());
    let ended = in_foreground(spawn_blocking(move || command.status())).await;
    let Some(ended) = ended else { return Ok(EditorExit::Interrupted) };
    let ended =
        ended.map_err(|error| CommandError::other("the editor's thread panicked").with_source(error))?;
    match ended {
        Ok(status) if status.success() => Ok(EditorExit::Closed),
        Ok(status) => Err(CommandError::other(format!("{editor} ended with {status}: nothing was changed"))),
        Err(error) => {
            Err(CommandError::usage(format!("{editor} cannot be run: set EDITOR, or use --body-file"))
                .with_source(error))
        }
    }
}
