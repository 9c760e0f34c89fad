//! What the numbers in a step stand for.

use http::Uri;

use super::{
    super::fixture::request,
    operation::{ChangeSpec, HoldSpec},
};
use martello_outbox::{Change, OrderKey, QueueName, StoredRequest, store::HoldChange};

const QUEUES: [&str; 2] = ["default", "other"];
/// Two of one authority.
pub(super) const HOSTS: [&str; 3] = ["https://a.example/x", "https://b.example/y", "http://A.example:80/z"];
pub(super) const TRACKED: [&str; 4] = ["t-0", "t-1", "t-2", "t-3"];

pub(super) fn nth(names: &[&'static str], nth: u8) -> &'static str {
    names.get(usize::from(nth) % names.len().max(1)).copied().unwrap_or_default()
}

pub(super) fn queue(number: u8) -> QueueName {
    super::super::fixture::queue(nth(&QUEUES, number))
}

pub(super) fn key(number: u8) -> Option<OrderKey> {
    OrderKey::new(format!("key-{number}")).ok()
}

pub(super) fn to(host: u8) -> StoredRequest {
    StoredRequest { uri: Uri::from_static(nth(&HOSTS, host)), ..request() }
}

/// The change of an entry whose last revision is this.
pub(super) fn change(changing: ChangeSpec, last: u32) -> Change {
    match changing {
        ChangeSpec::Cancel => Change::Cancel,
        ChangeSpec::DeadLetter => Change::DeadLetter,
        ChangeSpec::Replay(overtaken) => Change::Replay(overtaken),
        ChangeSpec::Edit(host, off) => Change::Edit {
            on: last.saturating_add_signed(off.into()),
            request: Box::new(StoredRequest { body: "edited".into(), ..to(host) }),
        },
        ChangeSpec::Protect => Change::Protect,
        ChangeSpec::Unprotect => Change::Unprotect,
    }
}

/// What a claim after so many holds in a row does to its hold.
pub(super) fn hold(holding: HoldSpec, after: u32) -> HoldChange {
    match holding {
        HoldSpec::Keep => HoldChange::Keep,
        HoldSpec::End => HoldChange::End,
        HoldSpec::For(wait) => {
            HoldChange::For { holds_in_row: after, wait, why: format!("for {wait:?}").into() }
        }
    }
}
