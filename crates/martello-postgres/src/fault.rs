//! What goes wrong inside, and what is said of it outside.
//!
//! Of the server's words only its message and code go on: its details quote values.

use std::{fmt, io};

use martello_outbox::{StoreError, StoreErrorKind};
use sqlx::postgres::{PgDatabaseError, PgSeverity};
use uuid::Uuid;

/// What the server said, without the values that it quotes.
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

/// What a function of the schema refused to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// There is nothing of this name.
    NotFound,
    /// It is in this state, which does not allow it.
    Conflict(i16),
    /// This is its last revision, and not the one that was named.
    Outdated(u32),
    /// The dead letter with this id is overtaken.
    Overtaken([u8; 16]),
    /// A newer entry of the key of the dead letter with this id is leased.
    Overtaking([u8; 16]),
}

/// What it refused, if that is what went wrong.
pub(crate) fn refused(error: &sqlx::Error) -> Option<Refusal> {
    let said = error.as_database_error()?.try_downcast_ref::<PgDatabaseError>()?;
    match said.code() {
        "MT001" => Some(Refusal::NotFound),
        "MT002" => Some(Refusal::Conflict(said.detail()?.parse().ok()?)),
        "MT003" => Some(Refusal::Outdated(said.detail()?.parse().ok()?)),
        "MT005" => Some(Refusal::Overtaken(id(said)?)),
        "MT006" => Some(Refusal::Overtaking(id(said)?)),
        _ => None,
    }
}

fn id(said: &PgDatabaseError) -> Option<[u8; 16]> {
    said.detail()?.parse::<Uuid>().ok().map(Uuid::into_bytes)
}

/// The server's code for what went wrong, if it was the server that spoke.
pub(crate) fn code(error: &sqlx::Error) -> Option<String> {
    error.as_database_error().and_then(sqlx::error::DatabaseError::code).map(std::borrow::Cow::into_owned)
}

/// Whether nothing was done, because others were in the way.
pub(crate) fn is_conflict(error: &sqlx::Error) -> bool {
    // Serialization failure, deadlock.
    code(error).is_some_and(|code| code == "40001" || code == "40P01")
}

/// Whether nothing was done, because the transaction does not see what it must.
pub(crate) fn is_wrong_isolation(error: &sqlx::Error) -> bool {
    code(error).is_some_and(|code| code == "MT004")
}

/// Whether nothing was done, because the session knows no statement of this name, or another one: others have it, too.
pub(crate) fn is_foreign_statement(error: &sqlx::Error) -> bool {
    code(error).is_some_and(|code| code == "26000" || code == "42P05")
}

/// Whether it was broken off because a lock was not to be had in time: nothing was done.
pub(crate) fn is_blocked(error: &StoreError) -> bool {
    let said = std::error::Error::source(error).and_then(|source| source.downcast_ref::<ServerMessage>());
    said.is_some_and(|said| said.code == "55P03")
}

/// What an error means for the session in which it came up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SessionState {
    /// It was the work that was wrong. The session is as good as before.
    Usable,
    /// It cannot do the work, or may not be able to. Nothing was done.
    Unusable,
    /// It has ended, and nobody knows what was done.
    Lost,
}

/// The classes of what is wrong with the work: values, constraints, conflicts, limits, locks; and what functions raise.
const OF_THE_WORK: &[&str] = &["21", "22", "23", "40", "54", "55", "MT", "P0"];
/// The classes of what the server is short of or finds broken, and a statement that was cancelled, as by
/// `statement_timeout`.
const OF_THE_SERVER: &[&str] = &["53", "58", "XX", "57014"];

/// Whether a session can be used again is decided by what it is known to survive, and by nothing else: it may have
/// become read-only (25006), or its transaction broken (25P02), or its statements forgotten (26000); or have too
/// little time (57014) or memory (53200).
pub(crate) fn session(error: &sqlx::Error) -> SessionState {
    let said = error.as_database_error().and_then(|said| said.try_downcast_ref::<PgDatabaseError>());
    let Some(said) = said else {
        return if is_away(error) { SessionState::Lost } else { SessionState::Unusable };
    };
    if is_away(error) || matches!(said.severity(), PgSeverity::Fatal | PgSeverity::Panic) {
        SessionState::Lost
    } else if is_one(said.code(), OF_THE_WORK) {
        SessionState::Usable
    } else {
        SessionState::Unusable
    }
}

/// Whether the server gave up. Another session would do so as well, unless it is set to something else meanwhile.
pub(crate) fn gave_up(error: &sqlx::Error) -> bool {
    code(error).is_some_and(|code| is_one(&code, OF_THE_SERVER))
}

fn is_one(code: &str, classes: &[&str]) -> bool {
    classes.iter().any(|class| code.starts_with(class))
}

/// Whether the server was not there, or went away.
pub(crate) fn is_away(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Io(_) | sqlx::Error::Tls(_) | sqlx::Error::Protocol(_) | sqlx::Error::WorkerCrashed => {
            true
        }
        _ => code(error).is_some_and(|code| is_one(&code, &["08", "57P"])),
    }
}

/// What a user is told.
pub(crate) fn explain(error: sqlx::Error) -> StoreError {
    let code = code(&error);
    let (kind, message) = match &code {
        Some(code) => explain_pooler(&error).unwrap_or_else(|| explain_code(code)),
        None => explain_connection(&error),
    };
    let explained = StoreError::new(kind, message);
    match (&error, error.as_database_error(), code) {
        (_, Some(said), Some(code)) => {
            explained.with_source(ServerMessage { message: said.message().to_owned(), code })
        }
        // What is wrong with a URL may quote it.
        (sqlx::Error::Configuration(_), ..) => explained,
        _ => explained.with_source(error),
    }
}

fn explain_connection(error: &sqlx::Error) -> (StoreErrorKind, &'static str) {
    match error {
        sqlx::Error::Configuration(_) => (
            StoreErrorKind::Invalid,
            "the url must be one of PostgreSQL, such as postgres://user@host:5432/database: look at it and at the \
             files that it names",
        ),
        sqlx::Error::Io(cause) => explain_io(cause),
        sqlx::Error::Tls(_) => (StoreErrorKind::Unusable, NOT_ENCRYPTED),
        sqlx::Error::PoolTimedOut => (
            StoreErrorKind::Unavailable,
            "the pool had no connection free in time: give it more, or hold fewer",
        ),
        sqlx::Error::PoolClosed => (StoreErrorKind::Unavailable, "the store's pool is closed: open another"),
        sqlx::Error::Protocol(_) | sqlx::Error::WorkerCrashed => (
            StoreErrorKind::Unavailable,
            "the connection to the server broke: see that it is PostgreSQL that answers there",
        ),
        sqlx::Error::ColumnDecode { .. } | sqlx::Error::Decode(_) => (
            StoreErrorKind::Unusable,
            "the store's tables hold something that does not belong there: stop what uses them, and restore a backup",
        ),
        _ => (StoreErrorKind::Internal, "sqlx refused a statement: please report it"),
    }
}

/// Of a handshake that fails, sqlx says that the input or the output did.
fn explain_io(cause: &io::Error) -> (StoreErrorKind, &'static str) {
    match cause.kind() {
        io::ErrorKind::InvalidData if cause.to_string().contains("certificate") => (
            StoreErrorKind::Unusable,
            "the server's certificate is not trusted: name the authority that signed it with sslrootcert, and the server as \
             the certificate does",
        ),
        io::ErrorKind::InvalidData => (StoreErrorKind::Unusable, NOT_ENCRYPTED),
        io::ErrorKind::NotFound => (
            StoreErrorKind::Unavailable,
            "a file that the url names is not there: look at sslrootcert, sslcert, sslkey and the server's socket",
        ),
        _ => (
            StoreErrorKind::Unavailable,
            "the server cannot be reached, or went away: see that it runs, and look at what was stored",
        ),
    }
}

const NOT_ENCRYPTED: &str = "no encrypted connection to the server could be made: look at sslmode";

/// PgBouncer says by one code whatever it does not do.
fn explain_pooler(error: &sqlx::Error) -> Option<(StoreErrorKind, &'static str)> {
    let said = error.as_database_error()?;
    let is = |what| said.message().contains(what);
    if said.code().as_deref() != Some("08P01") {
        None
    } else if is("startup parameter") {
        Some((
            StoreErrorKind::Unusable,
            "PgBouncer does not hand on a parameter of the session: take options out of the url and PGOPTIONS, or name the \
             parameter in ignore_startup_parameters",
        ))
    } else if is("statement pooling mode") {
        Some((
            StoreErrorKind::Unusable,
            "PgBouncer pools statements: set pool_mode to transaction or session",
        ))
    } else {
        None
    }
}

fn explain_code(code: &str) -> (StoreErrorKind, &'static str) {
    match code {
        "28000" | "28P01" => {
            (StoreErrorKind::Unusable, "the server refused the role or its password: look at the url")
        }
        "3D000" => (StoreErrorKind::Unusable, "the server has no such database: make it, or look at the url"),
        "25006" => (
            StoreErrorKind::ReadOnly,
            "the server only reads, as a standby does: connect to the one that writes",
        ),
        "42501" => (
            StoreErrorKind::ReadOnly,
            "the role may not do this: grant it CREATE on the database to make the schema, or all on the schema's \
             tables, sequences and functions to use it",
        ),
        "53100" => (
            StoreErrorKind::Full,
            "there is no room left for the store: make room on the server's disk, and prune or purge it",
        ),
        "53300" => (
            StoreErrorKind::Unavailable,
            "the server has no connection to give: raise max_connections, or give the stores fewer",
        ),
        "57014" | "55P03" => (
            StoreErrorKind::Unavailable,
            "the server broke the operation off: try again, and look at its timeouts and at what is locked",
        ),
        "54000" | "22001" => (StoreErrorKind::Invalid, "a request must be smaller than 1 GB to be stored"),
        "3F000" | "42P01" | "42883" | "42703" => (
            StoreErrorKind::Unusable,
            "the schema's tables are gone, or are not those of this version: open the store again",
        ),
        _ => match code.get(..2).unwrap_or_default() {
            "08" | "57" | "53" | "58" => (
                StoreErrorKind::Unavailable,
                "the server is going down, coming up or short of something: try again, and look at its log",
            ),
            "40" => (
                StoreErrorKind::Unavailable,
                "others were in the way again and again: try again, and look who uses the tables",
            ),
            "XX" => (
                StoreErrorKind::Unusable,
                "the server finds its data corrupt: stop what uses it, and restore a backup",
            ),
            _ => (StoreErrorKind::Internal, "the server refused a statement: please report it"),
        },
    }
}

/// The server did not answer in time.
pub(crate) fn timed_out() -> StoreError {
    StoreError::new(
        StoreErrorKind::Unavailable,
        "the server did not answer in time: see that it runs and what is locked, and look at what was stored",
    )
}

#[cfg(test)]
mod tests {
    use super::{SessionState, session};

    #[test]
    fn a_session_is_kept_only_after_what_it_survives() {
        // What the server says cannot be made by hand; the tests of the crate have it say more.
        let gone = std::io::Error::from(std::io::ErrorKind::ConnectionReset);
        assert_eq!(session(&sqlx::Error::Io(gone)), SessionState::Lost);
        assert_eq!(session(&sqlx::Error::Protocol("what is this".into())), SessionState::Lost);
        assert_eq!(session(&sqlx::Error::RowNotFound), SessionState::Unusable);
    }
}
