use std::time::Duration;

use martello_outbox::{
    EventKind, Filter, JobId, ReplayJob, State, StoreError, WhenOvertaken,
    engine::{check_replay_rate, later},
};
use rusqlite::{params, params_from_iter};

use super::{
    change::{end_ready, put_back},
    overtake::before_replay,
};
use crate::{
    fault::Fault,
    read::{self, Conditions},
    sql,
    writer::Tx,
};

/// Makes the dead letters that pass the filter ready again, at a rate.
pub(crate) fn replay(
    tx: &mut Tx<'_>,
    filter: &Filter,
    per_second: f64,
    overtaken: WhenOvertaken,
) -> Result<ReplayJob, Fault> {
    check_replay_rate(per_second)?;
    let (id, dead) = (JobId::new(), dead(tx, filter, "", ReplayJob::MOST)?);
    let name = id.to_string();
    let mut total: u32 = 0;
    for seq in dead {
        before_replay(tx, seq, overtaken)?;
        let wait = Duration::try_from_secs_f64(f64::from(total) / per_second).unwrap_or(Duration::MAX);
        put_back(tx, seq, later(tx.now, wait), Some(id.as_bytes()))?;
        tx.note(seq, EventKind::Replayed, Some(&name))?;
        total += 1;
    }
    let sql = "INSERT INTO replay (id, created_at, filter, per_second, total) VALUES (?1, ?2, ?3, ?4, ?5)";
    // A filter always serializes.
    let filter = serde_json::to_string(filter).unwrap_or_default();
    sql::run(tx, sql, params![id.as_bytes(), tx.now, filter, per_second, total])?;
    job(tx, id)
}

/// The positions of the dead letters that pass a filter, oldest first.
pub(super) fn dead(tx: &Tx<'_>, filter: &Filter, and: &str, most: u64) -> Result<Vec<i64>, Fault> {
    if filter.state.is_some_and(|state| state != State::Dead) {
        return Ok(Vec::new());
    }
    let passing = Conditions::of(&Filter { state: Some(State::Dead), ..filter.clone() });
    let sql = format!("SELECT seq FROM outbox WHERE {} {and} ORDER BY seq LIMIT {most}", passing.sql);
    sql::all(tx, &sql, params_from_iter(&passing.values), |row| row.get(0).map_err(Fault::from))
}

/// Makes the entries of a replay dead letters again, unless a worker has claimed them since.
pub(crate) fn cancel_replay(tx: &mut Tx<'_>, id: JobId) -> Result<ReplayJob, Fault> {
    let sql = "UPDATE replay SET cancelled_at = ?2 WHERE id = ?1 AND cancelled_at IS NULL";
    if sql::run(tx, sql, params![id.as_bytes(), tx.now])? == 0 {
        return job(tx, id);
    }
    let sql = "SELECT seq FROM outbox INDEXED BY entry_job WHERE job = ?1 AND untouched = 1 ORDER BY seq";
    let waiting: Vec<i64> = sql::all(tx, sql, params![id.as_bytes()], |row| row.get(0).map_err(Fault::from))?;
    let name = id.to_string();
    for seq in &waiting {
        end_ready(tx, *seq, State::Dead, None)?;
        sql::run(tx, "UPDATE outbox SET untouched = 1 WHERE seq = ?1", params![seq])?;
        tx.note(*seq, EventKind::Returned, Some(&name))?;
    }
    let returned = i64::try_from(waiting.len()).unwrap_or(i64::MAX);
    sql::run(tx, "UPDATE replay SET returned = ?2 WHERE id = ?1", params![id.as_bytes(), returned])?;
    job(tx, id)
}

fn job(tx: &Tx<'_>, id: JobId) -> Result<ReplayJob, Fault> {
    read::replay(tx, id)?.ok_or_else(|| StoreError::no_replay(id).into())
}
