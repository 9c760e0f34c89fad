//! Runs statements that each connection prepares once, and reads the columns of their rows.

use martello_outbox::{
    StoreError,
    engine::{Columns, corrupt},
};
use rusqlite::{
    Connection, Params, Row,
    types::{FromSql, ValueRef},
};

use crate::fault::Fault;

/// Runs a statement. Returns the number of rows that it changed.
pub(crate) fn run(conn: &Connection, sql: &str, params: impl Params) -> rusqlite::Result<usize> {
    conn.prepare_cached(sql)?.execute(params)
}

/// Reads the first row, if there is one.
pub(crate) fn one<T, E: From<rusqlite::Error>>(
    conn: &Connection,
    sql: &str,
    params: impl Params,
    read: impl FnOnce(&Row<'_>) -> Result<T, E>,
) -> Result<Option<T>, E> {
    let mut statement = conn.prepare_cached(sql)?;
    let mut rows = statement.query(params)?;
    rows.next()?.map(read).transpose()
}

/// Reads all rows.
pub(crate) fn all<T, E: From<rusqlite::Error>>(
    conn: &Connection,
    sql: &str,
    params: impl Params,
    read: impl FnMut(&Row<'_>) -> Result<T, E>,
) -> Result<Vec<T>, E> {
    conn.prepare_cached(sql)?.query_and_then(params, read)?.collect()
}

/// The columns of a row, starting at this one.
pub(crate) fn columns<'a>(row: &'a Row<'a>, from: usize) -> RowColumns<'a> {
    RowColumns { row, next: from }
}

/// The columns of a row, read from left to right.
pub(crate) struct RowColumns<'a> {
    row: &'a Row<'a>,
    next: usize,
}

impl<'a> RowColumns<'a> {
    fn next(&mut self) -> rusqlite::Result<ValueRef<'a>> {
        self.next += 1;
        self.row.get_ref(self.next - 1)
    }

    /// The next column, as any type that rusqlite reads.
    pub(crate) fn get<T: FromSql>(&mut self) -> rusqlite::Result<T> {
        self.next += 1;
        self.row.get(self.next - 1)
    }
}

impl Columns for RowColumns<'_> {
    type Error = Fault;

    fn integer(&mut self) -> Result<Option<i64>, Fault> {
        Ok(self.next()?.as_i64_or_null().map_err(rusqlite::Error::from)?)
    }

    fn real(&mut self) -> Result<Option<f64>, Fault> {
        Ok(self.next()?.as_f64_or_null().map_err(rusqlite::Error::from)?)
    }

    fn flag(&mut self) -> Result<bool, Fault> {
        Ok(self.integer()?.is_some_and(|flag| flag != 0))
    }

    fn text(&mut self) -> Result<Option<&str>, Fault> {
        Ok(self.next()?.as_str_or_null().map_err(rusqlite::Error::from)?)
    }

    fn id(&mut self) -> Result<Option<[u8; 16]>, Fault> {
        let id = self.next()?.as_blob_or_null().map_err(rusqlite::Error::from)?;
        let bytes = |id: &[u8]| id.try_into().map_err(|_| StoreError::into(corrupt("id")));
        id.map(bytes).transpose()
    }
}

/// The FNV-1a hash of 64 bits. It is stored, so it must never change. A deliberate collision costs only a
/// comparison of the texts.
pub(crate) fn fnv(text: &[u8]) -> i64 {
    let hash = text.iter().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    });
    hash.cast_signed()
}

#[cfg(test)]
mod tests {
    use super::fnv;

    /// Test vectors of <http://www.isthe.com/chongo/tech/comp/fnv/>.
    #[test]
    fn it_is_fnv_1a() {
        assert_eq!(fnv(b"").cast_unsigned(), 0xcbf2_9ce4_8422_2325);
        assert_eq!(fnv(b"foobar").cast_unsigned(), 0x8594_4171_f739_67e8);
    }
}
