use jiff::{Timestamp, civil::DateTime, tz::TimeZone};
use serde_json::value::RawValue;

use crate::ItemIssueKind;

/// The moment that a JSON text tells (RFC 3339, RFC 9557). Without a zone it is a issue, unless one says that it is UTC.
pub(super) fn parse(value: &RawValue, utc: bool) -> Result<Timestamp, ItemIssueKind> {
    let text: String = serde_json::from_str(value.get()).map_err(|_| ItemIssueKind::InvalidStamp)?;
    if let Ok(stamp) = text.parse() {
        return Ok(stamp);
    }
    let local: DateTime = text.parse().map_err(|_| ItemIssueKind::InvalidStamp)?;
    if !utc {
        return Err(ItemIssueKind::StampWithoutZone);
    }
    TimeZone::UTC.to_timestamp(local).map_err(|_| ItemIssueKind::InvalidStamp)
}
