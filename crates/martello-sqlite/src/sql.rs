//! Statements, prepared once for each connection.

use rusqlite::{Connection, Params, Row};

/// Runs a statement and tells how many rows it changed.
pub(crate) fn run(conn: &Connection, sql: &str, params: impl Params) -> rusqlite::Result<usize> {
    conn.prepare_cached(sql)?.execute(params)
}

/// The first row, if there is one.
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

/// All rows.
pub(crate) fn all<T, E: From<rusqlite::Error>>(
    conn: &Connection,
    sql: &str,
    params: impl Params,
    read: impl FnMut(&Row<'_>) -> Result<T, E>,
) -> Result<Vec<T>, E> {
    conn.prepare_cached(sql)?.query_and_then(params, read)?.collect()
}
