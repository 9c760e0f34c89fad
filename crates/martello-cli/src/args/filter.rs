use clap::Args;
use jiff::Timestamp;
use martello_outbox::{Filter, JobId, OrderKey, Outcome, QueueName, Reason, State};

use super::time;

/// Conditions, all of which must hold.
// Its heading holds for what comes after it too: it goes last.
#[derive(Args, Clone)]
#[command(next_help_heading = "Filter")]
pub(crate) struct FilterArgs {
    /// In this queue.
    #[arg(long)]
    queue: Option<QueueName>,
    /// To this host.
    #[arg(long)]
    host: Option<String>,
    /// Last answered with this status.
    #[arg(long, value_parser = clap::value_parser!(u16).range(100..=999))]
    status: Option<u16>,
    /// Last ended so: success, unavailable, faulty, rejected, unsent or ambiguous.
    #[arg(long)]
    outcome: Option<Outcome>,
    /// Dead for this reason, now or before: exhausted, rejected, expired, ambiguous, crashed or by_hand.
    #[arg(long)]
    reason: Option<Reason>,
    /// With an attempt that the server named so.
    #[arg(long, value_name = "ID")]
    tracking_id: Option<String>,
    /// Of this order key, such as api.example/orders/17.
    #[arg(long)]
    key: Option<OrderKey>,
    /// Last replayed by this job.
    #[arg(long)]
    job: Option<JobId>,
    /// In its state since then or later: an age such as 30m, 2h or 3d, or a time such as 2026-11-28T16:00Z.
    #[arg(long, value_name = "WHEN", value_parser = time::moment)]
    since: Option<Timestamp>,
    /// In its state since before then.
    #[arg(long, value_name = "WHEN", value_parser = time::moment)]
    before: Option<Timestamp>,
}

impl FilterArgs {
    /// The filter, of what is in this state.
    pub(crate) fn of(self, state: Option<State>) -> Filter {
        Filter {
            queue: self.queue,
            state,
            reason: self.reason,
            host: self.host,
            status: self.status,
            outcome: self.outcome.map(|outcome| outcome.as_str().to_owned()),
            tracking_id: self.tracking_id,
            order_key: self.key,
            job: self.job,
            changed_since: self.since,
            changed_before: self.before,
        }
    }
}
