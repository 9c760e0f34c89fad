use std::time::Duration;

use http::Uri;

use super::super::{
    check::{fault, only, same},
    fixture::{Fixture, LEASE, MOMENT, entry, hold, ids, queue, request, seconds, settlement, start, turn},
    violation::{Fault, ScenarioResult},
};
use martello_outbox::{
    Change, EntryId, HeldAuthority, NewEntry, QueueName, Reason, StoredRequest, WhenOvertaken,
    store::{Claimed, End, HoldChange, Settled, Settlement, Turn},
};

/// An entry that goes to this URL.
pub(super) fn to(url: &str) -> NewEntry {
    let uri = url.parse().unwrap_or_else(|_| Uri::from_static("https://not.parsed/"));
    NewEntry { request: StoredRequest { uri, ..request() }, ..entry() }
}

pub(super) async fn put_to<const N: usize>(
    fixture: &Fixture<'_>,
    urls: [&str; N],
) -> Result<[EntryId; N], Fault> {
    let mut ids = [EntryId::default(); N];
    for (id, url) in ids.iter_mut().zip(urls) {
        *id = fixture.put(to(url)).await?;
    }
    Ok(ids)
}

pub(super) const A: &str = "https://a.example/x";
pub(super) const B: &str = "https://b.example/y";

/// What is held: the authority, how long from the start, how many in a row.
pub(super) async fn held(fixture: &Fixture<'_>) -> Result<Vec<(String, Duration, u32)>, Fault> {
    let holds = fixture.stats(&QueueName::default()).await?.holds;
    let told = |held: HeldAuthority| {
        let lasts = Duration::try_from(held.until.duration_since(start())).unwrap_or_default();
        (held.authority, lasts, held.in_row)
    };
    Ok(holds.into_iter().map(told).collect())
}

pub(super) fn a_held(until: u64, in_row: u32) -> Vec<(String, Duration, u32)> {
    vec![("a.example".to_owned(), seconds(until), in_row)]
}

pub(super) fn in_row(claimed: &[Claimed]) -> Vec<u32> {
    claimed.iter().map(|claimed| claimed.holds_in_row).collect()
}

/// The claims of now: which, and after how many holds in a row.
pub(super) async fn probes(fixture: &Fixture<'_>) -> Result<Vec<(EntryId, u32)>, Fault> {
    let claimed = fixture.claim(5).await?;
    Ok(claimed.iter().map(|claimed| (claimed.entry.id, claimed.holds_in_row)).collect())
}

pub(crate) async fn a_held_authority_is_not_claimed_until_its_hold_ends(
    fixture: &Fixture<'_>,
) -> ScenarioResult {
    let default = QueueName::default();
    let id = fixture.put(entry()).await?;
    fixture.hold(&default, seconds(30)).await?;
    let held = HeldAuthority {
        authority: "api.example".to_owned(),
        until: start() + seconds(30),
        why: "held for 30s".to_owned(),
        in_row: 1,
    };
    same("the holds", fixture.stats(&default).await?.holds, vec![held.clone()])?;
    fixture.pass(seconds(30) - MOMENT);
    same("claims a microsecond before its end", ids(&fixture.claim(5).await?), Vec::new())?;
    fixture.pass(MOMENT);
    same("the holds at its end", fixture.stats(&default).await?.holds, vec![held])?;
    same("claims at its end", probes(fixture).await?, vec![(id, 1)])
}

pub(crate) async fn a_hold_stops_only_its_authority(fixture: &Fixture<'_>) -> ScenarioResult {
    let [first, b, second, again] = put_to(fixture, [A, B, A, B]).await?;
    let elsewhere = fixture.put(NewEntry { queue: queue("other"), ..to(A) }).await?;
    same("what it is held by", fixture.hold(&QueueName::default(), seconds(30)).await?, first)?;
    same("claims", probes(fixture).await?, vec![(b, 0), (again, 0)])?;
    let other = fixture.turn(Turn { queue: queue("other"), ..turn(5) }).await?.claimed;
    same("claims of another queue", ids(&other), vec![elsewhere])?;
    same("the holds of another queue", fixture.stats(&queue("other")).await?.holds, Vec::new())?;
    fixture.store().change(second, Change::Cancel).await?;
    Ok(())
}

pub(crate) async fn an_authority_is_the_same_however_it_is_written(fixture: &Fixture<'_>) -> ScenarioResult {
    let same_as_a = [A, "https://a.example:443/", "http://A.Example:80/z?q", "http://a.example"];
    let [held, ..] = put_to(fixture, same_as_a).await?;
    let others = ["https://a.example:8443/", "http://a.example:443/", "https://a.example.com/", "https://b/"];
    let others = put_to(fixture, others).await?;
    same("what it is held by", fixture.hold(&QueueName::default(), seconds(30)).await?, held)?;
    same("claims", ids(&fixture.claim(5).await?), others.to_vec())
}

pub(crate) async fn an_edit_changes_the_authority(fixture: &Fixture<'_>) -> ScenarioResult {
    put_to(fixture, [A]).await?;
    fixture.hold(&QueueName::default(), seconds(30)).await?;
    let [from, into] = [fixture.put_dead(to(A)).await?, fixture.put_dead(to(B)).await?];
    for (id, url) in [(from, B), (into, A)] {
        fixture.store().change(id, Change::Edit { on: 1, request: Box::new(to(url).request) }).await?;
        fixture.store().change(id, Change::Replay(WhenOvertaken::Refuse)).await?;
    }
    let claimed = fixture.claim_one().await?;
    same("what goes elsewhere now", claimed.entry.id, from)?;
    fixture.settle_with(&claimed, End::Done, hold(0, seconds(9))).await?;
    let b_held = ("b.example".to_owned(), seconds(9), 1);
    same("what is held by it", held(fixture).await?, [a_held(30, 1), vec![b_held]].concat())
}

pub(crate) async fn what_is_held_is_passed_over_in_order(fixture: &Fixture<'_>) -> ScenarioResult {
    let default = QueueName::default();
    for number in 0..70 {
        fixture.put(to(&format!("https://api-{number}.example/"))).await?;
        fixture.hold(&default, seconds(30)).await?;
    }
    put_to(fixture, [A]).await?;
    fixture.hold(&default, seconds(30)).await?;
    fixture.store().enqueue((0..100).map(|_| to(A)).collect()).await?;
    let late = |url, delay| NewEntry { delay: seconds(delay), ..to(url) };
    let third = fixture.put(late(B, 20)).await?;
    let first = fixture.put(late("https://c.example/", 10)).await?;
    let second = fixture.put(late(B, 10)).await?;
    let fourth = fixture.put(late("https://d.example/", 20)).await?;
    fixture.pass(seconds(20));
    same("the first two", ids(&fixture.claim(2).await?), vec![first, second])?;
    same("the others", ids(&fixture.claim(5).await?), vec![third, fourth])
}

pub(crate) async fn a_settlement_that_is_fenced_or_sent_again_changes_no_hold(
    fixture: &Fixture<'_>,
) -> ScenarioResult {
    put_to(fixture, [A]).await?;
    let lost = fixture.claim_one().await?;
    fixture.pass(LEASE);
    let claimed = fixture.claim_one().await?;
    let fenced = fixture.settle_with(&lost, End::GiveBack, hold(0, seconds(30))).await?;
    same("the answer, too late", fenced, Settled::Fenced)?;
    same("the holds", held(fixture).await?, Vec::new())?;
    let holding =
        Settlement { hold: hold(0, seconds(30)), ..settlement(&claimed, End::GiveBack, fixture.now()) };
    for what in ["at first", "sent again", "sent again, with the hold over", "sent again, resumed"] {
        let settle = vec![holding.clone()];
        let answers = fixture.turn(Turn { settle, ..turn(0) }).await?.settled;
        same(what, answers, vec![Settled::Applied])?;
        let expected = if what.ends_with("resumed") { Vec::new() } else { a_held(90, 1) };
        same("the holds", held(fixture).await?, expected)?;
        if what == "sent again" {
            fixture.pass(seconds(30));
        } else if what.ends_with("over") {
            fixture.store().resume(&QueueName::default()).await?;
        }
    }
    Ok(())
}

pub(crate) async fn a_resume_ends_the_holds_of_its_queue(fixture: &Fixture<'_>) -> ScenarioResult {
    let (default, other) = (QueueName::default(), queue("other"));
    put_to(fixture, [A, A]).await?;
    fixture.hold(&default, seconds(30)).await?;
    fixture.put(NewEntry { queue: other.clone(), ..to(A) }).await?;
    fixture.hold(&other, seconds(30)).await?;
    fixture.store().resume(&default).await?;
    same("its holds", fixture.stats(&default).await?.holds, Vec::new())?;
    same("those of the other", fixture.stats(&other).await?.holds.len(), 1)?;
    same("claims", in_row(&fixture.claim(5).await?), vec![0, 0])?;
    same("of the other", fixture.turn(Turn { queue: other, ..turn(5) }).await?.claimed.len(), 0)
}

pub(crate) async fn a_prune_forgets_holds_that_have_long_been_over(fixture: &Fixture<'_>) -> ScenarioResult {
    put_to(fixture, [A, A]).await?;
    fixture.hold(&QueueName::default(), seconds(30)).await?;
    fixture.store().prune(seconds(0), 10).await?;
    same("those that last", held(fixture).await?, a_held(30, 1))?;
    fixture.pass(seconds(30) + HeldAuthority::FORGET_AFTER);
    fixture.store().prune(seconds(0), 10).await?;
    same("those over for just as long as they are kept", held(fixture).await?, a_held(30, 1))?;
    fixture.pass(MOMENT);
    fixture.store().prune(seconds(7 * 86_400), 0).await?;
    same("those over for longer, whatever is pruned", held(fixture).await?, Vec::new())?;
    same("claims", in_row(&fixture.claim(5).await?), vec![0, 0])
}

pub(crate) async fn a_queue_remembers_a_thousand_holds(fixture: &Fixture<'_>) -> ScenarioResult {
    let all = |turn| Turn { cap: 2_000, ..turn };
    let api = |number| to(&format!("https://api-{number}.example/"));
    put_to(fixture, [A]).await?;
    fixture.hold(&QueueName::default(), seconds(2_000)).await?;
    fixture.store().enqueue((0..HeldAuthority::MAX_PER_QUEUE).map(api).collect()).await?;
    let claimed = fixture.turn(all(turn(1_000))).await?.claimed;
    same("the claims", claimed.len(), HeldAuthority::MAX_PER_QUEUE)?;
    let settle = |(number, claimed): (u64, &Claimed)| {
        // One in the middle is over first.
        let wait = if number == 500 { 5 } else { 10 + number };
        Settlement { hold: hold(0, seconds(wait)), ..settlement(claimed, End::GiveBack, fixture.now()) }
    };
    let settle = (0..).zip(&claimed).skip(1).map(settle).collect();
    fixture.turn(all(Turn { settle, ..turn(0) })).await?;
    forgotten(fixture, "as many as are remembered", &[0]).await?;
    let first = only("first claims", claimed.into_iter().take(1).collect())?;
    fixture.settle_with(&first, End::GiveBack, hold(0, seconds(1))).await?;
    forgotten(fixture, "one more, where none is over", &[500]).await?;
    fixture.pass(seconds(2));
    let probe = only("probes", fixture.turn(all(turn(1))).await?.claimed)?;
    fixture.settle_with(&probe, End::GiveBack, hold(1, seconds(1))).await?;
    fixture.pass(seconds(10));
    let claimed = fixture.turn(all(turn(5))).await?.claimed;
    same("the claims, of which one is not held", in_row(&claimed), vec![2, 1, 1, 0])?;
    let [_, second, _, new] = claimed.as_slice() else { return fault("four claims, and not four") };
    fixture.settle_with(new, End::GiveBack, hold(0, seconds(100))).await?;
    forgotten(fixture, "one more, where one is over that had more in a row", &[1]).await?;
    fixture.settle_with(second, End::GiveBack, hold(1, seconds(100))).await?;
    forgotten(fixture, "one that was forgotten while it was probed", &[1]).await?;
    let again = only("what may be claimed", fixture.turn(all(turn(5))).await?.claimed)?;
    same("what is forgotten", (again.entry.id, again.holds_in_row), (second.entry.id, 0))?;
    let ended = fixture.settle_with(&again, End::Dead(Reason::Rejected), HoldChange::End).await?;
    same("the end of what is not held", ended, Settled::Applied)
}

/// Which of the thousand are not held.
async fn forgotten(fixture: &Fixture<'_>, what: &str, expected: &[usize]) -> ScenarioResult {
    let holds = fixture.stats(&QueueName::default()).await?.holds;
    let is_held = |name: &str| holds.iter().any(|held| held.authority == name);
    let not_held =
        (0..HeldAuthority::MAX_PER_QUEUE).filter(|number| !is_held(&format!("api-{number}.example")));
    same(what, not_held.collect::<Vec<_>>(), expected.to_vec())?;
    same("whether the longest is held", is_held("a.example"), true)
}
