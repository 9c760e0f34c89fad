use std::{fs, time::Duration};

use martello_poll::{
    Acquired, Checkpoint, CheckpointStore, Delivered, FileCheckpoint, PollErrorKind, Poller, Save, Saved,
    StoreErrorKind,
};

use crate::support::{Server, item, next, options, page, source};

const LEASE: Duration = Duration::from_secs(60);

fn save() -> Save {
    let stamp = "2024-11-29T09:00:00.123456789Z".parse().unwrap();
    let delivered = vec![Delivered { stamp, key: "a".to_owned() }];
    let checkpoint = Checkpoint { source: "s".to_owned(), watermark: Some(stamp), delivered };
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
        assert_eq!(error.kind(), StoreErrorKind::Unusable, "{text:?}");
    }
    let server = Server::new(|_| page("10:00:00", "", ""));
    let error = Poller::new(server, source(), FileCheckpoint::new(&path)).next().await.unwrap_err();
    assert_eq!(error.kind(), PollErrorKind::Unusable);
    assert!(std::error::Error::source(&error).unwrap().to_string().contains("newer version"));
    let shown = format!("{error:?}");
    let expected = "PollError { kind: Unusable, source: Some(StoreError { kind: Unusable, message: ";
    assert!(shown.starts_with(expected), "{shown}");
}

#[tokio::test]
async fn two_files_of_one_path_do_not_hold_it_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("checkpoint");
    let (one, two) = (FileCheckpoint::new(&path), FileCheckpoint::new(&path));
    let Acquired::Held(held) = one.acquire(LEASE).await.unwrap() else { panic!() };
    assert!(matches!(two.acquire(LEASE).await.unwrap(), Acquired::Elsewhere));
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
    assert_eq!(error.kind(), StoreErrorKind::Unavailable);
}
