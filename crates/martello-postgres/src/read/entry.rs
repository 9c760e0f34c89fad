use std::str::FromStr;

use crate::id::Id;
use http::{Method, StatusCode, Uri};
use martello_outbox::{Entry, EntryId, JobId, OrderKey, StoreError, StoredRequest};
use sqlx::{Decode, Postgres, Row, Type, postgres::PgRow};

use crate::{
    code,
    fault::{corrupt, explain},
    shared::Shared,
    time::timestamp,
};

/// How many columns [`overview`] reads.
pub(super) const OVERVIEW: usize = 25;

/// The entry with this id.
pub(crate) async fn entry(shared: &Shared, id: EntryId) -> Result<Option<Entry>, StoreError> {
    let sql = "SELECT * FROM __.overview WHERE id = $1";
    let statement = shared.statement(sql).bind(Id(*id.as_bytes())).repeatable();
    let rows = shared.connections.rows(&statement).await?;
    rows.first().map(|row| overview(row, 0).map(|(_, entry)| entry)).transpose()
}

/// An entry and its place in the order, from the columns of the view `overview` from this one on.
pub(crate) fn overview(row: &PgRow, from: usize) -> Result<(i64, Entry), StoreError> {
    let mut columns = Columns { row, next: from };
    let seq = columns.next()?;
    let entry = Entry {
        id: EntryId::from_bytes(columns.next::<Id>()?.0),
        queue: columns.word("queue name")?,
        state: code::state(columns.next()?)?,
        reason: columns.perhaps("reason")?,
        revision: columns.number()?,
        order_key: columns.perhaps::<OrderKey>("order key")?,
        dedup_key: columns.next::<Option<String>>()?.map(Into::into),
        repeatable: columns.next()?,
        attempts: columns.number()?,
        tries: columns.number()?,
        max_attempts: u32::try_from(columns.next::<i64>()?).map_err(|_| corrupt("number of attempts"))?,
        created_at: columns.time()?,
        due_at: columns.time()?,
        expires_at: columns.time()?,
        changed_at: columns.time()?,
        last_outcome: columns.perhaps("outcome")?,
        last_status: status(columns.next()?)?,
        last_tracking_id: columns.perhaps("tracking id")?,
        kept: columns.next()?,
        job: columns.next::<Option<Id>>()?.map(|id| JobId::from_bytes(id.0)),
        superseded_by: columns.next::<Option<Id>>()?.map(|id| EntryId::from_bytes(id.0)),
        overtaken: columns.next::<Option<i16>>()?.map(code::overtaken).transpose()?,
        method: columns.word::<Method>("method")?,
        uri: columns.word::<Uri>("url")?,
    };
    Ok((seq, entry))
}

/// The columns of a row, one after the other.
pub(super) struct Columns<'a> {
    pub(super) row: &'a PgRow,
    pub(super) next: usize,
}

impl<'a> Columns<'a> {
    pub(super) fn next<T: Decode<'a, Postgres> + Type<Postgres>>(&mut self) -> Result<T, StoreError> {
        let column = self.next;
        self.next += 1;
        self.row.try_get(column).map_err(explain)
    }

    pub(super) fn time(&mut self) -> Result<jiff::Timestamp, StoreError> {
        self.next().map(timestamp)
    }

    fn number(&mut self) -> Result<u32, StoreError> {
        u32::try_from(self.next::<i32>()?).map_err(|_| corrupt("number"))
    }

    /// A text that stands for something.
    pub(super) fn word<T: FromStr>(&mut self, what: &'static str) -> Result<T, StoreError> {
        word(self.next()?, what)
    }

    /// What was put together of several rows, which is none if there are none.
    pub(super) fn list<T>(&mut self) -> Result<std::vec::IntoIter<T>, StoreError>
    where
        Option<Vec<T>>: Decode<'a, Postgres> + Type<Postgres>,
    {
        Ok(self.next::<Option<Vec<T>>>()?.unwrap_or_default().into_iter())
    }

    /// The same, or nothing.
    fn perhaps<T: FromStr>(&mut self, what: &'static str) -> Result<Option<T>, StoreError> {
        self.next::<Option<&str>>()?.map(|text| word(text, what)).transpose()
    }
}

/// What a text stands for.
pub(super) fn word<T: FromStr>(text: &str, what: &'static str) -> Result<T, StoreError> {
    text.parse().map_err(|_| corrupt(what))
}

pub(super) fn status(number: Option<i16>) -> Result<Option<StatusCode>, StoreError> {
    let status =
        |number: i16| u16::try_from(number).ok().and_then(|number| StatusCode::from_u16(number).ok());
    number.map(|number| status(number).ok_or_else(|| corrupt("status"))).transpose()
}

/// A request, from its columns.
pub(crate) fn request(
    method: Method,
    uri: Uri,
    headers: &str,
    sealed: bool,
    body: Vec<u8>,
) -> Result<StoredRequest, StoreError> {
    let headers = StoredRequest::headers_from_json(headers).map_err(|_| corrupt("head"))?;
    Ok(StoredRequest { method, uri, headers, sealed, body: body.into() })
}
