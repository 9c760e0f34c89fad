use clap::Args;
use jiff::Timestamp;
use martello_outbox::{Entry, Filter, JobId, OrderKey, Outcome, QueueName, Reason, State, Store};

use super::{
    copied::{self, Host},
    time,
};
use crate::{entries::EntryPages, error::CommandError};

/// Filter conditions; an entry must match all of them.
// Clap applies the heading to all arguments that follow, so this group comes last in every command.
#[derive(Args, Clone)]
#[command(next_help_heading = "Filter")]
pub(crate) struct FilterArgs {
    /// Match entries of this queue.
    #[arg(long)]
    queue: Option<QueueName>,
    /// Match requests to this host, on any port. With a port, fails if a match goes to another port.
    #[arg(long)]
    host: Option<Host>,
    /// Match entries whose last response had this status.
    #[arg(long, value_parser = clap::value_parser!(u16).range(100..=999))]
    status: Option<u16>,
    /// Match the outcome of the last attempt: success, unavailable, faulty, rejected, unsent or ambiguous.
    #[arg(long)]
    outcome: Option<Outcome>,
    /// Match the reason for which an entry is or was dead: exhausted, rejected, expired, ambiguous, crashed
    /// or by_hand.
    #[arg(long)]
    reason: Option<Reason>,
    /// Match entries with an attempt that has this tracking id.
    #[arg(long, value_name = "ID", value_parser = copied::tracking_id)]
    tracking_id: Option<String>,
    /// Match this order key, such as api.example/orders/17.
    #[arg(long)]
    key: Option<OrderKey>,
    /// Match entries that this replay put back last.
    #[arg(long, value_parser = copied::id::<JobId>)]
    job: Option<JobId>,
    /// Match entries whose state changed at or after this time: an age such as 2h or 3d, or
    /// 2026-11-28T16:00Z.
    #[arg(long, value_name = "WHEN", value_parser = time::moment)]
    since: Option<Timestamp>,
    /// Match entries whose state changed before this time.
    #[arg(long, value_name = "WHEN", value_parser = time::moment)]
    before: Option<Timestamp>,
}

impl FilterArgs {
    /// Builds the filter, restricted to this state.
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

/// Rejects a match on another port: [`Filter`] has no port, and `--host` with a port must not select other
/// ports.
async fn refuse_other_ports(store: &dyn Store, filter: &Filter, port: u16) -> Result<(), CommandError> {
    let mut pages = EntryPages::new(store, filter, 1_000);
    while let Some(page) = pages.next().await? {
        if let Some(other) = page.iter().map(goes_to).find(|other| *other != port) {
            let host = filter.host.as_deref().unwrap_or_default();
            return Err(CommandError::usage(format!(
                "--host matches all ports: an entry for {host}:{other} also matches; give --host {host} without a \
                 port to select all, or give ids"
            )));
        }
    }
    Ok(())
}

/// The port of the URL, or the default port of its scheme.
fn goes_to(entry: &Entry) -> u16 {
    entry.uri.port_u16().unwrap_or(if entry.uri.scheme_str() == Some("http") { 80 } else { 443 })
}
