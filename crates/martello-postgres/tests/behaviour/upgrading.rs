//! The migration of an older schema, also while programs of that version run.

use std::time::Duration;

use martello_outbox::{
    Change, Entry, EntryId, Filter, Overtaken, Reason, State, Store, WhenOvertaken,
    store::{End, HoldChange, Lease, Settled, Settlement, Turn},
};
use martello_postgres::PostgresStore;
use sqlx::{AssertSqlSafe, Executor, Row, error::DatabaseError};
use tokio::task::JoinSet;

use crate::{
    older::Older,
    support::{TestSchema, claim, claimed, entry, keyed},
};

/// The SQLSTATEs for an unknown function, table or column.
const UNKNOWN: [&str; 3] = ["42883", "42P01", "42703"];

fn code<T>(tried: sqlx::Result<T>) -> String {
    let error = tried.err().unwrap();
    error.as_database_error().and_then(DatabaseError::code).unwrap().into_owned()
}

/// A settlement that holds the API as down.
fn down(lease: &Lease) -> Settlement {
    let hold = HoldChange::For { holds_in_row: 0, wait: Duration::from_secs(60), why: "down".into() };
    let end = End::Again { wait: Duration::ZERO, counts: true };
    Settlement { lease: lease.clone(), end, attempt: None, hold }
}

async fn all(store: &PostgresStore) -> Vec<Entry> {
    store.list(Filter::default(), None, 100).await.unwrap().entries
}

async fn assert_healthy(store: &PostgresStore) {
    // The test server may run with durability switched off.
    let findings = store.check_health().await.unwrap();
    assert!(findings.iter().all(|finding| finding.passed || finding.what == "durability"), "{findings:?}");
}

#[tokio::test]
#[ignore = "needs MARTELLO_TEST_POSTGRES_URL"]
async fn a_migration_keeps_pending_leased_and_dead_entries() {
    for version in [1, 2] {
        let test = TestSchema::fresh();
        let mut older = Older::make(&test, version).await;
        let mut dead = keyed("b");
        dead.dead = Some(Reason::Rejected);
        let new = [entry(), keyed("a"), keyed("a"), dead, keyed("b")];
        let ids = older.enqueue(&new).await;
        let leases = older.claim(2).await;
        older.run("UPDATE __.queue SET held_until = 9223372036854775807, held = 'as a queue'").await.unwrap();

        let store = test.open().await;
        let states: Vec<_> =
            all(&store).await.into_iter().rev().map(|entry| (entry.id, entry.state)).collect();
        let expected = [State::Leased, State::Leased, State::Ready, State::Dead, State::Ready];
        assert_eq!(states, ids.iter().copied().zip(expected).collect::<Vec<_>>());
        assert_healthy(&store).await;
        // A lease from before the migration can be settled, and its authority is stored.
        let turned = store.turn(Turn { settle: vec![down(&leases[0])], ..claim(5) }).await.unwrap();
        assert_eq!(turned.settled, [Settled::Applied]);
        assert_eq!(turned.claimed.len(), 0, "all entries go to the held API");
        assert_eq!(store.queues().await.unwrap()[0].holds[0].authority, "api.example");
        store.resume(&claim(0).queue).await.unwrap();
        assert_eq!(claimed(&store, 5).await, [ids[4], ids[0]], "the first entry is due later");
        store.change(ids[3], Change::Replay(WhenOvertaken::Overwrite)).await.unwrap();
        assert_healthy(&store).await;
        test.drop().await;
    }
}

/// The mark depends on the attempts of the newer of two entries of a key.
#[tokio::test]
#[ignore = "needs MARTELLO_TEST_POSTGRES_URL"]
async fn a_migration_marks_dead_letters_that_may_be_overtaken() {
    let test = TestSchema::fresh();
    let mut older = Older::make(&test, 2).await;
    let mut pair = async |key: &str, reason| -> [EntryId; 2] {
        let mut pair = [keyed(key), keyed(key)];
        (pair[0].dead, pair[1].dead) = (Some(Reason::Rejected), reason);
        older.enqueue(&pair).await;
        pair.map(|entry| entry.id)
    };
    let mut expected = Vec::new();
    for (reason, mark) in [
        (Reason::Ambiguous, Some(Overtaken::Possibly)),
        (Reason::Crashed, Some(Overtaken::Possibly)),
        (Reason::Rejected, None),
    ] {
        expected.push((pair(reason.as_str(), Some(reason)).await, mark));
    }
    let mut attempts = String::new();
    for (outcome, status, mark) in [
        ("ambiguous", "NULL", Some(Overtaken::Possibly)),
        ("unavailable", "500", Some(Overtaken::Possibly)),
        ("faulty", "NULL", Some(Overtaken::Possibly)),
        ("unavailable", "503", None),
        ("faulty", "429", None),
        ("rejected", "422", None),
        ("unsent", "NULL", None),
    ] {
        let ids = pair(&format!("{outcome} {status}"), None).await;
        attempts += &format!(
            "INSERT INTO __.attempt SELECT seq, 1, 1, 0, 0, '{outcome}', {status} FROM __.entry WHERE id = '{}';",
            ids[1]
        );
        expected.push((ids, mark));
    }
    test.run(&attempts).await;
    let store = test.open().await;
    for ([old, new], mark) in expected {
        let entry = store.entry(old).await.unwrap().unwrap();
        assert_eq!(entry.overtaken, mark, "{:?}", entry.order_key);
        assert_eq!(store.entry(new).await.unwrap().unwrap().overtaken, None, "the newest entry has no mark");
    }
    test.drop().await;
}

#[tokio::test]
#[ignore = "needs MARTELLO_TEST_POSTGRES_URL"]
async fn each_function_exists_once_and_a_migrated_schema_equals_a_new_one() {
    let test = TestSchema::fresh();
    let new = TestSchema::fresh();
    drop(Older::make(&test, 1).await);
    drop((test.open().await, new.open().await));
    let mut connection = test.connection().await;
    let mut described = Vec::new();
    for schema in [&test.schema, &new.schema] {
        let sql = format!(
            "SELECT 'function ' || pg_get_functiondef(oid) AS what FROM pg_proc WHERE pronamespace = '{schema}'::regnamespace
             UNION ALL SELECT 'view ' || viewname || definition FROM pg_views WHERE schemaname = '{schema}'
             UNION ALL SELECT 'trigger ' || pg_get_triggerdef(t.oid) FROM pg_trigger t JOIN pg_class c ON c.oid = tgrelid
                 WHERE relnamespace = '{schema}'::regnamespace
             UNION ALL SELECT 'index ' || indexdef FROM pg_indexes WHERE schemaname = '{schema}'
             UNION ALL SELECT concat_ws(' ', 'column', table_name, column_name, data_type, is_nullable, column_default)
                 FROM information_schema.columns WHERE table_schema = '{schema}'
             ORDER BY what"
        );
        let rows = connection.fetch_all(sqlx::raw_sql(AssertSqlSafe(sql))).await.unwrap();
        let texts = rows.iter().map(|row| row.get::<String, _>(0).replace(schema, "__"));
        described.push(texts.collect::<Vec<_>>());
    }
    assert!(described[0].len() > 100);
    assert_eq!(described[0], described[1]);
    test.drop().await;
    new.drop().await;
}

#[tokio::test]
#[ignore = "needs MARTELLO_TEST_POSTGRES_URL"]
async fn a_connected_program_of_an_older_version_fails_or_continues() {
    let test = TestSchema::fresh();
    let mut older = Older::make(&test, 2).await;
    let mut dead = keyed("dead");
    dead.dead = Some(Reason::Rejected);
    older.enqueue(&[entry(), entry(), keyed("k"), dead.clone()]).await;
    let lease = older.claim(1).await.remove(0);
    let store = test.open().await;
    let before = all(&store).await;

    let new = keyed("h:443/1");
    assert_eq!(code(older.try_enqueue(&new, None).await), "42883");
    assert_eq!(code(older.try_claim(5).await), "42883");
    assert_eq!(code(older.settle(&lease, 2).await), "42883");
    older.run("BEGIN").await.unwrap();
    assert_eq!(code(older.try_enqueue(&new, Some("channel")).await), "42883");
    older.run("ROLLBACK").await.unwrap();
    for refused in [
        &format!(
            "SELECT * FROM __.change(NULL, '{}', 'replay', NULL, NULL, NULL, NULL, NULL, NULL)",
            dead.id
        ),
        "SELECT __.replay(NULL, gen_random_uuid(), '{}', 1, ARRAY(SELECT seq FROM __.entry WHERE state = 3))",
        "INSERT INTO __.queue AS q (name, held_until, held) VALUES ('default', __.after(__.moment(NULL), 1), 'x')",
        "UPDATE __.queue SET paused = NULL, held_until = NULL, held = NULL WHERE name = 'default'",
        "SELECT held_until, held FROM __.queue",
        "SELECT * FROM __.glance",
    ] {
        let code = code(older.run(refused).await);
        assert!(UNKNOWN.contains(&code.as_str()), "{code}: {refused}");
    }
    assert_eq!(all(&store).await, before);

    // A worker keeps its lease, reads of a key are correct, and polls continue.
    for goes_on in [
        "SELECT __.heartbeat(NULL, 60000000, '{1}', '{1}', ARRAY[gen_random_uuid()], ARRAY[gen_random_uuid()])",
        "SELECT 1 FROM __.entry WHERE order_key = 'k' AND queue = 'default' AND state = 0 LIMIT 1",
        "INSERT INTO __.queue (name, paused) VALUES ('other', 'x') ON CONFLICT (name) DO UPDATE SET paused = 'x'",
        "SELECT __.prune(NULL, 1, 10), __.remove('{}', '{3}'), __.cancel_replay(NULL, gen_random_uuid()) WHERE false",
        "SELECT __.save_checkpoint('p', 1, '', '{}', 1, 1, '{}', '{}', '{}', '{}', '{}', '{}', '{}')",
    ] {
        older.run(goes_on).await.unwrap();
    }
    let settled = store.turn(Turn { settle: vec![down(&lease)], ..claim(0) }).await.unwrap().settled;
    assert_eq!(settled, [Settled::Applied], "no other worker has settled it");
    assert_healthy(&store).await;
    test.drop().await;
}

/// The operation waits for a table lock while the migration replaces its function.
#[tokio::test]
#[ignore = "needs MARTELLO_TEST_POSTGRES_URL"]
async fn an_operation_of_an_older_program_fails_completely_during_the_migration() {
    let test = TestSchema::fresh();
    let mut older = Older::make(&test, 2).await;
    let mut dead = keyed("k");
    dead.dead = Some(Reason::Rejected);
    older.enqueue(&[keyed("k"), dead.clone()]).await;
    let lease = older.claim(1).await.remove(0);
    // The migration holds its locks and waits for this transaction.
    let mut blocker = Older::connect(&test).await;
    blocker.run("BEGIN; INSERT INTO __.martello_migration (version) VALUES (3)").await.unwrap();
    let builder = test.builder();
    let mut migrating = JoinSet::new();
    migrating.spawn(async move { builder.connect().await });
    waiting(&test, "transactionid", 1).await;

    let [mut one, mut two, mut three, mut four] = [
        Older::connect(&test).await,
        Older::connect(&test).await,
        Older::connect(&test).await,
        Older::connect(&test).await,
    ];
    let mut tried = JoinSet::new();
    tried.spawn(async move { code(one.try_enqueue(&keyed("k"), None).await) });
    tried.spawn(async move { code(two.settle(&lease, 2).await) });
    tried.spawn(async move { code(three.try_claim(5).await) });
    let edit = format!(
        "SELECT * FROM __.change(NULL, '{}', 'edit', 'PUT', 'https://other/', '[]', false, '', 'other')",
        dead.id
    );
    tried.spawn(async move { code(four.run(&edit).await) });
    waiting(&test, "relation", 4).await;
    blocker.run("ROLLBACK").await.unwrap();
    let store = migrating.join_next().await.unwrap().unwrap().unwrap();
    assert_eq!(tried.join_all().await.len(), 4, "each operation fails");
    let states: Vec<_> = all(&store).await.into_iter().map(|entry| (entry.state, entry.revision)).collect();
    assert_eq!(states, [(State::Dead, 1), (State::Leased, 1)]);
    assert_healthy(&store).await;
    test.drop().await;
}

/// Waits until this many connections wait for a lock of this type. Table locks count only for tables of this
/// schema.
async fn waiting(test: &TestSchema, what: &str, many: i64) {
    let sql = format!(
        "SELECT count(*) FROM pg_locks l LEFT JOIN pg_class c ON c.oid = l.relation
         WHERE NOT granted AND locktype = '{what}' AND coalesce(relnamespace = '{0}'::regnamespace, true)
             AND pid IN (SELECT pid FROM pg_stat_activity WHERE query LIKE '%{0}%')",
        test.schema
    );
    let mut connection = test.connection().await;
    let mut count = async || -> i64 {
        sqlx::query_scalar(AssertSqlSafe(sql.as_str())).fetch_one(&mut connection).await.unwrap()
    };
    while count().await < many {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
