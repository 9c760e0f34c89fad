//! Inputs that can be read only once.

use std::{
    fs::{self, File, OpenOptions},
    io::Read,
    os::unix::fs::OpenOptionsExt,
    path::Path,
    process::{Command, Stdio},
    thread,
    time::Duration,
};

use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};

use crate::{
    support::RunResult,
    sync::{SyncFixture, terminate, within},
};

pub(crate) fn mkfifo(path: &Path) {
    assert!(Command::new("mkfifo").arg(path).status().unwrap().success());
}

/// A terminal, and a thread that returns what is written to it.
fn terminal() -> (File, thread::JoinHandle<String>) {
    let controller = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
    grantpt(&controller).unwrap();
    unlockpt(&controller).unwrap();
    let name = ptsname(&controller, Vec::new()).unwrap().into_string().unwrap();
    let terminal = OpenOptions::new().read(true).write(true).custom_flags(0o400).open(name).unwrap();
    let read = thread::spawn(move || {
        let (mut controller, mut text) = (File::from(controller), Vec::new());
        // It fails once the other end is closed.
        let _ = controller.read_to_end(&mut text);
        String::from_utf8_lossy(&text).into_owned()
    });
    (terminal, read)
}

/// On a terminal, a progress bar shows the total, which requires counting the lines.
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn the_progress_bar_reads_no_rows_from_a_pipe() {
    let sync = SyncFixture::new().await;
    let orders = sync.orders(4_000);
    let pipe = sync.path("pipe");
    mkfifo(&pipe);
    let (terminal, shown) = terminal();
    let mut command = sync.upsert_of("pipe", &["--concurrency", "50"]);
    let child = command.stderr(terminal).spawn().unwrap();
    drop(command);
    let written = {
        let orders = orders.clone();
        thread::spawn(move || fs::write(pipe, orders).unwrap())
    };
    let ran = RunResult::from(child.wait_with_output().unwrap());
    assert!(ran.code == 0 && ran.stdout.starts_with("4000 entities in "), "{ran:?}");
    written.join().unwrap();
    assert!(shown.join().unwrap().contains("so far"));
    sync.holds(&orders);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn the_progress_bar_shows_the_number_of_lines_of_a_file() {
    let sync = SyncFixture::new().await;
    sync.orders(300);
    let (terminal, shown) = terminal();
    let mut command = sync.upsert(&[]);
    let ran = RunResult::from(command.stderr(terminal).output().unwrap());
    drop(command);
    assert!(ran.code == 0 && ran.stdout.starts_with("300 entities in "), "{ran:?}");
    assert!(shown.join().unwrap().contains("of 300"));
}

/// A run that resumes reads its input again.
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_journal_requires_an_input_that_can_be_read_again() {
    let sync = SyncFixture::new().await;
    mkfifo(&sync.path("pipe"));
    for input in ["pipe", "-", "/dev/stdin", "/dev/null"] {
        let child = sync.upsert_of(input, &["--journal", "journal"]).spawn().unwrap();
        let ran = soon(&sync, child).await;
        ran.fails(
            2,
            "--journal requires an input that can be read again: save the input to a file, and give that",
        );
        assert!(!sync.path("journal").exists(), "{input}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_journal_must_be_a_regular_file() {
    let sync = SyncFixture::new().await;
    sync.orders(1);
    mkfifo(&sync.path("pipe"));
    for journal in ["pipe", "/dev/null", "."] {
        let child = sync.upsert(&["--journal", journal]).spawn().unwrap();
        soon(&sync, child).await.fails(2, "is not a regular file, so a later run cannot read it");
    }
}

/// Waits up to 5 s for the command to exit. Fails if it still waits for the other end of the pipe.
async fn soon(sync: &SyncFixture, mut child: std::process::Child) -> RunResult {
    for _ in 0..100 {
        if child.try_wait().unwrap().is_some() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let _both_ends = OpenOptions::new().read(true).write(true).open(sync.path("pipe")).unwrap();
    let waits = child.try_wait().unwrap().is_none();
    if waits {
        child.kill().unwrap();
    }
    let output = child.wait_with_output().unwrap();
    assert!(!waits, "it waits for the other end of the pipe: {output:?}");
    RunResult::from(output)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_signal_ends_the_wait_for_a_row() {
    let sync = SyncFixture::new().await;
    mkfifo(&sync.path("pipe"));
    // First without a writer, then with a writer that writes one line.
    for comes in [0, 1] {
        let child = sync.upsert_of("pipe", &[]).stdin(Stdio::null()).spawn().unwrap();
        let mut writer = None;
        if comes == 1 {
            let pipe = sync.path("pipe");
            let mut opened =
                tokio::task::spawn_blocking(move || OpenOptions::new().write(true).open(pipe).unwrap())
                    .await
                    .unwrap();
            std::io::Write::write_all(&mut opened, b"{\"business_id\":\"a\"}\n").unwrap();
            writer = Some(opened);
        }
        sync.received(comes).await;
        tokio::time::sleep(Duration::from_millis(200)).await;
        terminate(&child);
        let ended = std::cell::RefCell::new(child);
        let began = tokio::time::Instant::now();
        within(async || ended.borrow_mut().try_wait().unwrap().is_some()).await;
        assert!(began.elapsed() < Duration::from_secs(2), "{:?}", began.elapsed());
        let ran = RunResult::from(ended.into_inner().wait_with_output().unwrap());
        assert_eq!(ran.code, 130, "{ran:?}");
        drop(writer);
    }
}
