//! The mode of the files: a store holds customers' data.

use std::{
    env,
    fs::{self, Permissions},
    os::unix::fs::{PermissionsExt, symlink},
    path::Path,
    process::Command,
};

use martello_sqlite::SqliteStore;

use crate::support::{contents, entry, temp_store_path};

const FILE: &str = "MARTELLO_SQLITE_TEST_MODE";

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

/// Creates a store and writes to it, in a process whose umask allows everything.
fn create_without_a_umask(path: &Path) {
    let mut command = Command::new("sh");
    command.args(["-c", "umask 000; exec \"$0\" \"$@\""]).arg(env::current_exe().unwrap());
    command.args(["--exact", "modes::the_role_of_a_process_without_a_umask"]).env(FILE, path);
    assert!(command.output().unwrap().status.success());
}

#[tokio::test]
async fn the_role_of_a_process_without_a_umask() {
    use martello_outbox::Store;
    let Some(path) = env::var_os(FILE).map(std::path::PathBuf::from) else { return };
    let store = SqliteStore::open(&path).await.unwrap();
    store.enqueue(vec![entry()]).await.unwrap();
    let files = contents(path.parent().unwrap());
    // The log and its index get the mode of the file.
    let beside = files.keys().filter(|file| file.to_string_lossy().contains(".db-")).count();
    assert_eq!(beside, 2, "{files:?}");
    for file in files.keys() {
        assert_eq!(mode(file), mode(&path), "{}", file.display());
    }
    store.close().await;
}

#[test]
fn a_created_store_is_for_its_owner_only_whatever_the_umask() {
    let (directory, path) = temp_store_path();
    create_without_a_umask(&path);
    assert_eq!(mode(&path), 0o600);
    assert_eq!(contents(directory.path()).len(), 1, "nothing is left beside it");
    let link = directory.path().join("link");
    symlink(directory.path().join("another.db"), &link).unwrap();
    create_without_a_umask(&link);
    assert_eq!(mode(&link), 0o600);
}

#[test]
fn an_existing_file_keeps_its_mode() {
    let (_directory, path) = temp_store_path();
    fs::write(&path, "").unwrap();
    for _ in 0..2 {
        fs::set_permissions(&path, Permissions::from_mode(0o640)).unwrap();
        create_without_a_umask(&path);
        assert_eq!(mode(&path), 0o640);
    }
}
