use martello_outbox::{
    EntryId, Filter, JobId, ReplayJob, State, StoreError, WhenOvertaken,
    engine::{Changes, check_replay_rate, corrupt},
};

use crate::{
    fault::Refusal,
    id::Id,
    read::{self, Conditions},
    shared::Shared,
};

/// Puts the dead letters that pass the filter back, at a rate.
pub(crate) async fn replay(
    shared: &Shared,
    filter: &Filter,
    per_second: f64,
    overtaken: WhenOvertaken,
) -> Result<ReplayJob, StoreError> {
    check_replay_rate(per_second)?;
    let id = JobId::new();
    let (seqs, passing) = dead(filter, "", Some(ReplayJob::MOST));
    let from = passing.len();
    let sql = format!(
        "SELECT __.replay(${}, ${}, ${}, ${}, ${}, {seqs})",
        from + 1,
        from + 2,
        from + 3,
        from + 4,
        from + 5
    );
    // A filter always serialises.
    let filter = serde_json::to_string(filter).unwrap_or_default();
    let statement = passing.bind(shared.statement(&sql)).bind(shared.now());
    let statement = statement.bind(Id(*id.as_bytes())).bind(filter).bind(per_second);
    let statement = statement.bind(overtaken == WhenOvertaken::Overwrite);
    shared.connections.rows_or_refusal(&statement).await?.map_err(|refused| match refused {
        Refusal::Overtaken(id) => StoreError::overtaken(EntryId::from_bytes(id)),
        Refusal::Overtaking(id) => StoreError::overtaking(EntryId::from_bytes(id)),
        Refusal::NotFound | Refusal::Conflict(_) | Refusal::Outdated(_) => corrupt("replay"),
    })?;
    shared.notify(Changes::READY);
    read::replay(shared, id).await
}

/// The places of the dead letters that pass a filter, the oldest first, as an array in SQL.
pub(super) fn dead(filter: &Filter, and: &str, most: Option<u64>) -> (String, Conditions) {
    let none = filter.state.is_some_and(|state| state != State::Dead);
    let passing = Conditions::of(&Filter { state: Some(State::Dead), ..filter.clone() });
    let most = if none { Some(0) } else { most };
    let limit = most.map(|most| format!("LIMIT {most}")).unwrap_or_default();
    // Nothing that is dead is leased, so the slots are left out.
    let sql =
        format!("ARRAY(SELECT e.seq FROM __.entry e WHERE {} {and} ORDER BY e.seq {limit})", passing.sql);
    (sql, passing)
}

/// Makes dead letters again of what a job has put back and no worker has claimed since.
pub(crate) async fn cancel_replay(shared: &Shared, id: JobId) -> Result<ReplayJob, StoreError> {
    let statement = shared.statement("SELECT __.cancel_replay($1, $2)").bind(shared.now());
    let statement = statement.bind(Id(*id.as_bytes())).repeatable();
    shared.connections.rows_or_refusal(&statement).await?.map_err(|_| StoreError::no_replay(id))?;
    shared.notify(Changes::ALL);
    read::replay(shared, id).await
}
