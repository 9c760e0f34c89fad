use martello_outbox::Change;
use serde_json::json;

use crate::support::StoreFixture;

#[tokio::test]
async fn purge_requires_a_filter() {
    let (fixture, ids) = StoreFixture::filled().await;
    fixture.run(&["dead", "purge", "--yes"]).fails(2, "nothing is selected");
    fixture
        .run(&["dead", "purge", "--host", "api.example"])
        .fails(2, "permanently delete 2 dead letters: add --yes");
    for id in ids {
        assert!(fixture.store.entry(id).await.unwrap().is_some());
    }
}

#[tokio::test]
async fn purges_matching_entries_that_are_not_protected() {
    let (fixture, ids) = StoreFixture::filled().await;
    fixture.change(ids[0], Change::Protect).await;
    let dry = fixture.run(&["dead", "purge", "--status", "422", "--dry-run"]);
    assert_eq!((dry.code, dry.stdout.as_str()), (0, "would purge 1 dead letter (1 more is protected)\n"));
    let output = fixture.json(&["dead", "purge", "--status", "422", "--yes"]);
    assert_eq!(output, json!({"verb": "purged", "dry_run": false, "matched": 2, "kept": 1, "done": 1}));
    assert!(fixture.store.entry(ids[1]).await.unwrap().is_none());
    fixture
        .run(&["dead", "purge", "--status", "422", "--yes"])
        .fails(4, "the matching dead letter is protected");
    let ran = fixture.run(&["dead", "purge", "--all", "--yes"]);
    assert_eq!(ran.stdout, "purged 1 dead letter (1 more is protected)\n");
    assert!(fixture.store.entry(ids[0]).await.unwrap().is_some());
    assert!(fixture.store.entry(ids[3]).await.unwrap().is_some(), "it was not dead");
}

#[tokio::test]
async fn reports_that_nothing_matches() {
    let (fixture, _) = StoreFixture::filled().await;
    fixture.run(&["dead", "purge", "--status", "418", "--yes"]).fails(4, "no dead letters match the filter");
}

#[tokio::test]
async fn purges_by_id() {
    let (fixture, ids) = StoreFixture::filled().await;
    let texts: Vec<String> = ids.iter().map(ToString::to_string).collect();
    fixture.change(ids[1], Change::Protect).await;
    let dry = fixture.run(&["dead", "purge", &texts[0], &texts[2], "--dry-run"]);
    assert_eq!((dry.code, dry.stdout.as_str()), (0, "would purge 2 dead letters\n"));
    let output = fixture.json(&["dead", "purge", &texts[0]]);
    let expected = json!({"verb": "purged", "dry_run": false, "matched": 1, "done": 1, "failed": []});
    assert_eq!(output, expected);
    assert!(fixture.store.entry(ids[0]).await.unwrap().is_none());
    fixture.run(&["dead", "purge", &texts[0]]).fails(4, "there is no entry");
    fixture.run(&["dead", "purge", &texts[1]]).fails(4, "is protected: run `martello dead unprotect ");
    fixture.run(&["dead", "purge", &texts[3]]).fails(4, "is ready, but must be dead");
    fixture.run(&["dead", "purge", &texts[2], "--all"]).fails(2, "not both");
    let ran = fixture.run(&["dead", "purge", &texts[0], &texts[1], &texts[2], &texts[3]]);
    assert_eq!((ran.code, ran.stdout.as_str()), (1, "purged 1 of 4 dead letters\n"));
    assert!(ran.stderr.contains("is protected") && ran.stderr.contains("is ready"), "{ran:?}");
    let left: Vec<_> = fixture.store.list(Default::default(), None, 10).await.unwrap().entries;
    assert_eq!(left.iter().map(|entry| entry.id).collect::<Vec<_>>(), [ids[3], ids[1]]);
}
