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

/// The temporary file that the editor changed. Dropping this deletes it.
pub(super) struct EditedFile(NamedTempFile);

/// Opens the request in the user's editor.
pub(super) async fn edit(last: &StoredRequest) -> Result<EditedFile, CommandError> {
    let no_text = || CommandError::usage("the body is not text: change it with --body-file");
    let before = message::write(last).ok_or_else(no_text)?;
    let unwritten = |error: io::Error| {
        CommandError::other("failed to write a temporary file for the editor").with_source(error)
    };
    // tempfile creates it with mode 0600, because bodies may be confidential.
    let mut file =
        tempfile::Builder::new().prefix("martello-").suffix(".http").tempfile().map_err(unwritten)?;
    file.write_all(before.as_bytes()).and_then(|()| file.flush()).map_err(unwritten)?;
    let written = EditedFile(file);
    match run(&written.0).await? {
        EditorExit::Closed => Ok(written),
        EditorExit::Interrupted => {
            Err(written.keep(CommandError::interrupted("interrupted while the editor was open")))
        }
    }
}

impl EditedFile {
    /// Parses the edited request.
    pub(super) fn draft(&self, last: &StoredRequest) -> Result<StoredRequest, CommandError> {
        message::parse(&text(&read(self.0.path())?)?, last)
    }

    /// Keeps the file, so that the user's work is not lost, and adds its path to the error.
    pub(super) fn keep(self, error: CommandError) -> CommandError {
        match self.0.keep() {
            Ok((_, path)) => {
                let path = path.display();
                error.with_note(format_args!(
                    "your text is in {path}: correct it, then use --request-file {path}"
                ))
            }
            Err(_) => error,
        }
    }
}

/// How the editor ended.
enum EditorExit {
    Closed,
    Interrupted,
}

async fn run(file: &NamedTempFile) -> Result<EditorExit, CommandError> {
    let named = ["VISUAL", "EDITOR"].into_iter().filter_map(|name| env::var(name).ok());
    let editor =
        named.into_iter().find(|editor| !editor.trim().is_empty()).unwrap_or_else(|| "vi".to_owned());
    // The variable may contain options, such as `code --wait`.
    let mut words = editor.split_whitespace();
    let mut command = Command::new(words.next().unwrap_or("vi"));
    command.args(words).arg(file.path());
    let ended = in_foreground(spawn_blocking(move || command.status())).await;
    let Some(ended) = ended else { return Ok(EditorExit::Interrupted) };
    let ended =
        ended.map_err(|error| CommandError::other("the editor's thread panicked").with_source(error))?;
    match ended {
        Ok(status) if status.success() => Ok(EditorExit::Closed),
        Ok(status) => Err(CommandError::other(format!(
            "the editor `{editor}` failed with {status}: the request is unchanged"
        ))),
        Err(error) => Err(CommandError::usage(format!(
            "failed to run the editor `{editor}`: set EDITOR, or use --body-file"
        ))
        .with_source(error)),
    }
}
