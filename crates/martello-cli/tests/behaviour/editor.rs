//! `dead edit` in an editor, at a terminal.

use std::{
    fs::{File, OpenOptions, Permissions},
    io::Read,
    os::unix::fs::PermissionsExt,
    path::PathBuf,
    process::Stdio,
};

use martello_outbox::EntryId;
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};

use crate::support::{RunResult, StoreFixture};

/// Both ends of a pseudo-terminal.
pub(crate) fn terminal() -> (File, File) {
    let controller = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
    grantpt(&controller).unwrap();
    unlockpt(&controller).unwrap();
    let name = ptsname(&controller, Vec::new()).unwrap().into_string().unwrap();
    (File::from(controller), OpenOptions::new().read(true).write(true).open(name).unwrap())
}

/// Edits a dead letter at a terminal; the editor is this script, with the file as `$1`.
fn edit(fixture: &StoreFixture, id: EntryId, script: &str) -> RunResult {
    let editor = fixture.path("editor");
    std::fs::write(&editor, format!("#!/bin/sh\nset -e\n{script}\n")).unwrap();
    std::fs::set_permissions(&editor, Permissions::from_mode(0o700)).unwrap();
    let (mut controller, terminal) = terminal();
    let mut command = fixture.command(&["dead", "edit", &id.to_string()]);
    command.env_remove("VISUAL").env("EDITOR", &editor).env("TMPDIR", fixture.directory.path());
    command.env("MARTELLO", env!("CARGO_BIN_EXE_martello"));
    command.stdin(terminal.try_clone().unwrap()).stderr(terminal).stdout(Stdio::piped());
    let child = command.spawn().unwrap();
    // The command keeps the other end of the terminal open until it exits.
    drop(command);
    let mut text = Vec::new();
    // A read fails once the other end is closed.
    let _ = controller.read_to_end(&mut text);
    let mut ran = RunResult::from(child.wait_with_output().unwrap());
    ran.stderr = String::from_utf8(text).unwrap().replace("\r\n", "\n");
    ran
}

/// The bodies of the revisions of an entry.
async fn bodies(fixture: &StoreFixture, id: EntryId) -> Vec<String> {
    let revisions = fixture.store.detail(id).await.unwrap().unwrap().revisions.into_iter();
    revisions.map(|revision| String::from_utf8(revision.request.body.to_vec()).unwrap()).collect()
}

/// The draft that was kept, if any.
fn kept(fixture: &StoreFixture) -> Option<PathBuf> {
    let files = std::fs::read_dir(fixture.directory.path()).unwrap().map(|file| file.unwrap().path());
    files.into_iter().find(|path| path.extension().is_some_and(|extension| extension == "http"))
}

#[tokio::test]
async fn creates_a_revision_from_the_editor() {
    let (fixture, ids) = StoreFixture::filled().await;
    let ran = edit(&fixture, ids[0], r#"sed -i 's/"stops":-3/"stops":3/' "$1""#);
    assert_eq!(ran.code, 0, "{ran:?}");
    assert_eq!(bodies(&fixture, ids[0]).await, [r#"{"stops":-3,"by":"road"}"#, r#"{"stops":3,"by":"road"}"#]);
    assert_eq!(kept(&fixture), None);
}

#[tokio::test]
async fn keeps_the_draft_when_another_edit_came_first() {
    let (fixture, ids) = StoreFixture::filled().await;
    let id = ids[0].to_string();
    let theirs = format!(r#""$MARTELLO" dead edit {id} --body '{{"theirs":1}}' </dev/null >/dev/null 2>&1"#);
    let ran = edit(&fixture, ids[0], &format!(r#"{theirs}; sed -i 's/"stops":-3/"stops":3/' "$1""#));
    ran.fails(4, &format!("entry {id} was edited meanwhile: its last revision is 2, not 1"));
    assert_eq!(bodies(&fixture, ids[0]).await, [r#"{"stops":-3,"by":"road"}"#, r#"{"theirs":1}"#]);

    let file = kept(&fixture).unwrap();
    let path = file.to_str().unwrap();
    assert!(ran.stderr.contains(&format!("use --request-file {path}")), "{ran:?}");
    let ran = fixture.run(&["dead", "edit", &id, "--request-file", path]);
    assert_eq!(ran.code, 0, "{ran:?}");
    assert_eq!(bodies(&fixture, ids[0]).await.pop().unwrap(), r#"{"stops":3,"by":"road"}"#);
}

#[tokio::test]
async fn keeps_the_draft_when_the_entry_was_replayed() {
    let (fixture, ids) = StoreFixture::filled().await;
    let theirs = format!(r#""$MARTELLO" dead replay {} </dev/null >/dev/null 2>&1"#, ids[0]);
    let ran = edit(&fixture, ids[0], &format!(r#"{theirs}; sed -i 's/"stops":-3/"stops":3/' "$1""#));
    ran.fails(4, "is ready, but must be dead");
    let written = std::fs::read_to_string(kept(&fixture).unwrap()).unwrap();
    assert!(written.contains(r#"{"stops":3"#), "{written}");
}

#[tokio::test]
async fn keeps_an_invalid_draft() {
    let (fixture, ids) = StoreFixture::filled().await;
    let ran = edit(&fixture, ids[0], r#"echo "no request" > "$1""#);
    ran.fails(2, "your text is in ");
    assert_eq!(std::fs::read_to_string(kept(&fixture).unwrap()).unwrap(), "no request\n");

    let ran = edit(&fixture, ids[0], "exit 3");
    ran.fails(7, "the request is unchanged");
    assert_eq!(bodies(&fixture, ids[0]).await.len(), 1);
}

/// SIGTERM ends the command but not the editor. The text saved so far is kept.
#[tokio::test]
async fn keeps_the_draft_on_sigterm() {
    let (fixture, ids) = StoreFixture::filled().await;
    let ran = edit(&fixture, ids[0], r#"sed -i 's/"stops":-3/"stops":3/' "$1"; kill -TERM $PPID; sleep 1"#);
    assert_eq!(ran.code, 130, "{ran:?}");
    assert!(ran.stderr.contains("interrupted while the editor was open"), "{ran:?}");
    let text = std::fs::read_to_string(kept(&fixture).unwrap()).unwrap();
    assert!(
        text.contains(r#""stops":3"#) && ran.stderr.contains("correct it, then use --request-file "),
        "{text}"
    );
    assert_eq!(bodies(&fixture, ids[0]).await.len(), 1);
}
