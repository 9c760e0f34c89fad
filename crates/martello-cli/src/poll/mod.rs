//! `martello poll`: prints the items that changed, one per line.

mod emit;
mod follow;
mod source;

use std::time::Duration;

use martello_poll::{FileCheckpoint, PollOptions, Poller};

use self::{follow::Follower, source::SinceUrl};
use crate::{
    api::{self, Credentials},
    args::{PaceArgs, PollArgs},
    error::{CommandError, Exit},
    files::RunFiles,
    interrupt::Interrupts,
    output::Output,
};

/// The longest interval while nothing is new, unless `--interval` is longer.
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

pub(crate) async fn run(out: &mut Output, args: PollArgs) -> Result<Exit, CommandError> {
    let target = SinceUrl::parse(&args.url)?;
    let options = options(&args.pace)?;
    let mut files = RunFiles::new();
    if let Some(path) = &args.api.token_file {
        files.reads("--token-file", path)?;
    }
    files.checkpoint(&args.checkpoint)?;
    let mut interrupts = Interrupts::catch()?;
    let credentials = interrupts.before(Credentials::of(&args.api)).await?;
    // Concurrency 2: a page, and the next page in advance.
    let service = api::service(&args.api, &target.url, 2, &credentials)?;
    let checkpoint = FileCheckpoint::new(&args.checkpoint);
    let poller = if args.pages.link {
        Poller::new(service, source::by_link(&target, &args, &credentials)?, checkpoint)
    } else {
        Poller::new(service, source::by_cursor(&target, &args, &credentials)?, checkpoint)
    };
    let mut poller = poller.with_options(options);
    let stopper = poller.stopper();
    let follower = Follower::new(out, args.print.as_deref(), args.once);
    let polling = follower.follow(&mut poller);
    tokio::pin!(polling);
    let mut stopping = false;
    let ended = loop {
        tokio::select! {
            biased;
            () = interrupts.next() => {
                if stopping {
                    break Ok(None);
                }
                stopping = true;
                credentials.interrupt();
                stopper.stop();
            }
            () = credentials.given_up(), if !stopping => {
                stopping = true;
                stopper.stop();
            }
            ended = &mut polling => break ended,
        }
    };
    match credentials.failure() {
        Some(refused) => Err(refused),
        None => ended?
            .ok_or_else(|| CommandError::interrupted("interrupted; run the same command again to resume")),
    }
}

fn options(pace: &PaceArgs) -> Result<PollOptions, CommandError> {
    let options = PollOptions::builder()
        .interval(pace.interval)
        .idle_interval(pace.interval.saturating_mul(4).min(DAY.max(pace.interval)))
        .overlap(pace.overlap);
    let options = if pace.resync { options.resync_on_other_source() } else { options };
    Ok(options.build()?)
}
