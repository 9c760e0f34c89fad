//! A progress bar on stderr, if that is a terminal.

use std::{
    io::{IsTerminal, stderr},
    time::Duration,
};

use indicatif::{ProgressBar, ProgressState, ProgressStyle};
use martello_upsert::Progress;
use tokio::sync::watch;

const EVERY: Duration = Duration::from_millis(200);
const KNOWN: &str = "[{bar:30}] {human_pos} of {human_len}, {rate}, {msg}, {eta} left";
const UNKNOWN: &str = "{human_pos} so far, {rate}, {msg}";

/// Shows the progress until the run ends. Counts the total only if stderr is a terminal.
pub(super) async fn show(total: impl Future<Output = Option<u64>>, mut progress: watch::Receiver<Progress>) {
    if !stderr().is_terminal() {
        return;
    }
    let bar = bar(total.await);
    while progress.changed().await.is_ok() {
        let now = *progress.borrow_and_update();
        bar.set_position(now.done());
        bar.set_message(message(&now));
        if now.ended {
            break;
        }
        tokio::time::sleep(EVERY).await;
    }
    bar.finish_and_clear();
}

fn bar(total: Option<u64>) -> ProgressBar {
    let bar = total.map_or_else(ProgressBar::no_length, ProgressBar::new);
    let style = ProgressStyle::with_template(if total.is_some() { KNOWN } else { UNKNOWN });
    let rate = |state: &ProgressState, out: &mut dyn std::fmt::Write| {
        // Writing into a string cannot fail.
        let _ = write!(out, "{:.0}/s", state.per_sec());
    };
    match style {
        Ok(style) => bar.with_style(style.progress_chars("=> ").with_key("rate", rate)),
        Err(_) => bar,
    }
}

fn message(now: &Progress) -> String {
    let stopping = if now.stopping { ", stopping" } else { "" };
    format!("{} in flight, {} failed{stopping}", now.in_flight, now.counts.failed())
}
