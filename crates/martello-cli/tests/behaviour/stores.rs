use std::process::Command;

use crate::support::{RunResult, StoreFixture, bare};

fn run(store: &str) -> RunResult {
    RunResult::from(bare().args(["outbox", "stats", "--store", store]).output().unwrap())
}

#[test]
fn requires_a_store() {
    let ran = |command: &mut Command| RunResult::from(command.args(["outbox", "stats"]).output().unwrap());
    ran(&mut bare()).fails(2, "set --store or MARTELLO_STORE");
    ran(bare().env("MARTELLO_STORE", "")).fails(2, "set --store or MARTELLO_STORE");
    let wrong = ran(bare().env("MARTELLO_STORE", "mysql://me:s3cret@host/db"));
    wrong.fails(2, "set --store or MARTELLO_STORE");
    assert!(!wrong.stderr.contains("s3cret"), "{wrong:?}");
}

#[tokio::test]
async fn the_option_takes_precedence_over_the_environment() {
    let (fixture, _) = StoreFixture::filled().await;
    let other = StoreFixture::empty().await;
    let ran = other.run(&["--store", &fixture.named, "dead", "list"]);
    assert_eq!(ran.stdout.lines().count(), 4);
    let ran = other.run(&["dead", "list", "--store", &fixture.named.replace("sqlite:", "sqlite://")]);
    assert_eq!(ran.stdout.lines().count(), 4);
}

#[test]
fn creates_no_store_file() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("outbox.db");
    run(&format!("sqlite:{}", path.display())).fails(3, "does not exist: check --store or MARTELLO_STORE");
    assert!(!path.exists());
    std::fs::write(&path, "").unwrap();
    run(&format!("sqlite:{}", path.display())).fails(3, "holds no store");
    assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 1);
}

#[tokio::test]
async fn rejects_another_database_without_a_change() {
    let (fixture, _) = StoreFixture::filled().await;
    let text = fixture.path("text");
    std::fs::write(&text, "no database at all, but long enough for a header").unwrap();
    run(&format!("sqlite:{}", text.display())).fails(3, "is not a SQLite database");
    run(&format!("sqlite:{}", fixture.directory.path().display())).fails(3, "is not a regular file");
    assert_eq!(std::fs::read_to_string(&text).unwrap(), "no database at all, but long enough for a header");
}

#[tokio::test]
async fn reports_a_newer_schema_and_a_foreign_database() {
    for (at, value, message) in [(60, 99_u32, "newer version of martello"), (68, 7, "another program")] {
        let (fixture, _) = StoreFixture::filled().await;
        fixture.close().await;
        // The offsets of user_version and application_id (https://sqlite.org/fileformat2.html).
        let path = fixture.path("outbox.db");
        let mut bytes = std::fs::read(&path).unwrap();
        bytes[at..at + 4].copy_from_slice(&value.to_be_bytes());
        std::fs::write(&path, bytes).unwrap();
        fixture.run(&["outbox", "stats"]).fails(3, message);
    }
}

#[tokio::test]
async fn leaves_no_wal_files() {
    let (fixture, _) = StoreFixture::filled().await;
    fixture.close().await;
    assert_eq!(fixture.run(&["dead", "list"]).code, 0);
    assert_eq!(std::fs::read_dir(fixture.directory.path()).unwrap().count(), 1);
}
