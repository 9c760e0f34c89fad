//! When the file is migrated while an older program has it open, that program's operations fail completely.

use martello_outbox::{
    Filter, Reason, State, Store, StoreErrorKind,
    store::{End, HoldChange, Settlement},
};
use martello_sqlite::SqliteStore;
use rusqlite::Connection;

use crate::support::{as_version, claim, entry, keyed, temp_store_path, texts};

/// The statements of a program of version 2: for each operation that changes entries or queues, the
/// statements that change something or come first.
const STATEMENTS_OF_VERSION_2: [&str; 19] = [
    // Enqueue and supersede.
    "INSERT OR IGNORE INTO entry (id, queue, state, pending, head, due_at, expires_at, changed_at, attempts, tries,
         max_attempts, repeatable, created_at, expires_in, order_key, dedup_key, revision, host, reason,
         last_outcome, last_status, last_tracking_id)
     VALUES (?1, ?2, ?3, ?4, ?4 AND NOT EXISTS (SELECT 1 FROM entry INDEXED BY entry_key
         WHERE order_key = ?5 AND queue = ?2 AND pending = 1),
         ?6, ?7, ?8, ?9, 0, ?10, ?11, ?8, ?12, ?5, ?13, 1, ?14, ?15, ?16, ?17, ?18)",
    "SELECT seq FROM entry INDEXED BY entry_key
     WHERE order_key = ?1 AND queue = ?2 AND pending = 1 AND state = 0 ORDER BY seq",
    // A turn: it settles, reads the state of the queue, takes expired leases back, expires entries, and
    // claims.
    "UPDATE entry SET state = ?4, pending = 0, changed_at = ?5, reason = coalesce(?6, reason),
         settled = fence, fence = NULL, lease_until = NULL, leased_at = NULL, worker = NULL
     WHERE seq = ?1 AND id = ?2 AND fence = ?3 AND state = 1 RETURNING queue, order_key, attempts",
    "UPDATE entry SET state = 0, head = order_key IS NULL, changed_at = ?5, due_at = coalesce(?6, due_at),
         settled = fence, fence = NULL, lease_until = NULL, leased_at = NULL, worker = NULL
     WHERE seq = ?1 AND id = ?2 AND fence = ?3 AND state = ?4 RETURNING queue, order_key, attempts",
    "SELECT (SELECT count(*) FROM entry INDEXED BY entry_leased WHERE queue = ?1 AND state = 1),
         (SELECT held_until FROM queue WHERE name = ?1 AND held_until > ?2)",
    "SELECT seq, worker FROM entry INDEXED BY entry_leased WHERE queue = ?1 AND state = 1 AND lease_until <= ?2",
    "SELECT seq FROM entry INDEXED BY entry_expiring
     WHERE queue = ?1 AND pending = 1 AND state = 0 AND expires_at <= ?2 ORDER BY expires_at, seq LIMIT ?3",
    "UPDATE entry SET state = 1, head = 0, changed_at = ?2, fence = random(), lease_until = ?3, leased_at = ?2
     WHERE seq IN (SELECT seq FROM entry INDEXED BY entry_ready
         WHERE queue = ?1 AND state = 0 AND head = 1 AND due_at <= ?2 AND expires_at > ?2
             ORDER BY due_at, seq LIMIT ?4) RETURNING seq",
    "UPDATE entry SET lease_until = ?1 WHERE seq = ?2 AND id = ?3 AND fence = ?4 AND state = 1",
    // A change of an entry, and the first statement of an edit.
    "SELECT seq, state FROM entry WHERE id = ?1",
    "INSERT INTO earlier_request (entry, number, made_at, method, url, headers, sealed, body)
     SELECT entry, revision, made_at, method, url, headers, sealed, body
     FROM request JOIN entry ON seq = entry WHERE entry = ?1",
    // A replay and its cancellation, a purge, and a prune.
    "SELECT seq FROM entry WHERE 1 AND state = 3 ORDER BY seq LIMIT 100000",
    "SELECT seq FROM entry INDEXED BY entry_job WHERE job = ?1 AND untouched = 1 ORDER BY seq",
    "SELECT seq FROM entry WHERE 1 AND state = 3 AND kept = 0 ORDER BY seq LIMIT 100000",
    "SELECT seq FROM entry INDEXED BY entry_over WHERE state IN (2, 4) AND changed_at < ?1
     ORDER BY changed_at, seq LIMIT ?2",
    // Holds of a whole queue.
    "INSERT INTO queue (name, held_until, held) VALUES (?1, ?2, ?3)
     ON CONFLICT (name) DO UPDATE SET held_until = ?2, held = ?3",
    "UPDATE queue SET paused = NULL, held_until = NULL, held = NULL WHERE name = ?1",
    "SELECT name, ready, leased, done, dead, cancelled, paused, held_until, held FROM queue ORDER BY name",
    // Parking an item.
    "INSERT INTO parked (poll, page, item, parked_at, key, stamp, reason, size, json)
     SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9 WHERE NOT EXISTS (SELECT 1 FROM parked INDEXED BY parked_same
         WHERE poll = ?1 AND key = ?5 AND stamp IS ?6 AND size = ?8 AND json = ?9)",
];

/// The errors of these statements after the migration: each names a table, column or index that is gone.
const GONE: [&str; 3] = ["no such table: entry", "held_until", "no such index: parked_same"];

/// All rows of the tables.
fn rows(connection: &Connection) -> Vec<String> {
    ["outbox", "request", "earlier_request", "attempt", "event", "queue", "hold", "parked"]
        .into_iter()
        .flat_map(|table| {
            let columns = texts(connection, &format!("SELECT name FROM pragma_table_info('{table}')"));
            let quoted: Vec<_> = columns.iter().map(|column| format!("quote({column})")).collect();
            texts(connection, &format!("SELECT {} FROM {table}", quoted.join(" || ',' || ")))
        })
        .collect()
}

#[tokio::test]
async fn a_program_of_version_2_that_stays_fails_at_each_statement_and_nothing_is_lost() {
    let (_directory, path) = temp_store_path();
    let store = SqliteStore::open(&path).await.unwrap();
    let mut dead = keyed("a");
    dead.dead = Some(Reason::Rejected);
    store.enqueue(vec![dead, keyed("a"), keyed("a"), entry()]).await.unwrap();
    let lease = store.turn(claim(1)).await.unwrap().claimed.remove(0).lease;
    store.close().await;
    let file = path.with_file_name("old.db");
    as_version(2, &path, &file);

    let old = Connection::open(&file).unwrap();
    let mut statements: Vec<_> = STATEMENTS_OF_VERSION_2.map(|sql| old.prepare(sql).unwrap()).into();
    assert!(statements[4].raw_query().next().is_ok(), "it works until then");
    let store = SqliteStore::open(&file).await.unwrap();
    let before = rows(&Connection::open(&file).unwrap());
    for (statement, sql) in statements.iter_mut().zip(STATEMENTS_OF_VERSION_2) {
        let error = statement.raw_query().next().map(drop).unwrap_err().to_string();
        assert!(GONE.iter().any(|gone| error.contains(gone)), "{sql}: {error}");
        assert!(old.is_autocommit());
    }
    assert_eq!(rows(&Connection::open(&file).unwrap()), before);

    let done = Settlement { lease, end: End::Done, attempt: None, hold: HoldChange::Keep };
    let turned = store.turn(martello_outbox::store::Turn { settle: vec![done], ..claim(5) }).await.unwrap();
    assert_eq!(turned.claimed.len(), 2, "the next of the key, and the one without");
    let count = async |state| store.count(Filter::state(state)).await.unwrap();
    assert_eq!((count(State::Dead).await, count(State::Done).await), (1, 1));
    assert!(store.check_health().await.unwrap().iter().all(|finding| finding.passed));
}

#[tokio::test]
async fn an_older_store_writes_no_more_after_a_migration_to_a_newer_version() {
    let (_directory, path) = temp_store_path();
    let store = SqliteStore::open(&path).await.unwrap();
    store.enqueue(vec![entry()]).await.unwrap();
    Connection::open(&path).unwrap().execute_batch("PRAGMA user_version = 4").unwrap();
    let errors = tokio::join!(store.enqueue(vec![entry()]), store.turn(claim(1)));
    let what =
        "was written by a newer version of martello (schema 4; this program knows 3): update this program";
    for error in [errors.0.unwrap_err(), errors.1.unwrap_err()] {
        assert_eq!(error.kind(), StoreErrorKind::Unusable);
        assert_eq!(error.to_string(), format!("{} {what}", path.display()));
    }
    assert_eq!(store.queues().await.unwrap()[0].ready, 1, "nothing was stored or claimed");
    let schema = store.check_health().await.unwrap().remove(0);
    assert!(!schema.passed && schema.seen.contains("update this"), "{schema:?}");
}
