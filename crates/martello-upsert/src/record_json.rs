//! The JSON form of a record.

use std::time::Duration;

use http::StatusCode;
use martello_outbox::{EntryId, OrderKey};
use martello_outcome::{InvalidId, TrackingId};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

use crate::{Record, UpsertOutcome};

#[derive(Serialize, Deserialize)]
struct RecordJson {
    row: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    key: Option<OrderKey>,
    outcome: UpsertOutcome,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    status: Option<u16>,
    attempts: u32,
    latency_us: u64,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    tracking_ids: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    reason: Option<Box<str>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    body: Option<Box<str>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    entry: Option<String>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    read_back: bool,
}

impl Serialize for Record {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        RecordJson::from(self.clone()).serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Record {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::try_from(RecordJson::deserialize(deserializer)?).map_err(D::Error::custom)
    }
}

impl From<Record> for RecordJson {
    fn from(record: Record) -> Self {
        Self {
            row: record.row,
            key: record.key,
            outcome: record.outcome,
            status: record.status.map(|status| status.as_u16()),
            attempts: record.attempts,
            latency_us: u64::try_from(record.latency.as_micros()).unwrap_or(u64::MAX),
            tracking_ids: record.tracking_ids.iter().map(ToString::to_string).collect(),
            reason: record.reason,
            body: record.body,
            entry: record.entry.map(|entry| entry.to_string()),
            read_back: record.read_back,
        }
    }
}

/// JSON whose fields are not those of a record.
#[derive(Debug, thiserror::Error)]
#[error("the {0} is invalid")]
struct InvalidRecord(&'static str);

impl TryFrom<RecordJson> for Record {
    type Error = InvalidRecord;

    fn try_from(json: RecordJson) -> Result<Self, InvalidRecord> {
        let status = json.status.map(StatusCode::from_u16).transpose();
        let ids: Result<_, InvalidId> = json.tracking_ids.iter().map(|id| id.parse::<TrackingId>()).collect();
        let entry = json.entry.map(|entry| entry.parse::<EntryId>()).transpose();
        Ok(Self {
            status: status.map_err(|_| InvalidRecord("status"))?,
            attempts: json.attempts,
            tracking_ids: ids.map_err(|_| InvalidRecord("tracking id"))?,
            latency: Duration::from_micros(json.latency_us),
            etag: None,
            body: json.body,
            reason: json.reason,
            entry: entry.map_err(|_| InvalidRecord("entry"))?,
            read_back: json.read_back,
            ..Self::new(json.row, json.key, json.outcome)
        })
    }
}
