use std::str::FromStr;

use http::{Method, StatusCode, Uri};
use jiff::Timestamp;

use super::{corrupt, duration, overtaken_from_code, state_from_code, timestamp};
use crate::{
    AttemptRecord, Entry, EntryEvent, EntryId, HeldAuthority, JobId, QueueStats, ReplayJob, State,
    StoreError, StoredRequest,
};

/// The columns of a row, read from left to right. A call of any method moves on by one column.
///
/// An engine implements the five required methods on a row of its database. The functions of this module then
/// read entries, attempts, events and replays from it.
///
/// ```
/// use martello_outbox::{StoreError, engine::{Columns, corrupt, event}};
///
/// struct Texts<'a>(std::slice::Iter<'a, &'a str>);
///
/// impl Columns for Texts<'_> {
///     type Error = StoreError;
///     fn integer(&mut self) -> Result<Option<i64>, StoreError> {
///         self.0.next().map(|text| text.parse().map_err(|_| corrupt("number"))).transpose()
///     }
///     fn text(&mut self) -> Result<Option<&str>, StoreError> {
///         Ok(self.0.next().copied())
///     }
///     // …
/// #   fn real(&mut self) -> Result<Option<f64>, StoreError> { Ok(None) }
/// #   fn flag(&mut self) -> Result<bool, StoreError> { Ok(false) }
/// #   fn id(&mut self) -> Result<Option<[u8; 16]>, StoreError> { Ok(None) }
/// }
///
/// let died = event(&mut Texts(["0", "died", "crashed"].iter()))?;
/// assert_eq!(died.detail.as_deref(), Some("crashed"));
/// # Ok::<_, StoreError>(())
/// ```
pub trait Columns {
    /// The error of the engine. It can carry a [`StoreError`].
    type Error: From<StoreError>;

    /// The next column, an integer of any width; `None` for NULL.
    ///
    /// # Errors
    ///
    /// When the database cannot read the column.
    fn integer(&mut self) -> Result<Option<i64>, Self::Error>;

    /// The next column, a floating-point number; `None` for NULL.
    ///
    /// # Errors
    ///
    /// When the database cannot read the column.
    fn real(&mut self) -> Result<Option<f64>, Self::Error>;

    /// The next column, a boolean.
    ///
    /// # Errors
    ///
    /// When the database cannot read the column.
    fn flag(&mut self) -> Result<bool, Self::Error>;

    /// The next column, a text; `None` for NULL.
    ///
    /// # Errors
    ///
    /// When the database cannot read the column.
    fn text(&mut self) -> Result<Option<&str>, Self::Error>;

    /// The next column, the sixteen bytes of an id; `None` for NULL.
    ///
    /// # Errors
    ///
    /// When the database cannot read the column.
    fn id(&mut self) -> Result<Option<[u8; 16]>, Self::Error>;

    /// The next column, a number within the range of `T`. `what` names it in the error.
    ///
    /// # Errors
    ///
    /// [`corrupt`], when it is NULL or out of range.
    fn number<T: TryFrom<i64>>(&mut self, what: &'static str) -> Result<T, Self::Error> {
        let number = self.integer()?.and_then(|number| T::try_from(number).ok());
        number.ok_or_else(|| corrupt(what).into())
    }

    /// The next column, a number of entries. A negative number reads as 0.
    ///
    /// # Errors
    ///
    /// When the database cannot read the column.
    fn count(&mut self) -> Result<u64, Self::Error> {
        Ok(self.integer()?.and_then(|count| u64::try_from(count).ok()).unwrap_or_default())
    }

    /// The next column, a time.
    ///
    /// # Errors
    ///
    /// [`corrupt`], when it is NULL.
    fn time(&mut self) -> Result<Timestamp, Self::Error> {
        self.number("time").map(timestamp)
    }

    /// The next column, a text that is parsed. `what` names it in the error.
    ///
    /// # Errors
    ///
    /// [`corrupt`], when it is NULL or does not parse.
    fn parsed<T: FromStr>(&mut self, what: &'static str) -> Result<T, Self::Error> {
        self.parsed_or_null(what)?.ok_or_else(|| corrupt(what).into())
    }

    /// The next column, a text that is parsed; `None` for NULL.
    ///
    /// # Errors
    ///
    /// [`corrupt`], when it does not parse.
    fn parsed_or_null<T: FromStr>(&mut self, what: &'static str) -> Result<Option<T>, Self::Error> {
        Ok(self.text()?.map(|text| parse(text, what)).transpose()?)
    }

    /// The next column, the [code](super::state_code) of a state.
    ///
    /// # Errors
    ///
    /// [`corrupt`], when it is no state's.
    fn state(&mut self) -> Result<State, Self::Error> {
        let code = self.number("state")?;
        Ok(state_from_code(code)?)
    }
}

/// Parses a stored text. `what` names it in the error.
///
/// # Errors
///
/// [`corrupt`], when it does not parse.
pub fn parse<T: FromStr>(text: &str, what: &'static str) -> Result<T, StoreError> {
    text.parse().map_err(|_| corrupt(what))
}

/// The HTTP status with this stored number.
///
/// # Errors
///
/// [`corrupt`], when it is no status.
pub fn status(number: Option<i64>) -> Result<Option<StatusCode>, StoreError> {
    let status = |number| StatusCode::from_u16(u16::try_from(number).ok()?).ok();
    number.map(|number| status(number).ok_or_else(|| corrupt("status"))).transpose()
}

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
