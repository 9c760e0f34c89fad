//! What processes were doing when they were killed.

use std::{collections::HashSet, fmt};

use crate::process_config::Role;

/// How many kills there were, and how many operations they hit: a process has several under way.
#[derive(Clone, Debug, Default)]
pub(crate) struct Hits {
    pub(crate) kills: usize,
    pub(crate) storing: usize,
    pub(crate) calling: usize,
    pub(crate) replaying: usize,
    /// Claimed, and nothing has reached the server.
    pub(crate) claimed: usize,
    /// With the server, or on the way there.
    pub(crate) sending: usize,
    /// Answered, and not settled.
    pub(crate) settling: usize,
}

impl Hits {
    /// A process was killed that had said this: what it began and did not end was under way.
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
            // Where a worker was is known from what it left behind.
            Role::Worker | Role::Sleeper | Role::Opener | Role::Poller => {}
        }
    }
}

impl fmt::Display for Hits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { kills, storing, calling, replaying, claimed, sending, settling } = self;
        write!(
            f,
            "{kills} kills hit {storing} enqueues, {calling} calls at the door, {claimed} claims, {sending} \
             requests under way, {settling} before settling, {replaying} replays"
        )
    }
}
