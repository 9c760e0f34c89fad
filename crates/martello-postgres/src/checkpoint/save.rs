use martello_outbox::{StoreError, engine::corrupt};
use martello_poll::{
    Fence, NewParked, Parked, Save, Saved,
    engine::{fence_to_integer, parked_ids},
};
use sqlx::Row;

use crate::{explain::explain, shared::Shared, statement::Statement, write::clean};

/// Saves all of this or nothing. Returns `None` if it would exceed the limits of parked items.
pub(super) async fn save(
    shared: &Shared,
    poll: &str,
    fence: Fence,
    checkpoint: String,
    save: &Save,
) -> Result<Option<Saved>, StoreError> {
    let most = |most: usize| i64::try_from(most).unwrap_or(i64::MAX);
    let statement = shared
        .statement(
            "SELECT __.save_checkpoint($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)
             FROM __.begin_write(NULL)",
        )
        .bind(poll)
        .bind(fence_to_integer(fence))
        .bind(checkpoint)
        .bind(parked_ids(&save.unpark))
        .bind(most(Parked::MAX_ITEMS))
        .bind(most(Parked::MAX_BYTES));
    // A repeated execution finds the state that it wants to write.
    let statement = bind(statement, &save.park).repeatable();
    let rows = shared.connections.rows(&statement).await?;
    match rows.first().map(|row| row.try_get(0)).transpose().map_err(explain)? {
        Some("saved") => Ok(Some(Saved::Saved)),
        Some("fenced") => Ok(Some(Saved::Fenced)),
        Some("full") => Ok(None),
        _ => Err(corrupt("answer")),
    }
}

/// Binds the new parked items, one array per column.
fn bind(statement: Statement, park: &[NewParked]) -> Statement {
    let column = |of: fn(&NewParked) -> i64| park.iter().map(of).collect::<Vec<_>>();
    // PostgreSQL text cannot contain U+0000. JSON escapes it.
    let key = |item: &NewParked| serde_json::Value::from(item.key.as_str()).to_string();
    statement
        .bind(column(|item| item.position.page.into()))
        .bind(column(|item| item.position.item.into()))
        .bind(park.iter().map(|item| item.parked_at.to_string()).collect::<Vec<_>>())
        .bind(park.iter().map(key).collect::<Vec<_>>())
        .bind(park.iter().map(|item| item.stamp.map(|stamp| stamp.to_string())).collect::<Vec<_>>())
        .bind(park.iter().map(|item| clean(&item.reason).into_owned()).collect::<Vec<_>>())
        .bind(park.iter().map(|item| item.json.as_str()).collect::<Vec<_>>())
}
