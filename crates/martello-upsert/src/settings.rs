use std::ops::RangeInclusive;

use martello_outcome::ConfigError;

const CONCURRENCY: RangeInclusive<usize> = 1..=1_000;
const LOOK_AHEAD: RangeInclusive<usize> = 0..=100_000;
const LOOK_AHEAD_BYTES: RangeInclusive<usize> = 0..=1024 * MIB;
const MIB: usize = 1024 * 1024;

/// The settings of a run.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Settings {
    pub(crate) concurrency: usize,
    pub(crate) look_ahead: usize,
    pub(crate) look_ahead_bytes: usize,
    pub(crate) latest_wins: bool,
}

impl Settings {
    pub(crate) fn check(&self) -> Result<(), ConfigError> {
        if !CONCURRENCY.contains(&self.concurrency) {
            return Err(ConfigError::new("concurrency", self.concurrency, "1 to 1,000"));
        }
        if !LOOK_AHEAD.contains(&self.look_ahead) {
            return Err(ConfigError::new("look_ahead", self.look_ahead, "0 to 100,000"));
        }
        if !LOOK_AHEAD_BYTES.contains(&self.look_ahead_bytes) {
            return Err(ConfigError::new("look_ahead_bytes", self.look_ahead_bytes, "0 to 1 GiB"));
        }
        Ok(())
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self { concurrency: 5, look_ahead: 1_000, look_ahead_bytes: 64 * MIB, latest_wins: false }
    }
}
