//! Invalid, truncated and foreign journal files.

use std::{fs, path::Path};

use martello_upsert::{Journal, UpsertErrorKind, UpsertOutcome};

use crate::support::{Memory, Row, records, rows, target, upserts};

const INPUT: [Row; 5] = [("a", 0), ("b", 1), ("a", 2), ("c", 3), ("d", 4)];

/// The file of a complete run.
async fn written(path: &Path) -> Vec<u8> {
    let journal = Journal::open(path, "orders", target()).await.unwrap();
    upserts(&Memory::healthy()).journal(journal).run(rows(INPUT)).await.unwrap();
    fs::read(path).unwrap()
}

async fn refused(path: &Path, input: &str) -> (UpsertErrorKind, String) {
    let error = Journal::open(path, input, target()).await.unwrap_err();
    (error.kind(), error.to_string().replace(path.to_str().unwrap(), "j"))
}

#[tokio::test(start_paused = true)]
async fn the_journal_of_another_input_is_refused() {
    let place = tempfile::tempdir().unwrap();
    let path = place.path().join("journal");
    let before = written(&path).await;
    let (kind, sentence) = refused(&path, "orders of today").await;
    assert_eq!(kind, UpsertErrorKind::OtherInput);
    let expected =
        "the journal j belongs to a run with another input: use another journal, or start the run as before";
    assert_eq!((sentence.as_str(), fs::read(&path).unwrap()), (expected, before));
}

#[tokio::test]
async fn one_run_uses_a_journal_at_a_time() {
    let place = tempfile::tempdir().unwrap();
    let path = place.path().join("journal");
    let journal = Journal::open(&path, "orders", target()).await.unwrap();
    let (kind, sentence) = refused(&path, "orders").await;
    assert_eq!(kind, UpsertErrorKind::JournalInUse);
    assert_eq!(sentence, "another run uses the journal j: wait until it ends");
    drop(journal);
    Journal::open(&path, "orders", target()).await.unwrap();
}

#[tokio::test]
async fn a_file_that_is_not_a_journal_is_not_changed() {
    let place = tempfile::tempdir().unwrap();
    let path = place.path().join("journal");
    for content in [
        "{\"id\":\"o-1\"}\n{\"id\":\"o-2\"}\n",
        "something else",
        "{\"martello_upserts\":\"2\",\"input\":\"orders\"}\n",
    ] {
        fs::write(&path, content).unwrap();
        let (kind, sentence) = refused(&path, "orders").await;
        assert_eq!(kind, UpsertErrorKind::JournalDamaged, "{content}");
        assert_eq!(sentence, "j is not a journal of upserts: use another file");
        assert_eq!(fs::read_to_string(&path).unwrap(), content);
    }
}

/// If it were replaced, the next run would send everything again.
#[tokio::test]
async fn a_journal_that_cannot_be_opened_is_an_error_and_is_not_changed() {
    let place = tempfile::tempdir().unwrap();
    let at = |name: &str| place.path().join(name);
    fs::create_dir(at("folder")).unwrap();
    fs::write(at("file"), "").unwrap();
    #[cfg(unix)]
    std::os::unix::fs::symlink(at("link"), at("link")).unwrap();
    for name in [
        "folder",
        "file/journal",
        "nowhere/journal",
        #[cfg(unix)]
        "link",
    ] {
        let (kind, sentence) = refused(&at(name), "orders").await;
        assert_eq!(kind, UpsertErrorKind::Journal, "{name}");
        assert_eq!(sentence, "failed to read or write the journal j", "{name}");
    }
    assert!(at("folder").is_dir() && fs::read(at("file")).unwrap().is_empty());
}

/// An older version did not record the resource of each request.
#[tokio::test]
async fn the_journal_of_another_version_is_refused() {
    let place = tempfile::tempdir().unwrap();
    let path = place.path().join("journal");
    let record = r#"{"row":0,"key":"api/a","outcome":"exhausted","attempts":1,"latency_us":1}"#;
    for (version, expected) in [
        (1, "the journal j was written by an older version and cannot be resumed: use another file"),
        (9, "the journal j was written by a newer version: resume with that version, or use another file"),
    ] {
        let content = format!("{{\"martello_upserts\":{version},\"input\":\"orders\"}}\n{record}\n");
        fs::write(&path, &content).unwrap();
        assert_eq!(refused(&path, "orders").await, (UpsertErrorKind::JournalDamaged, expected.to_owned()));
        assert_eq!(fs::read_to_string(&path).unwrap(), content);
    }
}

/// In version 2, requests of two tenants to one URL had the same state. So it is unknown which failed
/// entities were superseded.
#[tokio::test(start_paused = true)]
async fn a_journal_whose_states_leave_out_headers_is_refused() {
    let place = tempfile::tempdir().unwrap();
    let path = place.path().join("journal");
    let text = String::from_utf8(written(&path).await).unwrap();
    let (_, rest) = text.split_once(',').unwrap();
    let before = format!("{{\"martello_upserts\":2,{rest}");
    fs::write(&path, &before).unwrap();
    let (kind, sentence) = refused(&path, "orders").await;
    let expected = "the journal j was written by an older version and cannot be resumed: use another file";
    assert_eq!((kind, &*sentence), (UpsertErrorKind::JournalDamaged, expected));
    assert_eq!(fs::read_to_string(&path).unwrap(), before);
}

#[tokio::test(start_paused = true)]
async fn an_invalid_line_in_the_middle_is_an_error_with_its_number() {
    let place = tempfile::tempdir().unwrap();
    let path = place.path().join("journal");
    let text = String::from_utf8(written(&path).await).unwrap();
    let mut lines: Vec<_> = text.lines().map(str::to_owned).collect();
    for wrong in [lines[2].replace('}', ""), "x".repeat(2 << 20)] {
        lines[2] = wrong;
        fs::write(&path, lines.join("\n") + "\n").unwrap();
        let (kind, sentence) = refused(&path, "orders").await;
        assert_eq!(kind, UpsertErrorKind::JournalDamaged);
        assert!(sentence.starts_with("line 3 of the journal j is not a record"), "{sentence}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_truncated_journal_is_repaired_and_missing_entities_are_sent_again() {
    let place = tempfile::tempdir().unwrap();
    let path = place.path().join("journal");
    let whole = written(&path).await;
    for length in 0..whole.len() {
        fs::write(&path, &whole[..length]).unwrap();
        let kept = whole[..length].iter().filter(|byte| **byte == b'\n').count().saturating_sub(1);
        let server = Memory::healthy();
        let journal = Journal::open(&path, "orders", target()).await.unwrap();
        let records = records(upserts(&server).journal(journal), rows(INPUT)).await;
        assert_eq!(server.seen().arrived.len(), INPUT.len() - kept, "cut off after {length} bytes");
        assert!(records.iter().all(|record| record.outcome == UpsertOutcome::Updated));
        assert_eq!(records.len(), INPUT.len());
        // The repaired file can be used as usual.
        Journal::open(&path, "orders", target()).await.unwrap();
    }
}

#[tokio::test]
async fn a_journal_needs_a_path_and_an_input() {
    let place = tempfile::tempdir().unwrap();
    let error = Journal::open(place.path().join("no/folder"), "orders", target()).await.unwrap_err();
    assert_eq!(error.kind(), UpsertErrorKind::Journal);
    let shown = format!("{error:?}");
    for part in [
        &*format!("UpsertError {{ kind: Journal, message: {:?}", error.to_string()),
        "report: None",
        "source: Some(Os { code: 2,",
    ] {
        assert!(shown.contains(part), "no {part} in {shown}");
    }
    let error = Journal::open(place.path().join("journal"), "", target()).await.unwrap_err();
    assert_eq!(error.kind(), UpsertErrorKind::Config);
}

#[tokio::test]
async fn fingerprints_of_different_contents_differ() {
    let place = tempfile::tempdir().unwrap();
    let path = place.path().join("orders");
    let mut seen = std::collections::BTreeSet::new();
    for content in ["", "a", "b", "ab", "ba"] {
        fs::write(&path, content).unwrap();
        let fingerprint = Journal::fingerprint(&path).await.unwrap();
        assert_eq!(fingerprint, Journal::fingerprint(&path).await.unwrap());
        assert!(seen.insert(fingerprint));
    }
    // The SHA-256 of "a".
    let of_a = "sha256:ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb";
    assert!(seen.contains(of_a), "{seen:?}");
}

/// A list in place of a set would take a hundred times as long.
#[tokio::test]
async fn many_failures_of_one_key_are_read_in_linear_time() {
    const FAILED: u64 = 40_000;
    let place = tempfile::tempdir().unwrap();
    let path = place.path().join("journal");
    let text = String::from_utf8(written(&path).await).unwrap();
    let mut lines = text.lines();
    let header = lines.next().unwrap();
    let of_a = lines.find(|line| line.starts_with("{\"row\":0,")).unwrap();
    let failed = of_a.replace("\"updated\"", "\"exhausted\"");
    let mut text = format!("{header}\n");
    for row in 0..FAILED {
        text.push_str(&failed.replacen("\"row\":0", &format!("\"row\":{row}"), 1));
        text.push('\n');
    }
    // Every other row was sent again, and then one superseded all.
    for row in (0..FAILED).step_by(2).chain([FAILED]) {
        text.push_str(&of_a.replacen("\"row\":0", &format!("\"row\":{row}"), 1));
        text.push('\n');
    }
    fs::write(&path, text).unwrap();
    let began = tokio::time::Instant::now();
    Journal::open(&path, "orders", target()).await.unwrap();
    assert!(began.elapsed().as_secs() < 10, "{:?}", began.elapsed());
}
