use std::{fs, time::Duration};

use martello_poll::{
    Acquired, Checkpoint, CheckpointErrorKind, CheckpointStore, Delivered, FileCheckpoint, ItemPosition,
    NewParked, ParkedFilter, ParkedId, PollErrorKind, Poller, Save, Saved,
};

use crate::support::{Server, item, next, options, page, source};

const LEASE: Duration = Duration::from_secs(60);

fn save() -> Save {
    let stamp = "2024-11-29T09:00:00.123456789Z".parse().unwrap();
    let delivered = vec![Delivered { stamp, key: "a".to_owned() }];
    let checkpoint = Checkpoint { source: "s".to_owned(), start: None, watermark: Some(stamp), delivered };
    Save { checkpoint, park: Vec::new(), unpark: Vec::new() }
}

#[tokio::test]
async fn a_file_that_is_cut_off_or_of_something_else_is_a_clear_error_and_not_a_fresh_start() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("checkpoint");
    let store = FileCheckpoint::new(&path);
    let Acquired::Held(held) = store.acquire(LEASE).await.unwrap() else { panic!() };
    assert_eq!(store.save(held.fence, save()).await.unwrap(), Saved::Saved);
    drop(store);
    let whole = fs::read(&path).unwrap();
    let mut bad: Vec<Vec<u8>> = (0..whole.len()).map(|length| whole[..length].to_vec()).collect();
    bad.push(b"{}".to_vec());
    bad.push(br#"{"martello_poll":2}"#.to_vec());
    for text in bad {
        fs::write(&path, &text).unwrap();
        let error = FileCheckpoint::new(&path).acquire(LEASE).await.unwrap_err();
        assert_eq!(error.kind(), CheckpointErrorKind::Unusable, "{text:?}");
    }
    let server = Server::new(|_| page("10:00:00", "", ""));
    let error = Poller::new(server, source(), FileCheckpoint::new(&path)).next().await.unwrap_err();
    assert_eq!(error.kind(), PollErrorKind::Unusable);
    assert!(std::error::Error::source(&error).unwrap().to_string().contains("newer version"));
    let shown = format!("{error:?}");
    let expected = "PollError { kind: Unusable, source: Some(CheckpointError { kind: Unusable, message: ";
    assert!(shown.starts_with(expected), "{shown}");
}

#[tokio::test]
async fn two_files_of_one_path_do_not_hold_it_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("checkpoint");
    let (one, two) = (FileCheckpoint::new(&path), FileCheckpoint::new(&path));
    let Acquired::Held(held) = one.acquire(LEASE).await.unwrap() else { panic!() };
    assert!(matches!(two.acquire(LEASE).await.unwrap(), Acquired::HeldElsewhere));
    assert_eq!(two.save(held.fence, save()).await.unwrap(), Saved::Fenced);
    drop(one);
    assert!(matches!(two.acquire(LEASE).await.unwrap(), Acquired::Held(_)));
}

#[tokio::test]
async fn a_poll_goes_on_from_its_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("checkpoint");
    let server = Server::new(|_| page("10:00:00", &item("a", "09:59:00"), ""));
    for first in [true, false] {
        let store = FileCheckpoint::new(&path);
        let mut poller = Poller::new(server.clone(), source(), store).with_options(options());
        if first {
            assert_eq!(next(&mut poller).await, crate::support::batch(&["a"]));
        }
        assert_eq!(next(&mut poller).await, crate::support::Seen::CaughtUp(u64::from(first)));
    }
    let names: Vec<_> =
        fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(names.len(), 2, "{names:?}");
}

#[tokio::test]
async fn a_folder_that_is_not_there_is_an_error_that_may_pass() {
    let error = FileCheckpoint::new("/nowhere/at/all").acquire(LEASE).await.unwrap_err();
    assert_eq!(error.kind(), CheckpointErrorKind::Unavailable);
}

/// A checkpoint that is there and cannot be read is not taken for none: everything would be delivered again.
async fn cannot_be_read(path: &std::path::Path, what: &str) {
    let error = FileCheckpoint::new(path).acquire(LEASE).await.unwrap_err();
    assert_eq!(error.kind(), CheckpointErrorKind::Unavailable, "{what}");
    let server = Server::new(|_| page("10:00:00", &item("a", "09:59:00"), ""));
    let store = FileCheckpoint::new(path);
    let mut poller = Poller::new(server.clone(), source(), store).with_options(options());
    let failed = crate::support::Seen::Failed(PollErrorKind::Checkpoint, Duration::from_secs(1));
    assert_eq!(next(&mut poller).await, failed, "{what}");
    assert!(server.asked().is_empty(), "{what}");
}

#[tokio::test]
async fn a_folder_in_the_place_of_a_checkpoint_is_an_error_and_not_a_fresh_start() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("checkpoint");
    fs::create_dir(&path).unwrap();
    cannot_be_read(&path, "a folder").await;
}

#[tokio::test]
async fn a_path_that_leads_through_a_file_is_an_error_and_not_a_fresh_start() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("file"), "").unwrap();
    let path = folder.path().join("file/checkpoint");
    cannot_be_read(&path, "through a file").await;
    // Where there is no lock that cannot be made, it is the file that cannot be read.
    let error = FileCheckpoint::new(&path).parked(ParkedFilter::default()).await.unwrap_err();
    assert_eq!(error.kind(), CheckpointErrorKind::Unavailable);
}

#[cfg(unix)]
#[tokio::test]
async fn a_link_that_leads_to_itself_is_an_error_and_not_a_fresh_start() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("checkpoint");
    std::os::unix::fs::symlink(&path, &path).unwrap();
    cannot_be_read(&path, "a link to itself").await;
}

#[cfg(unix)]
#[tokio::test]
async fn a_checkpoint_that_may_not_be_read_is_an_error_and_not_a_fresh_start() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("checkpoint");
    let store = FileCheckpoint::new(&path);
    let Acquired::Held(held) = store.acquire(LEASE).await.unwrap() else { panic!() };
    assert_eq!(store.save(held.fence, save()).await.unwrap(), Saved::Saved);
    drop(store);
    fs::set_permissions(&path, fs::Permissions::from_mode(0o000)).unwrap();
    if fs::read(&path).is_ok() {
        return as_unprivileged_user(
            "file::a_checkpoint_that_may_not_be_read_is_an_error_and_not_a_fresh_start",
            folder.path(),
        );
    }
    cannot_be_read(&path, "without permission").await;
}

/// Runs a test again as an unprivileged user, because root may access everything.
#[cfg(unix)]
fn as_unprivileged_user(test: &str, folder: &std::path::Path) {
    use std::os::unix::{fs::PermissionsExt, process::CommandExt};
    const UNPRIVILEGED: u32 = 65_534;
    // The unprivileged user may have no access to the directory of the tests.
    let tests = folder.join("tests");
    fs::copy(std::env::current_exe().unwrap(), &tests).unwrap();
    fs::set_permissions(folder, fs::Permissions::from_mode(0o777)).unwrap();
    let mut command = std::process::Command::new(tests);
    command
        .args(["--exact", test])
        .current_dir(folder)
        .env("TMPDIR", folder)
        .uid(UNPRIVILEGED)
        .gid(UNPRIVILEGED);
    let ran = command.output().unwrap();
    let said = String::from_utf8_lossy(&ran.stdout);
    assert!(ran.status.success() && said.contains("1 passed"), "{said}");
}

#[tokio::test]
async fn a_checkpoint_that_is_no_text_is_an_error_and_not_a_fresh_start() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("checkpoint");
    fs::write(&path, b"{\"martello_poll\":1,\"source\":\"\xff\",\"watermark\":null,\"delivered\":[]}")
        .unwrap();
    let error = FileCheckpoint::new(&path).acquire(LEASE).await.unwrap_err();
    assert_eq!(error.kind(), CheckpointErrorKind::Unusable);
}

/// If an unreadable file counted as missing, the poller would replace it and lose the parked items.
#[tokio::test]
async fn parked_items_that_cannot_be_read_are_an_error_and_are_not_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("checkpoint");
    let parked = folder.path().join("checkpoint.parked");
    let store = FileCheckpoint::new(&path);
    let Acquired::Held(held) = store.acquire(LEASE).await.unwrap() else { panic!() };
    let item = NewParked {
        key: "a".to_owned(),
        stamp: None,
        position: ItemPosition { page: 1, item: 0 },
        json: "{}".to_owned(),
        reason: "no such depot".to_owned(),
        parked_at: "2024-11-29T09:00:00Z".parse().unwrap(),
    };
    for (what, kind) in
        [("folder", CheckpointErrorKind::Unavailable), ("text", CheckpointErrorKind::Unusable)]
    {
        match what {
            "folder" => fs::create_dir(&parked).unwrap(),
            _ => fs::write(&parked, b"{\"martello_poll\":1,\xff").unwrap(),
        }
        let listed = store.parked(ParkedFilter::default()).await.unwrap_err();
        let again = store.redeliver(vec![ParkedId(1)]).await.unwrap_err();
        let discarded = store.discard(vec![ParkedId(1)]).await.unwrap_err();
        let parking = store.save(held.fence, Save { park: vec![item.clone()], ..save() }).await.unwrap_err();
        for error in [listed, again, discarded, parking] {
            assert_eq!(error.kind(), kind, "{what}");
        }
        assert!(!path.exists(), "the watermark does not move past what could not be parked");
        if what == "folder" {
            fs::remove_dir(&parked).unwrap();
        }
    }
    assert_eq!(fs::read(&parked).unwrap(), b"{\"martello_poll\":1,\xff");
}
