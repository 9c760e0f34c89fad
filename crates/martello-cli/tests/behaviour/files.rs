//! An output is never another file of the run, and never replaces a pipe or a device.

use std::{
    fs::{self, File, OpenOptions, Permissions},
    io::Read,
    os::unix::fs::{FileTypeExt, PermissionsExt, symlink},
    path::Path,
    process::{Command, Stdio},
    thread,
};

use crate::{
    pipes::mkfifo,
    support::{RunResult, StoreFixture, bare},
    sync::{SyncFixture, run},
};

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

/// The command with umask 000, under which new files are readable and writable by all users.
fn without_a_umask(command: &Command) -> Command {
    let mut shell = Command::new("sh");
    shell.args(["-c", "umask 000; exec \"$0\" \"$@\""]).arg(command.get_program()).args(command.get_args());
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => shell.env(name, value),
            None => shell.env_remove(name),
        };
    }
    if let Some(directory) = command.get_current_dir() {
        shell.current_dir(directory);
    }
    shell.stdin(Stdio::null());
    shell
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn creates_files_with_mode_0600_and_keeps_existing_modes() {
    let sync = SyncFixture::new().await;
    sync.orders(3);
    let now = sync.planner.now();
    sync.planner.release(martello_planner::Planning::new("p-1", now, now));
    for there in [0o600, 0o640] {
        let ran = run(without_a_umask(&sync.upsert(&["--journal", "journal", "--report", "report"])));
        assert_eq!(ran.code, 0, "{ran:?}");
        // Items without an order are parked.
        let ran = run(without_a_umask(&sync.poll(&["--once", "--print", "order"])));
        assert!([0, 1].contains(&ran.code), "{ran:?}");
        for name in [
            "journal",
            "report",
            "checkpoint",
            "checkpoint.lock",
            "checkpoint.parked",
            "checkpoint.parked.lock",
        ] {
            assert_eq!(mode(&sync.path(name)), there, "{name}");
            fs::set_permissions(sync.path(name), Permissions::from_mode(0o640)).unwrap();
        }
    }
}

#[tokio::test]
async fn export_creates_mode_0600_and_keeps_an_existing_mode() {
    let (fixture, _) = StoreFixture::filled().await;
    let out = fixture.path("dead.ndjson");
    for there in [0o600, 0o640] {
        let command = fixture.command(&["dead", "export", "--out", out.to_str().unwrap()]);
        assert_eq!(run(without_a_umask(&command)).code, 0);
        assert_eq!(mode(&out), there);
        fs::set_permissions(&out, Permissions::from_mode(0o640)).unwrap();
    }
}

#[tokio::test]
async fn export_writes_to_a_pipe_and_a_device() {
    let (fixture, _) = StoreFixture::filled().await;
    let pipe = fixture.path("pipe");
    mkfifo(&pipe);
    let reader = {
        let pipe = pipe.clone();
        thread::spawn(move || fs::read_to_string(pipe).unwrap())
    };
    let ran = fixture.run(&["dead", "export", "--out", pipe.to_str().unwrap()]);
    assert_eq!(ran.code, 0, "{ran:?}");
    let is_pipe = fs::symlink_metadata(&pipe).unwrap().file_type().is_fifo();
    if !is_pipe {
        // Unblock the reader.
        fs::remove_file(&pipe).unwrap();
    }
    assert!(is_pipe, "it was replaced");
    assert_eq!(reader.join().unwrap().lines().count(), 3);

    let device = fixture.path("null");
    if !Command::new("mknod").arg(&device).args(["c", "1", "3"]).status().unwrap().success() {
        // Only root can create one.
        return;
    }
    assert_eq!(fixture.run(&["dead", "export", "--out", device.to_str().unwrap()]).code, 0);
    assert!(fs::symlink_metadata(&device).unwrap().file_type().is_char_device());
}

#[tokio::test]
async fn export_follows_a_link() {
    let (fixture, _) = StoreFixture::filled().await;
    fs::create_dir(fixture.path("data")).unwrap();
    let link = fixture.path("link");
    symlink("data/dead.ndjson", &link).unwrap();
    for _ in 0..2 {
        assert_eq!(fixture.run(&["dead", "export", "--out", link.to_str().unwrap()]).code, 0);
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        assert_eq!(fs::read_to_string(fixture.path("data/dead.ndjson")).unwrap().lines().count(), 3);
    }
    assert_eq!(fs::read_dir(fixture.path("data")).unwrap().count(), 1, "nothing is left beside it");
}

#[tokio::test]
async fn export_to_dev_stdout_equals_export_without_out() {
    let (fixture, _) = StoreFixture::filled().await;
    let expected = fixture.run(&["dead", "export"]).stdout;
    assert_eq!(expected.lines().count(), 3);
    for name in ["-", "/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"] {
        let mut command = fixture.command(&["dead", "export", "--out", name]);
        command.current_dir(fixture.directory.path());
        let ran = RunResult::from(command.output().unwrap());
        assert_eq!((ran.code, ran.stdout.as_str()), (0, expected.as_str()), "{name}");
        let path = fixture.path("stdout");
        assert!(command.stdout(File::create(&path).unwrap()).status().unwrap().success());
        assert_eq!(fs::read_to_string(&path).unwrap(), expected, "{name}");
    }
}

#[tokio::test]
async fn export_rejects_the_store_as_output() {
    let (fixture, _) = StoreFixture::filled().await;
    let store = fixture.path("outbox.db");
    fs::hard_link(&store, fixture.path("hard")).unwrap();
    symlink(&store, fixture.path("soft")).unwrap();
    for name in ["outbox.db", "hard", "soft", "outbox.db-wal", "outbox.db-shm", "outbox.db-journal"] {
        let ran = fixture.run(&["dead", "export", "--out", fixture.path(name).to_str().unwrap()]);
        ran.fails(2, "--out is the same file as the store");
    }
    // The command does not append to the store either.
    let mut command = fixture.command(&["dead", "list"]);
    let status = command
        .stderr(Stdio::null())
        .stdout(OpenOptions::new().append(true).open(&store).unwrap())
        .status()
        .unwrap();
    assert_eq!(status.code(), Some(2));
    fs::remove_file(fixture.path("hard")).unwrap();
    assert_eq!(fixture.run(&["dead", "export"]).stdout.lines().count(), 3);
}

/// SQLite creates these files after the command line is parsed, and removes them at the end.
#[tokio::test]
async fn export_rejects_the_wal_files_of_the_store() {
    let (fixture, _) = StoreFixture::filled().await;
    fixture.close().await;
    for name in ["outbox.db-wal", "outbox.db-shm"] {
        assert!(!fixture.path(name).exists(), "{name}");
        let ran = fixture.run(&["dead", "export", "--out", fixture.path(name).to_str().unwrap()]);
        ran.fails(2, "--out is the same file as the store");
    }
}

#[tokio::test]
async fn edit_rejects_the_store_as_body_file() {
    let (fixture, ids) = StoreFixture::filled().await;
    let store = fixture.path("outbox.db");
    for option in ["--body-file", "--request-file"] {
        let ran = fixture.run(&["dead", "edit", &ids[0].to_string(), option, store.to_str().unwrap()]);
        ran.fails(2, &format!("{option} is the same file as the store"));
    }
}

/// Also if neither file exists yet, or one is a link to the other.
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn rejects_an_output_that_is_another_file_of_the_run() {
    let (sync, fixture) = (SyncFixture::new().await, StoreFixture::empty().await);
    let orders = sync.orders(3);
    fs::write(sync.path("token"), "token").unwrap();
    fs::hard_link(sync.path("orders.ndjson"), sync.path("hard")).unwrap();
    symlink("new", sync.path("soft")).unwrap();
    let store = fixture.path("outbox.db");
    let store = store.to_str().unwrap();
    let refused = |arguments: &[&str], message: &str| {
        run(sync.upsert(arguments)).fails(2, message);
        for (file, text) in [("orders.ndjson", orders.as_str()), ("token", "token")] {
            assert_eq!(fs::read_to_string(sync.path(file)).unwrap(), text, "{arguments:?}");
        }
        assert!(!sync.path("new").exists(), "{arguments:?}");
    };
    refused(
        &["--report", "orders.ndjson"],
        "--report is the same file as --input, which would be overwritten",
    );
    refused(&["--report", "hard"], "--report is the same file as --input");
    refused(&["--journal", "hard"], "--journal is the same file as --input");
    refused(&["--report", "token", "--token-file", "./token"], "--report is the same file as --token-file");
    refused(&["--report", "new", "--journal", "./new"], "--report is the same file as --journal");
    refused(&["--report", "soft", "--journal", "new"], "--report is the same file as --journal");
    refused(&["--report", store, "--outbox", &fixture.named], "--report is the same file as the store");
    refused(&["--journal", store, "--outbox", &fixture.named], "--journal is the same file as the store");
    assert!(sync.planner.exchanges().is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn rejects_a_redirected_stream_that_is_another_file_of_the_run() {
    let sync = SyncFixture::new().await;
    let orders = sync.orders(3);
    let append = |name: &str| OpenOptions::new().append(true).create(true).open(sync.path(name)).unwrap();
    let code = |mut command: Command| {
        command.stderr(Stdio::null());
        command.status().unwrap().code()
    };
    let mut of_stdin = sync.upsert_of("-", &["--report", "orders.ndjson"]);
    of_stdin.stdin(File::open(sync.path("orders.ndjson")).unwrap());
    assert_eq!(code(of_stdin), Some(2));
    let mut into_input = sync.upsert(&["--report", "-"]);
    into_input.stdout(append("orders.ndjson"));
    assert_eq!(code(into_input), Some(2));
    let mut beside = sync.upsert(&["--report", "out"]);
    beside.stdout(append("out"));
    assert_eq!(code(beside), Some(2));
    let mut poll = sync.poll(&["--once"]);
    poll.stdout(append("checkpoint"));
    assert_eq!(code(poll), Some(2));
    assert_eq!(fs::read_to_string(sync.path("orders.ndjson")).unwrap(), orders);
    assert!(sync.planner.exchanges().is_empty());
    // One file for stdout and stderr is allowed.
    let mut both = sync.upsert(&["--report", "-"]);
    both.stdout(append("log")).stderr(append("log"));
    assert_eq!(both.status().unwrap().code(), Some(0));
    // A device is allowed, too.
    let null = || OpenOptions::new().read(true).write(true).open("/dev/null").unwrap();
    let mut nothing = sync.upsert_of("-", &["--report", "/dev/null"]);
    assert_eq!(nothing.stdin(null()).stdout(null()).stderr(null()).status().unwrap().code(), Some(0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn report_writes_to_a_pipe_and_follows_a_link() {
    let sync = SyncFixture::new().await;
    sync.orders(3);
    mkfifo(&sync.path("pipe"));
    let child = sync.upsert(&["--report", "pipe"]).spawn().unwrap();
    let mut text = String::new();
    File::open(sync.path("pipe")).unwrap().read_to_string(&mut text).unwrap();
    let ran = RunResult::from(child.wait_with_output().unwrap());
    assert_eq!((ran.code, text.lines().count()), (0, 3), "{ran:?}");
    symlink("out.ndjson", sync.path("link")).unwrap();
    assert_eq!(run(sync.upsert(&["--report", "link"])).code, 0);
    assert!(
        sync.lines("out.ndjson").len() == 3 && fs::symlink_metadata(sync.path("link")).unwrap().is_symlink()
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn rejects_a_checkpoint_file_as_token_file() {
    let sync = SyncFixture::new().await;
    fs::write(sync.path("checkpoint.parked"), "token").unwrap();
    let ran = run(sync.poll(&["--once", "--token-file", "checkpoint.parked"]));
    ran.fails(2, "is the same file as");
    let ran = run({
        let mut command = bare();
        command.args(["parked", "list", "--checkpoint", "checkpoint"]).current_dir(sync.directory.path());
        let parked = OpenOptions::new().append(true).open(sync.path("checkpoint.parked")).unwrap();
        command.stdout(parked);
        command
    });
    assert_eq!(ran.code, 2, "{ran:?}");
    assert_eq!(fs::read_to_string(sync.path("checkpoint.parked")).unwrap(), "token");
}
