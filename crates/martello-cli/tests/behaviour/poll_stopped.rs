use std::{
    collections::BTreeSet,
    fs::File,
    io::{BufRead, BufReader},
    process::Stdio,
    time::Duration,
};

use martello_planner::Faults;

use crate::{
    support::RunResult,
    sync::{SyncFixture, run, within},
};

const OFTEN: &[&str] = &["--interval", "100ms", "--attempts", "12"];

fn ids(text: &str) -> BTreeSet<String> {
    text.lines()
        .filter(|line| line.ends_with('}'))
        .map(|line| line.split('"').nth(3).unwrap().to_owned())
        .collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn loses_no_item_when_killed_repeatedly() {
    let sync = SyncFixture::new().await;
    sync.planner.set_faults(Faults::bad_network());
    let all = sync.planner.release_badly("p-", 400, Duration::from_secs(3), Duration::from_secs(2));
    let mut seen = BTreeSet::new();
    for round in 0..8 {
        let path = sync.path(&format!("out-{round}"));
        let mut command = sync.poll(OFTEN);
        let mut child = command.stdout(File::create(&path).unwrap()).spawn().unwrap();
        tokio::time::sleep(Duration::from_millis(250 + 90 * round)).await;
        child.kill().unwrap();
        child.wait().unwrap();
        seen.extend(ids(&std::fs::read_to_string(&path).unwrap()));
    }
    within(async || sync.planner.released() == 400).await;
    seen.extend(ids(&run(sync.poll(&["--once", "--attempts", "12"])).stdout));
    assert_eq!(seen, all.into_iter().collect());
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn prints_no_item_twice_after_an_interrupt() {
    let sync = SyncFixture::new().await;
    let all = sync.planner.release_badly("p-", 50, Duration::from_millis(300), Duration::from_millis(300));
    let mut child = sync.poll(OFTEN).spawn().unwrap();
    let mut stdout = BufReader::new(child.stdout.take().unwrap());
    let mut text = String::new();
    stdout.read_line(&mut text).unwrap();
    crate::sync::interrupt(&child);
    std::io::Read::read_to_string(&mut stdout, &mut text).unwrap();
    let ran = RunResult::from(child.wait_with_output().unwrap());
    assert_eq!(
        (ran.code, ran.stderr.as_str()),
        (130, "martello: interrupted; run the same command again to resume\n")
    );
    within(async || sync.planner.released() == 50).await;
    text += &run(sync.poll(&["--once"])).stdout;
    assert_eq!((ids(&text), text.lines().count()), (all.into_iter().collect(), 50));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn prints_unread_items_again_after_the_reader_closes() {
    let sync = SyncFixture::new().await;
    let all = sync.planner.release_badly("p-", 40, Duration::ZERO, Duration::ZERO);
    let mut child = sync.poll(OFTEN).stdin(Stdio::null()).spawn().unwrap();
    let mut first = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut first).unwrap();
    // Lines in the pipe are lost with the reader. Later items must be printed by the next run.
    let later = sync.planner.release_badly("q-", 5, Duration::ZERO, Duration::ZERO);
    let ran = RunResult::from(child.wait_with_output().unwrap());
    assert_eq!((ran.code, ran.stderr.as_str()), (0, ""));
    let rest = ids(&run(sync.poll(&["--once"])).stdout);
    assert!(later.iter().all(|id| rest.contains(id)), "{rest:?}");
    assert!(first.contains("p-") && all.len() == 40);
}
