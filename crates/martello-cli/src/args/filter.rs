use clap::Args;
use jiff::Timestamp;
use martello_outbox::{Entry, Filter, JobId, OrderKey, Outcome, QueueName, Reason, State, Store};

use super::{
    copied::{self, Host},
    time,
};
use crate::{entries::EntryPages, error::CommandError};

/// Conditions, all of which must hold.
// Its heading holds for what comes after it too: it goes last.
#[derive(Args, Clone)]
#[command(next_help_heading = "Filter")]
pub(crate) struct FilterArgs {
    /// In this queue.
    #[arg(long)]
    queue: Option<QueueName>,
    /// To this host. With a port, as it is copied from a list, only where all that matches goes to that port.
    #[arg(long)]
    host: Option<Host>,
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
    #[arg(long, value_name = "ID", value_parser = copied::tracking_id)]
    tracking_id: Option<String>,
    /// Of this order key, such as api.example/orders/17.
    #[arg(long)]
    key: Option<OrderKey>,
    /// Last replayed by this job.
    #[arg(long, value_parser = copied::id::<JobId>)]
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
    pub(crate) async fn of(self, store: &dyn Store, state: Option<State>) -> Result<Filter, CommandError> {
        let (host, port) = self.host.map(|host| (host.name, host.port)).unzip();
        let filter = Filter {
            id: None,
            queue: self.queue,
            state,
            reason: self.reason,
            host,
            status: self.status,
            outcome: self.outcome.map(|outcome| outcome.as_str().to_owned()),
            tracking_id: self.tracking_id,
            order_key: self.key,
            job: self.job,
            changed_since: self.since,
            changed_before: self.before,
        };
        if let Some(port) = port.flatten() {
            refuse_other_ports(store, &filter, port).await?;
        }
        Ok(filter)
    }
}

/// A filter knows no ports: who names one must not get what goes to another.
async fn refuse_other_ports(store: &dyn Store, filter: &Filter, port: u16) -> Result<(), CommandError> {
    let mut pages = EntryPages::new(store, filter, 1_000);
    while let Some(page) = pages.next().await? {
        if let Some(other) = page.iter().map(goes_to).find(|other| *other != port) {
            let host = filter.host.as_deref().unwrap_or_default();
            return Err(CommandError::usage(format!(
                "--host {host} is for all of its ports: also {host}:{other} matches; name ids, or --host {host}"
            )));
        }
    }
    Ok(())
}

/// The port that it goes to, named or not.
fn goes_to(entry: &Entry) -> u16 {
    entry.uri.port_u16().unwrap_or(if entry.uri.scheme_str() == Some("http") { 80 } else { 443 })
}
