use http::{Method, Uri};

use super::{
    columns::{Columns, parse, status},
    corrupt, duration, overtaken_from_code, timestamp,
};
use crate::{
    AttemptRecord, Entry, EntryEvent, EntryId, HeldAuthority, JobId, QueueStats, ReplayJob, StoreError,
    StoredRequest,
};

/// A request from its stored parts: the method, the URL and the headers as text.
///
/// # Errors
///
/// [`corrupt`], when a part does not parse.
pub fn stored_request(
    method: &str,
    url: &str,
    headers: &str,
    sealed: bool,
    body: Vec<u8>,
) -> Result<StoredRequest, StoreError> {
    Ok(StoredRequest {
        method: parse(method, "method")?,
        uri: parse(url, "url")?,
        headers: StoredRequest::headers_from_json(headers).map_err(|_| corrupt("set of headers"))?,
        sealed,
        body: body.into(),
    })
}

/// Reads the 25 columns of an entry: those of [`entry_without_request`], then `method` and `url`.
///
/// # Errors
///
/// [`corrupt`], when a column holds an invalid value; and those of the database.
pub fn entry<C: Columns>(columns: &mut C) -> Result<(i64, Entry), C::Error> {
    let (seq, mut entry) = entry_without_request(columns)?;
    entry.method = columns.parsed("method")?;
    entry.uri = columns.parsed("url")?;
    Ok((seq, entry))
}

/// Reads the 23 columns of an entry that are not part of its request: `seq, id, queue, state, reason,
/// revision, order_key, dedup_key, repeatable, attempts, tries, max_attempts, created_at, due_at, expires_at,
/// changed_at, last_outcome, last_status, last_tracking_id, kept, job, superseded_by, overtaken`.
///
/// Returns `seq`, the entry's position in the order of the store, and the entry. Its method is GET and its
/// URL is empty until the caller sets them.
///
/// # Errors
///
/// [`corrupt`], when a column holds an invalid value; and those of the database.
pub fn entry_without_request<C: Columns>(columns: &mut C) -> Result<(i64, Entry), C::Error> {
    let seq = columns.number("number")?;
    let entry = Entry {
        id: EntryId::from_bytes(columns.id()?.ok_or_else(|| corrupt("id"))?),
        queue: columns.parsed("queue name")?,
        state: columns.state()?,
        reason: columns.parsed_or_null("reason")?,
        method: Method::GET,
        uri: Uri::default(),
        revision: columns.number("number")?,
        order_key: columns.parsed_or_null("order key")?,
        dedup_key: columns.text()?.map(Into::into),
        repeatable: columns.flag()?,
        attempts: columns.number("number")?,
        tries: columns.number("number")?,
        max_attempts: columns.number("number of attempts")?,
        created_at: columns.time()?,
        due_at: columns.time()?,
        expires_at: columns.time()?,
        changed_at: columns.time()?,
        last_outcome: columns.parsed_or_null("outcome")?,
        last_status: status(columns.integer()?)?,
        last_tracking_id: columns.parsed_or_null("tracking id")?,
        protected: columns.flag()?,
        job: columns.id()?.map(JobId::from_bytes),
        superseded_by: columns.id()?.map(EntryId::from_bytes),
        overtaken: overtaken_from_code(columns.integer()?.unwrap_or_default())?,
    };
    Ok((seq, entry))
}

/// Reads the nine columns of an attempt: `number, revision, started_at, duration, outcome, status,
/// tracking_id, fault, worker`.
///
/// # Errors
///
/// [`corrupt`], when a column holds an invalid value; and those of the database.
pub fn attempt<C: Columns>(columns: &mut C) -> Result<AttemptRecord, C::Error> {
    Ok(AttemptRecord {
        number: columns.number("number")?,
        revision: columns.number("number")?,
        started: columns.time()?,
        duration: columns.number("duration").map(duration)?,
        outcome: columns.parsed("outcome")?,
        status: status(columns.integer()?)?,
        tracking_id: columns.parsed_or_null("tracking id")?,
        fault: columns.text()?.map(Into::into),
        worker: columns.text()?.map(Into::into),
    })
}

/// Reads the three columns of an event: `at, kind, detail`.
///
/// # Errors
///
/// [`corrupt`], when a column holds an invalid value; and those of the database.
pub fn event<C: Columns>(columns: &mut C) -> Result<EntryEvent, C::Error> {
    Ok(EntryEvent {
        at: columns.time()?,
        kind: columns.parsed("event")?,
        detail: columns.text()?.map(Into::into),
    })
}

/// Reads the ten columns of a replay: `id, created_at, cancelled_at, filter, per_second, total, returned,
/// pending, done, dead`.
///
/// # Errors
///
/// [`corrupt`], when a column holds an invalid value; and those of the database.
pub fn replay_job<C: Columns>(columns: &mut C) -> Result<ReplayJob, C::Error> {
    Ok(ReplayJob {
        id: JobId::from_bytes(columns.id()?.ok_or_else(|| corrupt("id"))?),
        created_at: columns.time()?,
        cancelled_at: columns.integer()?.map(timestamp),
        filter: serde_json::from_str(columns.text()?.unwrap_or_default()).map_err(|_| corrupt("filter"))?,
        per_second: columns.real()?.ok_or_else(|| corrupt("rate"))?,
        total: columns.count()?,
        returned: columns.count()?,
        pending: columns.count()?,
        done: columns.count()?,
        dead: columns.count()?,
    })
}

/// Reads the seven columns of a queue: `name, ready, leased, done, dead, cancelled, paused`. The caller sets
/// [`oldest_due`](QueueStats::oldest_due) and [`holds`](QueueStats::holds).
///
/// # Errors
///
/// [`corrupt`], when a column holds an invalid value; and those of the database.
pub fn queue_stats<C: Columns>(columns: &mut C) -> Result<QueueStats, C::Error> {
    Ok(QueueStats {
        queue: columns.parsed("queue name")?,
        ready: columns.count()?,
        leased: columns.count()?,
        done: columns.count()?,
        dead: columns.count()?,
        cancelled: columns.count()?,
        paused: columns.text()?.map(Into::into),
        oldest_due: None,
        holds: Vec::new(),
    })
}

/// Reads the four columns of a hold: `authority, until, why, in_row`.
///
/// # Errors
///
/// [`corrupt`], when a column holds an invalid value; and those of the database.
pub fn hold<C: Columns>(columns: &mut C) -> Result<HeldAuthority, C::Error> {
    let text = |text: Option<&str>| text.map(str::to_owned).ok_or_else(|| corrupt("hold"));
    Ok(HeldAuthority {
        authority: text(columns.text()?)?,
        until: columns.time()?,
        why: text(columns.text()?)?,
        in_row: columns.number("number")?,
    })
}
