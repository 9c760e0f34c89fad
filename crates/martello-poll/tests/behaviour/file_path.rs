//! Where the files of a checkpoint may be, which permissions they get, and that links do not redirect them.

use std::{
    fs::{self, OpenOptions, Permissions},
    future::Future,
    os::unix::fs::{MetadataExt, PermissionsExt, chown, symlink},
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use martello_poll::{
    Acquired, Checkpoint, CheckpointError, CheckpointErrorKind, CheckpointStore, FileCheckpoint,
    ItemPosition, NewParked, ParkedFilter, ParkedId, Save, Saved,
};
use tempfile::TempDir;

const LEASE: Duration = Duration::from_secs(60);
const STRANGER: u32 = 65_534;

fn folder_and_path() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("checkpoint");
    (folder, path)
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

/// Saves a checkpoint, and parks an item.
async fn save(path: &Path) -> Result<(), CheckpointError> {
    let store = FileCheckpoint::new(path);
    let Acquired::Held(held) = store.acquire(LEASE).await? else { panic!("it is held elsewhere") };
    let item = NewParked {
        key: "a".to_owned(),
        stamp: None,
        position: ItemPosition { page: 1, item: 0 },
        json: "{}".to_owned(),
        reason: "no such depot".to_owned(),
        parked_at: "2024-11-29T09:00:00Z".parse().unwrap(),
    };
    let checkpoint =
        Checkpoint { source: "s".to_owned(), start: None, watermark: None, delivered: Vec::new() };
    let save = Save { checkpoint, park: vec![item], unpark: Vec::new() };
    assert_eq!(store.save(held.fence, save).await?, Saved::Saved);
    Ok(())
}

#[tokio::test]
async fn all_files_are_for_their_owner_alone_and_those_that_are_there_keep_their_mode() {
    let (folder, path) = folder_and_path();
    save(&path).await.unwrap();
    let files = || fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().path());
    assert_eq!(files().count(), 4);
    for file in files() {
        assert_eq!(mode(&file), 0o600, "{}", file.display());
        fs::set_permissions(&file, Permissions::from_mode(0o640)).unwrap();
    }
    save(&path).await.unwrap();
    assert_eq!(files().count(), 4);
    for file in files() {
        assert_eq!(mode(&file), 0o640, "{}", file.display());
    }
}

/// As a neighbour in a directory that all may write to would: CWE-59.
#[tokio::test]
async fn planted_links_are_not_followed() {
    for name in ["checkpoint.new", "checkpoint.parked.new", "checkpoint.lock", "checkpoint.parked.lock"] {
        let (folder, path) = folder_and_path();
        let treasure = folder.path().join("treasure");
        fs::write(&treasure, "keep this").unwrap();
        symlink(&treasure, folder.path().join(name)).unwrap();
        let saved = save(&path).await;
        assert_eq!(fs::read_to_string(&treasure).unwrap(), "keep this", "{name}");
        if name.ends_with(".new") {
            saved.unwrap();
            continue;
        }
        let error = saved.unwrap_err();
        assert_eq!(error.kind(), CheckpointErrorKind::Unusable, "{name}");
        let expected = "is a symbolic link or has more than one name; check who created it, then remove it";
        assert!(error.to_string().ends_with(expected), "{error}");
    }
}

/// Links are followed only at the checkpoint's own path, which the user configured.
#[tokio::test]
async fn what_is_parked_is_not_written_where_a_planted_link_leads_to() {
    let (folder, path) = folder_and_path();
    let elsewhere = folder.path().join("elsewhere");
    symlink(&elsewhere, folder.path().join("checkpoint.parked")).unwrap();
    let error = save(&path).await.unwrap_err();
    assert_eq!(error.kind(), CheckpointErrorKind::Unusable);
    assert!(
        error.to_string().ends_with("is a symbolic link; check who created it, then remove it"),
        "{error}"
    );
    assert!(!elsewhere.exists());
}

/// As root, which alone can make a stranger's file.
#[tokio::test]
async fn what_is_parked_is_not_opened_to_all_by_the_file_of_a_stranger() {
    let (_folder, path) = folder_and_path();
    let parked = path.with_extension("parked");
    fs::write(&parked, r#"{"martello_poll":1,"last":0,"parked":[]}"#).unwrap();
    fs::set_permissions(&parked, Permissions::from_mode(0o666)).unwrap();
    if chown(&parked, Some(STRANGER), None).is_err() {
        return;
    }
    save(&path).await.unwrap();
    assert_eq!((mode(&parked), fs::metadata(&parked).unwrap().uid()), (0o600, 0));
}

/// What root parks, or takes out, the owner of the checkpoint can read.
#[tokio::test]
async fn what_is_parked_is_of_the_owner_of_its_checkpoint() {
    let (_folder, path) = folder_and_path();
    save(&path).await.unwrap();
    let parked = path.with_extension("parked");
    fs::remove_file(&parked).unwrap();
    if chown(&path, Some(STRANGER), None).is_err() {
        return;
    }
    FileCheckpoint::new(&path).discard(vec![ParkedId(1)]).await.unwrap();
    assert_eq!(fs::metadata(&parked).unwrap().uid(), STRANGER);
}

#[tokio::test]
async fn a_lock_is_read_within_bounds() {
    let (folder, path) = folder_and_path();
    let lock = folder.path().join("checkpoint.lock");
    fs::File::create(&lock).unwrap().set_len(1 << 40).unwrap();
    save(&path).await.unwrap();
    assert_eq!(fs::read_to_string(&lock).unwrap(), "1");
}

#[tokio::test]
async fn a_lock_that_is_another_name_of_a_file_is_not_written_to() {
    let (folder, path) = folder_and_path();
    let treasure = folder.path().join("treasure");
    fs::write(&treasure, "keep this").unwrap();
    fs::hard_link(&treasure, folder.path().join("checkpoint.lock")).unwrap();
    assert_eq!(save(&path).await.unwrap_err().kind(), CheckpointErrorKind::Unusable);
    assert_eq!(fs::read_to_string(&treasure).unwrap(), "keep this");
}

#[tokio::test]
async fn a_link_that_dangles_makes_no_file_elsewhere_if_it_is_that_of_a_lock() {
    let (folder, path) = folder_and_path();
    let elsewhere = folder.path().join("elsewhere");
    symlink(&elsewhere, folder.path().join("checkpoint.lock")).unwrap();
    save(&path).await.unwrap_err();
    assert!(!elsewhere.exists());
}

/// The checkpoint is where its path leads to, and so are the files beside it: two links to it are one
/// checkpoint.
#[tokio::test]
async fn a_checkpoint_whose_path_is_a_link_is_replaced_where_that_leads_to() {
    let folder = tempfile::tempdir().unwrap();
    let (data, link) = (folder.path().join("data"), folder.path().join("link"));
    fs::create_dir(&data).unwrap();
    symlink("data/checkpoint", &link).unwrap();
    for _ in 0..2 {
        save(&link).await.unwrap();
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        assert_eq!(fs::read_dir(&data).unwrap().count(), 4);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2);
    }
    let (one, two) = (FileCheckpoint::new(&link), FileCheckpoint::new(data.join("checkpoint")));
    let Acquired::Held(_) = one.acquire(LEASE).await.unwrap() else { panic!() };
    assert!(matches!(two.acquire(LEASE).await.unwrap(), Acquired::HeldElsewhere));
    assert_eq!(one.parked(ParkedFilter::default()).await.unwrap().len(), 1);
}

/// Whether this is refused in the time that a file takes. Whoever waits for the other end of the pipe is let
/// go.
async fn is_refused<T>(pipe: &Path, work: impl Future<Output = Result<T, CheckpointError>>) {
    let came = tokio::time::timeout(Duration::from_secs(5), work).await;
    let _both_ends = OpenOptions::new().read(true).write(true).open(pipe).unwrap();
    assert!(came.is_ok(), "it waits for whoever writes");
    let Err(error) = came.unwrap() else { panic!("it is not refused") };
    assert_eq!(error.kind(), CheckpointErrorKind::Unusable, "{error}");
}

#[tokio::test]
async fn a_pipe_is_refused_and_not_waited_for() {
    for name in ["checkpoint", "checkpoint.parked", "checkpoint.lock", "checkpoint.parked.lock"] {
        let (folder, path) = folder_and_path();
        let pipe = folder.path().join(name);
        assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        is_refused(&pipe, save(&path)).await;
        if name.contains("parked") {
            is_refused(&pipe, FileCheckpoint::new(&path).discard(vec![ParkedId(1)])).await;
        }
    }
}
