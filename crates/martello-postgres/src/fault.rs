//! Classifies the errors of sqlx and of the server: what was refused, what is safe to repeat, and whether the
//! session can be used again.

use sqlx::postgres::{PgDatabaseError, PgSeverity};
use uuid::Uuid;

/// Why a function of the schema refused an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// The entry or the replay does not exist.
    NotFound,
    /// The entry is in this state, which does not allow the operation.
    Conflict(i16),
    /// The last revision of the entry is this one, not the one that the caller named.
    Outdated(u32),
    /// The dead letter with this id is overtaken.
    Overtaken([u8; 16]),
    /// A newer entry of the key of the dead letter with this id is leased.
    Overtaking([u8; 16]),
}

/// The refusal that an error stands for; `None` for any other error.
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

/// The SQLSTATE of an error; `None` if the server did not report it.
pub(crate) fn code(error: &sqlx::Error) -> Option<String> {
    error.as_database_error().and_then(sqlx::error::DatabaseError::code).map(std::borrow::Cow::into_owned)
}

/// Whether the transaction failed because of concurrent ones. It had no effect.
pub(crate) fn is_conflict(error: &sqlx::Error) -> bool {
    // Serialization failure, deadlock.
    code(error).is_some_and(|code| code == "40001" || code == "40P01")
}

/// Whether the transaction has an isolation level in which it does not see what it must. It had no effect.
pub(crate) fn is_wrong_isolation(error: &sqlx::Error) -> bool {
    code(error).is_some_and(|code| code == "MT004")
}

/// Whether the session does not know the prepared statement, or knows another one of its name, because other
/// clients use the session too. The statement had no effect.
pub(crate) fn is_foreign_statement(error: &sqlx::Error) -> bool {
    code(error).is_some_and(|code| code == "26000" || code == "42P05")
}

/// The state in which an error leaves its session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SessionState {
    /// The session can be used again.
    Usable,
    /// The session may be unable to do the work. The statement had no effect.
    Unusable,
    /// The session has ended. Whether the statement had an effect is unknown.
    Lost,
}

/// The SQLSTATE classes of errors in the work: values, constraints, conflicts, limits, locks, and what
/// functions raise.
const OF_THE_WORK: &[&str] = &["21", "22", "23", "40", "54", "55", "MT", "P0"];
/// The SQLSTATE classes of a server that lacks resources or finds corrupt data, and the code of a cancelled
/// statement, as by `statement_timeout`.
const OF_THE_SERVER: &[&str] = &["53", "58", "XX", "57014"];

/// The state in which this error leaves its session. A session is used again only after errors that it is
/// known to survive. After another it may be read-only (25006), in a failed transaction (25P02), without its
/// prepared statements (26000), or short of time (57014) or memory (53200).
pub(crate) fn session(error: &sqlx::Error) -> SessionState {
    let said = error.as_database_error().and_then(|said| said.try_downcast_ref::<PgDatabaseError>());
    let Some(said) = said else {
        return if is_away(error) { SessionState::Lost } else { SessionState::Unusable };
    };
    if is_away(error) || matches!(said.severity(), PgSeverity::Fatal | PgSeverity::Panic) {
        SessionState::Lost
    } else if is_in(said.code(), OF_THE_WORK) {
        SessionState::Usable
    } else {
        SessionState::Unusable
    }
}

/// Whether the server gave up the statement. It would do so in another session too.
pub(crate) fn gave_up(error: &sqlx::Error) -> bool {
    code(error).is_some_and(|code| is_in(&code, OF_THE_SERVER))
}

fn is_in(code: &str, classes: &[&str]) -> bool {
    classes.iter().any(|class| code.starts_with(class))
}

/// Whether the server could not be reached, or the connection broke.
pub(crate) fn is_away(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Io(_) | sqlx::Error::Tls(_) | sqlx::Error::Protocol(_) | sqlx::Error::WorkerCrashed => {
            true
        }
        _ => code(error).is_some_and(|code| is_in(&code, &["08", "57P"])),
    }
}

#[cfg(test)]
mod tests {
    use super::{SessionState, session};

    #[test]
    fn a_session_is_kept_only_after_what_it_survives() {
        // An error of the server cannot be made by hand. The tests with a server cover those.
        let gone = std::io::Error::from(std::io::ErrorKind::ConnectionReset);
        assert_eq!(session(&sqlx::Error::Io(gone)), SessionState::Lost);
        assert_eq!(session(&sqlx::Error::Protocol("what is this".into())), SessionState::Lost);
        assert_eq!(session(&sqlx::Error::RowNotFound), SessionState::Unusable);
    }
}
