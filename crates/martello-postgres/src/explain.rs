//! The errors that callers get. Of a server error they contain the message and the code; its details may
//! quote values.

use std::{fmt, io};

use martello_outbox::{StoreError, StoreErrorKind, engine::too_large};

use crate::fault::code;

/// The message and the code of a server error. Its details may quote values, and are left out.
#[derive(Debug)]
struct ServerMessage {
    message: String,
    code: String,
}

impl fmt::Display for ServerMessage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (SQLSTATE {})", self.message, self.code)
    }
}

impl std::error::Error for ServerMessage {}

/// The error that the caller of a store gets.
pub(crate) fn explain(error: sqlx::Error) -> StoreError {
    let code = code(&error);
    let (kind, message) = match &code {
        Some(code) => explain_pooler(&error).unwrap_or_else(|| explain_code(code)),
        None => explain_connection(&error),
    };
    let explained = match code.as_deref() {
        Some("54000" | "22001") => too_large(),
        _ => StoreError::new(kind, message),
    };
    match (&error, error.as_database_error(), code) {
        (_, Some(said), Some(code)) => {
            explained.with_source(ServerMessage { message: said.message().to_owned(), code })
        }
        // The source may quote the URL, and so a password.
        (sqlx::Error::Configuration(_), ..) => explained,
        _ => explained.with_source(error),
    }
}

fn explain_connection(error: &sqlx::Error) -> (StoreErrorKind, &'static str) {
    match error {
        sqlx::Error::Configuration(_) => (
            StoreErrorKind::Invalid,
            "invalid PostgreSQL URL: give one such as postgres://user@host:5432/database, and check the files that it \
             names",
        ),
        sqlx::Error::Io(cause) => explain_io(cause),
        sqlx::Error::Tls(_) => (StoreErrorKind::Unusable, NOT_ENCRYPTED),
        sqlx::Error::PoolTimedOut => (
            StoreErrorKind::Unavailable,
            "the pool had no free connection in time: give it more connections, or hold fewer",
        ),
        sqlx::Error::PoolClosed => (
            StoreErrorKind::Unavailable,
            "the pool of the store is closed: connect the store to another pool",
        ),
        sqlx::Error::Protocol(_) | sqlx::Error::WorkerCrashed => (
            StoreErrorKind::Unavailable,
            "the connection broke: check that a PostgreSQL server answers at this address",
        ),
        sqlx::Error::ColumnDecode { .. } | sqlx::Error::Decode(_) => (
            StoreErrorKind::Unusable,
            "the store holds an invalid value: stop all programs that use the store, then restore a backup",
        ),
        _ => (StoreErrorKind::Internal, "sqlx refused a statement: report a bug"),
    }
}

/// sqlx reports a failed TLS handshake as an I/O error.
fn explain_io(cause: &io::Error) -> (StoreErrorKind, &'static str) {
    match cause.kind() {
        io::ErrorKind::InvalidData if cause.to_string().contains("certificate") => (
            StoreErrorKind::Unusable,
            "the server's certificate is not trusted: set sslrootcert to the certificate of the authority that signed it, and \
             use the host name that the certificate contains",
        ),
        io::ErrorKind::InvalidData => (StoreErrorKind::Unusable, NOT_ENCRYPTED),
        io::ErrorKind::NotFound => (
            StoreErrorKind::Unavailable,
            "a file that the URL names does not exist: check sslrootcert, sslcert, sslkey and the server's socket",
        ),
        _ => (
            StoreErrorKind::Unavailable,
            "the server cannot be reached, or closed the connection: check that it runs, and whether the operation took effect",
        ),
    }
}

const NOT_ENCRYPTED: &str = "no encrypted connection to the server: check sslmode";

/// PgBouncer reports everything that it refuses by one code.
fn explain_pooler(error: &sqlx::Error) -> Option<(StoreErrorKind, &'static str)> {
    let said = error.as_database_error()?;
    let is = |what| said.message().contains(what);
    if said.code().as_deref() != Some("08P01") {
        None
    } else if is("startup parameter") {
        Some((
            StoreErrorKind::Unusable,
            "PgBouncer refuses a startup parameter: remove options from the URL and PGOPTIONS, or name the parameter in \
             ignore_startup_parameters",
        ))
    } else if is("statement pooling mode") {
        Some((
            StoreErrorKind::Unusable,
            "PgBouncer pools statements: set its pool_mode to transaction or session",
        ))
    } else {
        None
    }
}

fn explain_code(code: &str) -> (StoreErrorKind, &'static str) {
    match code {
        "28000" | "28P01" => {
            (StoreErrorKind::Unusable, "the server refused the role or its password: check them in the URL")
        }
        "3D000" => (
            StoreErrorKind::Unusable,
            "the server has no such database: create it, or check its name in the URL",
        ),
        "25006" => {
            (StoreErrorKind::ReadOnly, "the server is read-only, as a standby is: connect to the primary")
        }
        "42501" => (
            StoreErrorKind::ReadOnly,
            "the role lacks a privilege: grant it CREATE on the database to make the schema, or ALL on the tables, sequences \
             and functions of the schema to use it",
        ),
        "53100" => {
            (StoreErrorKind::Full, "the server's disk is full: free space, and prune or purge the store")
        }
        "53300" => (
            StoreErrorKind::Unavailable,
            "the server has no free connection: raise its max_connections, or lower that of the stores",
        ),
        "57014" | "55P03" => (
            StoreErrorKind::Unavailable,
            "the server cancelled the operation: try again, and check its timeouts and locks",
        ),
        "3F000" | "42P01" | "42883" | "42703" => {
            (StoreErrorKind::Unusable, "the schema was dropped, or has another version: connect again")
        }
        _ => match code.get(..2).unwrap_or_default() {
            "08" | "57" | "53" | "58" => (
                StoreErrorKind::Unavailable,
                "the server is shutting down, starting or out of a resource: try again, and check its log",
            ),
            "40" => (
                StoreErrorKind::Unavailable,
                "the operation conflicted with other transactions again and again: try again, and check what uses the tables",
            ),
            "XX" => (
                StoreErrorKind::Unusable,
                "the server finds its data corrupt: stop all programs that use it, then restore a backup",
            ),
            _ => (StoreErrorKind::Internal, "the server refused a statement: report a bug"),
        },
    }
}

/// The server did not answer in time.
pub(crate) fn timed_out() -> StoreError {
    StoreError::new(
        StoreErrorKind::Unavailable,
        "the server did not answer in time: check that it runs and what is locked, and whether the operation took effect",
    )
}

/// Whether the operation gave up waiting for a lock. It had no effect.
pub(crate) fn is_blocked(error: &StoreError) -> bool {
    let said = std::error::Error::source(error).and_then(|source| source.downcast_ref::<ServerMessage>());
    said.is_some_and(|said| said.code == "55P03")
}
