use http::Uri;
use jiff::Timestamp;

use super::super::{
    check::{fault, refused, same},
    stage::{MOMENT, Stage, entry, keyed, queue, request, seconds},
    violation::{Fault, Played},
};
use martello_outbox::{
    Change, Cursor, EntryId, Filter, JobId, NewEntry, Outcome, Reason, State, StoreErrorKind, StoredRequest,
    WhenOvertaken,
    store::{End, Settlement, Turn},
};

/// What passes, by list and by count, the newest first.
async fn passing(stage: &Stage<'_>, filter: Filter) -> Result<Vec<EntryId>, Fault> {
    let entries = stage.store().list(filter.clone(), None, 1000).await?.entries;
    let count = stage.store().count(filter).await?;
    if u64::try_from(entries.len()).ok() != Some(count) {
        return fault(format!("{} entries were listed, but {count} were counted", entries.len()));
    }
    Ok(entries.into_iter().map(|entry| entry.id).collect())
}

fn to(uri: &'static str) -> NewEntry {
    NewEntry { request: StoredRequest { uri: Uri::from_static(uri), ..request() }, ..entry() }
}

/// Claims the one entry there is and ends it with this outcome, status and tracking id.
async fn answered(stage: &Stage<'_>, end: End, outcome: Outcome, status: u16, id: &str) -> Played {
    let claimed = stage.claim_one().await?;
    let mut settlement = super::super::stage::settlement(&claimed, end, stage.now());
    if let Some(attempt) = &mut settlement.attempt {
        attempt.outcome = outcome;
        attempt.status = http::StatusCode::from_u16(status).ok();
        attempt.tracking_id = id.parse().ok();
    }
    let settle: Vec<Settlement> = vec![settlement];
    stage.turn(Turn { settle, ..super::super::stage::turn(0) }).await.map(drop)
}

pub(in super::super) async fn a_filter_tells_queues_states_and_keys(stage: &Stage<'_>) -> Played {
    let dead = stage.put_dead(keyed("k")).await?;
    let other = stage.put(NewEntry { queue: queue("other"), ..keyed("k") }).await?;
    let leased = stage.put(keyed("K")).await?;
    stage.claim_one().await?;
    let ready = stage.put(entry()).await?;
    same("all", passing(stage, Filter::default()).await?, vec![ready, leased, other, dead])?;
    for (state, expected) in [
        (State::Ready, vec![ready, other]),
        (State::Leased, vec![leased]),
        (State::Done, vec![]),
        (State::Dead, vec![dead]),
        (State::Cancelled, vec![]),
    ] {
        same("by state", passing(stage, Filter::state(state)).await?, expected)?;
    }
    let of = Filter { queue: Some(queue("other")), ..Filter::default() };
    same("by queue", passing(stage, of).await?, vec![other])?;
    let of = Filter { order_key: keyed("k").order_key, ..Filter::default() };
    same("by key", passing(stage, of.clone()).await?, vec![other, dead])?;
    let both = Filter { queue: Some(queue("other")), state: Some(State::Dead), ..of };
    same("by queue, state and key", passing(stage, both).await?, vec![])
}

pub(in super::super) async fn a_filter_tells_hosts(stage: &Stage<'_>) -> Played {
    let first = stage.put(to("https://API.Example/a")).await?;
    let second = stage.put(to("http://api.example:8443/b")).await?;
    let edited = stage.put_dead(to("https://old.example/c")).await?;
    let six = stage.put(to("http://[::1]:80/d")).await?;
    let new = to("https://new.example/c").request;
    stage.store().change(edited, Change::Edit { on: 1, request: Box::new(new) }).await?;
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
        same(&format!("by host {host}"), passing(stage, filter).await?, expected)?;
    }
    Ok(())
}

pub(in super::super) async fn a_filter_tells_how_the_last_attempt_ended(stage: &Stage<'_>) -> Played {
    let door = stage.put_dead(NewEntry { attempts: super::enqueueing::at_the_door(), ..entry() }).await?;
    let id = stage.put(entry()).await?;
    let again = End::Again { after: seconds(0), counts: true };
    answered(stage, again, Outcome::Unavailable, 503, "first").await?;
    answered(stage, End::Dead(Reason::Rejected), Outcome::Rejected, 422, "second").await?;
    let filter = |status, outcome: Option<&str>| Filter {
        status,
        outcome: outcome.map(Into::into),
        ..Filter::default()
    };
    for (of, expected) in [
        (filter(Some(422), None), vec![id]),
        (filter(Some(503), None), vec![]),
        (filter(Some(504), None), vec![door]),
        (filter(None, Some("rejected")), vec![id]),
        (filter(None, Some("unavailable")), vec![door]),
        (filter(Some(422), Some("unavailable")), vec![]),
        (filter(None, Some("no such word")), vec![]),
    ] {
        same(&format!("by {of:?}"), passing(stage, of.clone()).await?, expected)?;
    }
    let lost = stage.put(NewEntry { repeatable: false, ..entry() }).await?;
    stage.claim_one().await?;
    stage.pass(seconds(60));
    stage.turn(super::super::stage::turn(0)).await?;
    same(
        "by the outcome of a lost attempt",
        passing(stage, filter(None, Some("ambiguous"))).await?,
        vec![lost],
    )
}

pub(in super::super) async fn a_filter_tells_the_tracking_ids_of_all_attempts(stage: &Stage<'_>) -> Played {
    let id = stage.put(NewEntry { attempts: super::enqueueing::at_the_door(), ..entry() }).await?;
    let again = End::Again { after: seconds(0), counts: true };
    answered(stage, again, Outcome::Unavailable, 503, "first").await?;
    answered(stage, End::Dead(Reason::Rejected), Outcome::Rejected, 422, "second").await?;
    stage.put(entry()).await?;
    for (of, expected) in [
        ("door-1", vec![id]),
        ("door-2", vec![id]),
        ("first", vec![id]),
        ("second", vec![id]),
        ("FIRST", vec![]),
        ("fir", vec![]),
        ("%", vec![]),
    ] {
        let filter = Filter { tracking_id: Some(of.into()), ..Filter::default() };
        same(&format!("by tracking id {of}"), passing(stage, filter).await?, expected)?;
    }
    Ok(())
}

pub(in super::super) async fn a_filter_tells_reasons_and_jobs(stage: &Stage<'_>) -> Played {
    let rejected = stage.put_dead(entry()).await?;
    let expired = stage.put(NewEntry { dead: Some(Reason::Expired), ..entry() }).await?;
    stage.put(entry()).await?;
    let by_reason = |reason| Filter { reason: Some(reason), ..Filter::default() };
    same("by reason", passing(stage, by_reason(Reason::Rejected)).await?, vec![rejected])?;
    let job = stage.store().replay(by_reason(Reason::Expired), 1.0, WhenOvertaken::Refuse).await?;
    same("by reason, when replayed", passing(stage, by_reason(Reason::Expired)).await?, vec![expired])?;
    let by_job = |job| Filter { job: Some(job), ..Filter::default() };
    same("by job", passing(stage, by_job(job.id)).await?, vec![expired])?;
    same("by another job", passing(stage, by_job(JobId::new())).await?, vec![])
}

pub(in super::super) async fn a_filter_tells_since_when_an_entry_is_in_its_state(
    stage: &Stage<'_>,
) -> Played {
    let early = stage.put(entry()).await?;
    stage.pass(seconds(10));
    let middle = stage.put(entry()).await?;
    let moment = stage.now();
    stage.pass(seconds(10));
    stage.store().change(early, Change::DeadLetter).await?;
    let of = |changed_since, changed_before| Filter { changed_since, changed_before, ..Filter::default() };
    let at = |time: Timestamp| Some(time);
    for (what, filter, expected) in [
        ("since then", of(at(moment), None), vec![middle, early]),
        ("since later", of(at(moment + MOMENT), None), vec![early]),
        ("before then", of(None, at(moment)), vec![]),
        ("before later", of(None, at(moment + MOMENT)), vec![middle]),
        ("between", of(at(moment), at(stage.now())), vec![middle]),
        ("since ever", of(at(Timestamp::MIN), at(Timestamp::MAX)), vec![middle, early]),
    ] {
        same(what, passing(stage, filter).await?, expected)?;
    }
    Ok(())
}

pub(in super::super) async fn a_list_is_read_page_by_page(stage: &Stage<'_>) -> Played {
    let mut expected = stage.put_some(7).await?;
    expected.reverse();
    let dead = stage.put_dead(entry()).await?;
    for limit in [1, 2, 3, 7, 8, 1000] {
        let (mut found, mut after, mut pages) = (Vec::new(), None, 0);
        loop {
            let page = stage.store().list(Filter::state(State::Ready), after, limit).await?;
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
    let page = stage.store().list(Filter::state(State::Dead), None, 1).await?;
    same(
        "a page that is the last",
        (page.entries.first().map(|entry| entry.id), page.next),
        (Some(dead), None),
    )
}

pub(in super::super) async fn new_entries_do_not_move_the_pages(stage: &Stage<'_>) -> Played {
    let expected = stage.put_some(4).await?;
    let first = stage.store().list(Filter::default(), None, 2).await?;
    stage.put_some(3).await?;
    let second = stage.store().list(Filter::default(), first.next, 10).await?;
    let mut found: Vec<_> = first.entries.iter().chain(&second.entries).map(|entry| entry.id).collect();
    found.reverse();
    same("what the pages hold", found, expected)
}

pub(in super::super) async fn a_limit_out_of_its_range_is_refused(stage: &Stage<'_>) -> Played {
    for limit in [0, 1001, usize::MAX] {
        let page = stage.store().list(Filter::default(), None, limit).await;
        refused("such a limit", page, StoreErrorKind::Invalid)?;
    }
    Ok(())
}

pub(in super::super) async fn a_list_shows_entries_as_they_are(stage: &Stage<'_>) -> Played {
    let attempts = super::enqueueing::at_the_door();
    stage.put(NewEntry { attempts, dedup_key: Some("a".into()), ..keyed("k") }).await?;
    stage.put(entry()).await?;
    stage.claim(1).await?;
    stage.put_dead(entry()).await?;
    stage.store().replay(Filter::default(), 1.0, WhenOvertaken::Refuse).await?;
    for listed in stage.store().list(Filter::default(), None, 10).await?.entries {
        let (entry, detail) = (stage.entry(listed.id).await?, stage.detail(listed.id).await?);
        same("the entry, by list and alone", &listed, &entry)?;
        same("the entry, by list and in detail", &listed, &detail.entry)?;
    }
    let nobody = EntryId::new();
    same("an entry that is not there", stage.store().entry(nobody).await?, None)?;
    same("the detail of one that is not there", stage.store().detail(nobody).await?, None)
}
