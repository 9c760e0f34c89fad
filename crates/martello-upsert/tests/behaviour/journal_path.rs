//! Pipes, and the mode of a journal.

use std::{
    fs::{self, OpenOptions, Permissions},
    future::Future,
    io::Read,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use martello_upsert::{Journal, UpsertErrorKind};
use tempfile::TempDir;

use crate::support::target;

fn pipe() -> (TempDir, PathBuf) {
    let place = tempfile::tempdir().unwrap();
    let path = place.path().join("pipe");
    assert!(Command::new("mkfifo").arg(&path).status().unwrap().success());
    (place, path)
}

/// What it comes to in the time that a file takes; `None` if it waits for whoever writes. Whoever waits for
/// the other end of the pipe is let go.
async fn soon<T>(pipe: &Path, work: impl Future<Output = T>) -> Option<T> {
    let came = tokio::time::timeout(Duration::from_secs(5), work).await.ok();
    let _both_ends = OpenOptions::new().read(true).write(true).open(pipe).unwrap();
    came
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[tokio::test]
async fn a_new_journal_has_mode_0600_and_an_existing_one_keeps_its_mode() {
    let place = tempfile::tempdir().unwrap();
    let path = place.path().join("journal");
    drop(Journal::open(&path, "orders", target()).await.unwrap());
    assert_eq!(mode(&path), 0o600);
    fs::set_permissions(&path, Permissions::from_mode(0o640)).unwrap();
    drop(Journal::open(&path, "orders", target()).await.unwrap());
    assert_eq!(mode(&path), 0o640);
}

#[tokio::test]
async fn a_pipe_is_refused_as_a_journal() {
    let (_place, path) = pipe();
    let opened = soon(&path, Journal::open(&path, "orders", target())).await;
    let error = opened.unwrap().unwrap_err();
    assert_eq!(error.kind(), UpsertErrorKind::JournalDamaged);
    assert!(error.to_string().ends_with("is not a regular file: use another file"), "{error}");
}

#[tokio::test]
async fn a_pipe_has_no_fingerprint() {
    let (_place, path) = pipe();
    let made = soon(&path, Journal::fingerprint(&path)).await;
    let error = made.unwrap().unwrap_err();
    assert_eq!(error.to_string(), "it is not a regular file and can be read only once");
}

#[tokio::test]
async fn the_fingerprint_of_an_open_file_is_that_of_its_path_and_rewinds_it() {
    let place = tempfile::tempdir().unwrap();
    let path = place.path().join("orders");
    fs::write(&path, "one\ntwo\n").unwrap();
    let mut file = fs::File::open(&path).unwrap();
    let fingerprint = Journal::fingerprint_of(file.try_clone().unwrap()).await.unwrap();
    assert_eq!(fingerprint, Journal::fingerprint(&path).await.unwrap());
    let mut text = String::new();
    file.read_to_string(&mut text).unwrap();
    assert_eq!(text, "one\ntwo\n");
}
