//! Counts what the processes were doing when they were killed.

use std::{collections::HashSet, fmt};

use crate::process_config::Role;

/// The number of kills, and of the operations that they hit. A process has several operations in progress.
#[derive(Clone, Debug, Default)]
pub(crate) struct Hits {
    pub(crate) kills: usize,
    pub(crate) storing: usize,
    pub(crate) calling: usize,
    pub(crate) replaying: usize,
    /// Claimed, and not yet received by the server.
    pub(crate) claimed: usize,
    /// Received by the server, and not yet answered.
    pub(crate) sending: usize,
    /// Answered, and not yet settled.
    pub(crate) settling: usize,
}

impl Hits {
    /// Counts the operations that a killed process had started and not finished, according to its output.
    pub(crate) fn killed(&mut self, role: Role, output: &[String]) {
        self.kills += 1;
        let count = |word: &str| output.iter().filter(|line| *line == word).count();
        match role {
            Role::Enqueuer => {
                let ends = |line: &&String| line.starts_with("stored ") || line.starts_with("answered ");
                let ended: HashSet<_> =
                    output.iter().filter(ends).filter_map(|line| line.split(' ').nth(1)).collect();
                let open = |word: &str| {
                    let begun = output.iter().filter_map(|line| line.strip_prefix(word));
                    begun.filter(|key| !ended.contains(key)).count()
                };
                self.storing += open("stores ");
                self.calling += open("calls ");
            }
            Role::Replayer => self.replaying += count("replays") - count("replayed"),
            // What a worker was doing is visible in the store.
            Role::Worker | Role::Sleeper | Role::Opener | Role::Poller => {}
        }
    }
}

impl fmt::Display for Hits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { kills, storing, calling, replaying, claimed, sending, settling } = self;
        write!(
            f,
            "{kills} kills hit {storing} enqueues, {calling} calls through the layer, {claimed} claims, {sending} \
             requests in flight, {settling} before settling, {replaying} replays"
        )
    }
}
