use http::Uri;
use jiff::Timestamp;

use super::super::{
    check::{fault, refused, same},
    fixture::{Fixture, MOMENT, entry, keyed, queue, request, seconds},
    violation::{Fault, ScenarioResult},
};
use martello_outbox::{
    Change, Cursor, EntryId, Filter, JobId, NewEntry, Outcome, Reason, State, StoreErrorKind, StoredRequest,
    WhenOvertaken,
    store::{End, Settlement, Turn},
};

/// What passes, by list and by count, the newest first.
async fn passing(fixture: &Fixture<'_>, filter: Filter) -> Result<Vec<EntryId>, Fault> {
    let entries = fixture.store().list(filter.clone(), None, 1000).await?.entries;
    let count = fixture.store().count(filter).await?;
    if u64::try_from(entries.len()).ok() != Some(count) {
        return fault(format!("{} entries were listed, but {count} were counted", entries.len()));
    }
    Ok(entries.into_iter().map(|entry| entry.id).collect())
}

fn to(uri: &'static str) -> NewEntry {
    NewEntry { request: StoredRequest { uri: Uri::from_static(uri), ..request() }, ..entry() }
}

/// Claims the one entry there is and ends it with this outcome, status and tracking id.
async fn answered(
    fixture: &Fixture<'_>,
    end: End,
    outcome: Outcome,
    status: u16,
    id: &str,
) -> ScenarioResult {
    let claimed = fixture.claim_one().await?;
    let mut settlement = super::super::fixture::settlement(&claimed, end, fixture.now());
    if let Some(attempt) = &mut settlement.attempt {
        attempt.outcome = outcome;
        attempt.status = http::StatusCode::from_u16(status).ok();
        attempt.tracking_id = id.parse().ok();
    }
    let settle: Vec<Settlement> = vec![settlement];
    fixture.turn(Turn { settle, ..super::super::fixture::turn(0) }).await.map(drop)
}

pub(crate) async fn a_filter_selects_queues_states_and_keys(fixture: &Fixture<'_>) -> ScenarioResult {
    let dead = fixture.put_dead(keyed("k")).await?;
    let other = fixture.put(NewEntry { queue: queue("other"), ..keyed("k") }).await?;
    let leased = fixture.put(keyed("K")).await?;
    fixture.claim_one().await?;
    let ready = fixture.put(entry()).await?;
    same("all", passing(fixture, Filter::default()).await?, vec![ready, leased, other, dead])?;
    for (state, expected) in [
        (State::Ready, vec![ready, other]),
        (State::Leased, vec![leased]),
        (State::Done, vec![]),
        (State::Dead, vec![dead]),
        (State::Cancelled, vec![]),
    ] {
        same("by state", passing(fixture, Filter::state(state)).await?, expected)?;
    }
    let of = Filter { queue: Some(queue("other")), ..Filter::default() };
    same("by queue", passing(fixture, of).await?, vec![other])?;
    let of = Filter { order_key: keyed("k").order_key, ..Filter::default() };
    same("by key", passing(fixture, of.clone()).await?, vec![other, dead])?;
    let both = Filter { queue: Some(queue("other")), state: Some(State::Dead), ..of };
    same("by queue, state and key", passing(fixture, both).await?, vec![])
}

pub(crate) async fn a_filter_selects_hosts(fixture: &Fixture<'_>) -> ScenarioResult {
    let first = fixture.put(to("https://API.Example/a")).await?;
    let second = fixture.put(to("http://api.example:8443/b")).await?;
    let edited = fixture.put_dead(to("https://old.example/c")).await?;
    let six = fixture.put(to("http://[::1]:80/d")).await?;
    let new = to("https://new.example/c").request;
    fixture.store().change(edited, Change::Edit { on: 1, request: Box::new(new) }).await?;
    for (host, expected) in [
        ("api.example", vec![second, first]),
        ("Api.eXample", vec![second, first]),
        ("new.example", vec![edited]),
        ("old.example", vec![]),
        ("example", vec![]),
        ("api.example:8443", vec![]),
        ("api%", vec![]),
        ("[::1]", vec![six]),
    ] {
        let filter = Filter { host: Some(host.into()), ..Filter::default() };
        same(&format!("by host {host}"), passing(fixture, filter).await?, expected)?;
    }
    Ok(())
}

pub(crate) async fn a_filter_selects_how_the_last_attempt_ended(fixture: &Fixture<'_>) -> ScenarioResult {
    let by_layer =
        fixture.put_dead(NewEntry { attempts: super::enqueueing::layer_attempts(), ..entry() }).await?;
    let id = fixture.put(entry()).await?;
    let again = End::Again { wait: seconds(0), counts: true };
    answered(fixture, again, Outcome::Unavailable, 503, "first").await?;
    answered(fixture, End::Dead(Reason::Rejected), Outcome::Rejected, 422, "second").await?;
    let filter = |status, outcome: Option<&str>| Filter {
        status,
        outcome: outcome.map(Into::into),
        ..Filter::default()
    };
    for (of, expected) in [
        (filter(Some(422), None), vec![id]),
        (filter(Some(503), None), vec![]),
        (filter(Some(504), None), vec![by_layer]),
        (filter(None, Some("rejected")), vec![id]),
        (filter(None, Some("unavailable")), vec![by_layer]),
        (filter(Some(422), Some("unavailable")), vec![]),
        (filter(None, Some("no such word")), vec![]),
    ] {
        same(&format!("by {of:?}"), passing(fixture, of.clone()).await?, expected)?;
    }
    let lost = fixture.put(NewEntry { repeatable: false, ..entry() }).await?;
    fixture.claim_one().await?;
    fixture.pass(seconds(60));
    fixture.turn(super::super::fixture::turn(0)).await?;
    same(
        "by the outcome of a lost attempt",
        passing(fixture, filter(None, Some("ambiguous"))).await?,
        vec![lost],
    )
}

pub(crate) async fn a_filter_selects_the_tracking_ids_of_all_attempts(
    fixture: &Fixture<'_>,
) -> ScenarioResult {
    let id = fixture.put(NewEntry { attempts: super::enqueueing::layer_attempts(), ..entry() }).await?;
    let again = End::Again { wait: seconds(0), counts: true };
    answered(fixture, again, Outcome::Unavailable, 503, "first").await?;
    answered(fixture, End::Dead(Reason::Rejected), Outcome::Rejected, 422, "second").await?;
    fixture.put(entry()).await?;
    for (of, expected) in [
        ("call-1", vec![id]),
        ("call-2", vec![id]),
        ("first", vec![id]),
        ("second", vec![id]),
        ("FIRST", vec![]),
        ("fir", vec![]),
        ("%", vec![]),
    ] {
        let filter = Filter { tracking_id: Some(of.into()), ..Filter::default() };
        same(&format!("by tracking id {of}"), passing(fixture, filter).await?, expected)?;
    }
    Ok(())
}

pub(crate) async fn a_filter_selects_reasons_and_jobs(fixture: &Fixture<'_>) -> ScenarioResult {
    let rejected = fixture.put_dead(entry()).await?;
    let expired = fixture.put(NewEntry { dead: Some(Reason::Expired), ..entry() }).await?;
    fixture.put(entry()).await?;
    let by_reason = |reason| Filter { reason: Some(reason), ..Filter::default() };
    same("by reason", passing(fixture, by_reason(Reason::Rejected)).await?, vec![rejected])?;
    let job = fixture.store().replay(by_reason(Reason::Expired), 1.0, WhenOvertaken::Refuse).await?;
    same("by reason, when replayed", passing(fixture, by_reason(Reason::Expired)).await?, vec![expired])?;
    let by_job = |job| Filter { job: Some(job), ..Filter::default() };
    same("by job", passing(fixture, by_job(job.id)).await?, vec![expired])?;
    same("by another job", passing(fixture, by_job(JobId::new())).await?, vec![])
}

pub(crate) async fn a_filter_selects_since_when_an_entry_is_in_its_state(
    fixture: &Fixture<'_>,
) -> ScenarioResult {
    let early = fixture.put(entry()).await?;
    fixture.pass(seconds(10));
    let middle = fixture.put(entry()).await?;
    let moment = fixture.now();
    fixture.pass(seconds(10));
    fixture.store().change(early, Change::DeadLetter).await?;
    let of = |changed_since, changed_before| Filter { changed_since, changed_before, ..Filter::default() };
    let at = |time: Timestamp| Some(time);
    for (what, filter, expected) in [
        ("since then", of(at(moment), None), vec![middle, early]),
        ("since later", of(at(moment + MOMENT), None), vec![early]),
        ("before then", of(None, at(moment)), vec![]),
        ("before later", of(None, at(moment + MOMENT)), vec![middle]),
        ("between", of(at(moment), at(fixture.now())), vec![middle]),
        ("since ever", of(at(Timestamp::MIN), at(Timestamp::MAX)), vec![middle, early]),
    ] {
        same(what, passing(fixture, filter).await?, expected)?;
    }
    Ok(())
}

pub(crate) async fn a_list_is_read_page_by_page(fixture: &Fixture<'_>) -> ScenarioResult {
    let mut expected = fixture.put_some(7).await?;
    expected.reverse();
    let dead = fixture.put_dead(entry()).await?;
    for limit in [1, 2, 3, 7, 8, 1000] {
        let (mut found, mut after, mut pages) = (Vec::new(), None, 0);
        loop {
            let page = fixture.store().list(Filter::state(State::Ready), after, limit).await?;
            same("that a page holds what was asked for", page.entries.len() <= limit, true)?;
            found.extend(page.entries.into_iter().map(|entry| entry.id));
            pages += 1;
            match page.next {
                // Through its text, as a command would.
                Some(next) => after = next.to_string().parse::<Cursor>().ok(),
                None => break,
            }
        }
        same("what the pages hold", &found, &expected)?;
        same(&format!("the pages of {limit}"), pages, 7_usize.div_ceil(limit))?;
    }
    let page = fixture.store().list(Filter::state(State::Dead), None, 1).await?;
    same(
        "a page that is the last",
        (page.entries.first().map(|entry| entry.id), page.next),
        (Some(dead), None),
    )
}

pub(crate) async fn new_entries_do_not_move_the_pages(fixture: &Fixture<'_>) -> ScenarioResult {
    let expected = fixture.put_some(4).await?;
    let first = fixture.store().list(Filter::default(), None, 2).await?;
    fixture.put_some(3).await?;
    let second = fixture.store().list(Filter::default(), first.next, 10).await?;
    let mut found: Vec<_> = first.entries.iter().chain(&second.entries).map(|entry| entry.id).collect();
    found.reverse();
    same("what the pages hold", found, expected)
}

pub(crate) async fn a_limit_out_of_its_range_is_refused(fixture: &Fixture<'_>) -> ScenarioResult {
    for limit in [0, 1001, usize::MAX] {
        let page = fixture.store().list(Filter::default(), None, limit).await;
        refused("such a limit", page, StoreErrorKind::Invalid)?;
    }
    Ok(())
}

pub(crate) async fn a_list_shows_entries_as_they_are(fixture: &Fixture<'_>) -> ScenarioResult {
    let attempts = super::enqueueing::layer_attempts();
    fixture.put(NewEntry { attempts, dedup_key: Some("a".into()), ..keyed("k") }).await?;
    fixture.put(entry()).await?;
    fixture.claim(1).await?;
    fixture.put_dead(entry()).await?;
    fixture.store().replay(Filter::default(), 1.0, WhenOvertaken::Refuse).await?;
    for listed in fixture.store().list(Filter::default(), None, 10).await?.entries {
        let (entry, detail) = (fixture.entry(listed.id).await?, fixture.detail(listed.id).await?);
        same("the entry, by list and alone", &listed, &entry)?;
        same("the entry, by list and in detail", &listed, &detail.entry)?;
    }
    let unknown = EntryId::new();
    same("an entry that is not there", fixture.store().entry(unknown).await?, None)?;
    same("the detail of one that is not there", fixture.store().detail(unknown).await?, None)
}
