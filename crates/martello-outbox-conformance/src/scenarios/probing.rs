use super::{
    super::{
        check::{only, same},
        fixture::{Fixture, LEASE, hold, ids, keyed, queue, seconds, settlement, turn},
        violation::ScenarioResult,
    },
    holding::{A, B, a_held, held, in_row, probes, put_to, to},
};
use martello_outbox::{
    Change, NewEntry, QueueName, Reason, State,
    store::{End, HoldChange, Settled, Settlement, Turn},
};

const AGAIN: End = End::Again { wait: seconds(0), counts: true };

pub(crate) async fn a_hold_that_is_over_admits_one_at_a_time(fixture: &Fixture<'_>) -> ScenarioResult {
    let [first, second, third, b] = put_to(fixture, [A, A, A, B]).await?;
    fixture.hold(&QueueName::default(), seconds(30)).await?;
    fixture.pass(seconds(30));
    fixture.put(NewEntry { queue: queue("other"), ..to(A) }).await?;
    let elsewhere = fixture.turn(Turn { queue: queue("other"), ..turn(5) }).await?.claimed;
    same("what another queue makes of it", in_row(&elsewhere), vec![0])?;
    let claimed = fixture.claim(5).await?;
    same("the claims", ids(&claimed), vec![first, b])?;
    same("the probe", in_row(&claimed), vec![1, 0])?;
    for store in &fixture.stores {
        same("the claims of each store", ids(&store.turn(turn(5)).await?.claimed), Vec::new())?;
    }
    for claimed in claimed.iter().take(1) {
        fixture.settle(claimed, End::Dead(Reason::Exhausted)).await?;
    }
    same("after a probe that does not tell", probes(fixture).await?, vec![(second, 1)])?;
    same("how it is held", held(fixture).await?, a_held(30, 1))?;
    fixture.store().change(third, Change::Cancel).await?;
    Ok(())
}

pub(crate) async fn the_end_of_a_hold_makes_all_claimable(fixture: &Fixture<'_>) -> ScenarioResult {
    let [first, second, third] = put_to(fixture, [A, A, A]).await?;
    fixture.hold(&QueueName::default(), seconds(30)).await?;
    fixture.pass(seconds(31));
    let probe = fixture.claim_one().await?;
    same("the probe", (probe.entry.id, probe.holds_in_row), (first, 1))?;
    let settle = vec![Settlement { hold: HoldChange::End, ..settlement(&probe, End::Done, fixture.now()) }];
    let claimed = fixture.turn(Turn { settle, ..turn(5) }).await?.claimed;
    same("the claims of the same turn", ids(&claimed), vec![second, third])?;
    same("what they are", in_row(&claimed), vec![0, 0])?;
    same("the holds", held(fixture).await?, Vec::new())
}

pub(crate) async fn a_probe_that_fails_holds_again(fixture: &Fixture<'_>) -> ScenarioResult {
    let [first, second] = put_to(fixture, [A, A]).await?;
    fixture.hold(&QueueName::default(), seconds(30)).await?;
    for (after, in_row) in [(30, 1), (12, 2), (0, 3), (20, 4)] {
        fixture.pass(seconds(after));
        let probe = fixture.claim_one().await?;
        same("the probe", (probe.entry.id, probe.holds_in_row), (first, in_row))?;
        let wait = [12, 0, 20, 40].get(in_row as usize - 1).copied().unwrap_or_default();
        fixture.settle_with(&probe, End::GiveBack, hold(probe.holds_in_row, seconds(wait))).await?;
        let until = [42, 42, 62, 102].get(in_row as usize - 1).copied().unwrap_or_default();
        same("how it is held", held(fixture).await?, a_held(until, in_row + 1))?;
    }
    same("claims", probes(fixture).await?, Vec::new())?;
    fixture.store().change(second, Change::Cancel).await?;
    Ok(())
}

pub(crate) async fn what_was_claimed_before_a_hold_was_over_does_not_change_it(
    fixture: &Fixture<'_>,
) -> ScenarioResult {
    put_to(fixture, [A, A, A, A, A]).await?;
    let claimed = fixture.claim(5).await?;
    let [first, second, third, fourth, fifth] = claimed.as_slice() else {
        return same("the claims", claimed.len(), 5);
    };
    fixture.settle_with(first, AGAIN, hold(0, seconds(30))).await?;
    same("how it is held", held(fixture).await?, a_held(30, 1))?;
    fixture.settle_with(second, End::Done, HoldChange::End).await?;
    same("after a success from before", held(fixture).await?, a_held(30, 1))?;
    fixture.settle_with(third, AGAIN, hold(1, seconds(40))).await?;
    same("after a failure from before", held(fixture).await?, a_held(30, 1))?;
    fixture.pass(seconds(30));
    fixture.settle_with(fourth, End::Done, HoldChange::End).await?;
    same("after a late success from before", held(fixture).await?, a_held(30, 1))?;
    same("while another is under way", probes(fixture).await?, Vec::new())?;
    fixture.settle_with(fifth, AGAIN, hold(1, seconds(50))).await?;
    same("after a late failure from before", held(fixture).await?, a_held(30, 1))?;
    same("when none is under way", probes(fixture).await?, vec![(first.entry.id, 1)])
}

pub(crate) async fn the_next_probe_follows_one_that_is_given_back_or_lost(
    fixture: &Fixture<'_>,
) -> ScenarioResult {
    let [first, second] = put_to(fixture, [A, A]).await?;
    fixture.hold(&QueueName::default(), seconds(30)).await?;
    fixture.pass(seconds(30));
    let probe = fixture.claim_one().await?;
    fixture.settle(&probe, End::GiveBack).await?;
    let probe = fixture.claim_one().await?;
    same("after one that was given back", (probe.entry.id, probe.holds_in_row), (first, 1))?;
    fixture.settle(&probe, End::Again { wait: seconds(900), counts: true }).await?;
    same("after one that is put off", probes(fixture).await?, vec![(second, 1)])?;
    fixture.pass(LEASE);
    same("after one that was lost", probes(fixture).await?, vec![(second, 1)])?;
    same("how it is held", held(fixture).await?, a_held(30, 1))
}

pub(crate) async fn the_cap_is_of_the_queue_with_holds_as_without(fixture: &Fixture<'_>) -> ScenarioResult {
    let [first, _, b, _, last] = put_to(fixture, [A, A, B, B, B]).await?;
    fixture.hold(&QueueName::default(), seconds(30)).await?;
    fixture.pass(seconds(30));
    let claimed = fixture.turn(Turn { cap: 2, ..turn(5) }).await?.claimed;
    same("the claims", ids(&claimed), vec![first, b])?;
    same("claims under a full cap", fixture.turn(Turn { cap: 2, ..turn(5) }).await?.claimed.len(), 0)?;
    let more = fixture.turn(Turn { cap: 4, ..turn(1) }).await?.claimed;
    same("no more than asked for", more.len(), 1)?;
    same("state of the last", fixture.state(last).await?, State::Ready)
}

const C: &str = "https://c.example/z";
const D: &str = "https://d.example/z";

pub(crate) async fn a_queue_has_probes_in_half_of_its_cap(fixture: &Fixture<'_>) -> ScenarioResult {
    let [a, c, d, _, b] = put_to(fixture, [A, C, D, A, B]).await?;
    for _ in 0..3 {
        fixture.hold(&QueueName::default(), seconds(30)).await?;
    }
    fixture.pass(seconds(30));
    let claimed = fixture.claim(5).await?;
    same("the claims", ids(&claimed), vec![a, c, b])?;
    same("the probes", in_row(&claimed), vec![1, 1, 0])?;
    for store in &fixture.stores {
        let turned = store.turn(turn(5)).await?;
        same("the claims of each store", ids(&turned.claimed), Vec::new())?;
        same("when there is a next turn", turned.next, Some(LEASE))?;
    }
    for probe in claimed.iter().skip(1).take(1) {
        fixture.settle(probe, End::Dead(Reason::Exhausted)).await?;
    }
    same("when one has come to its end", probes(fixture).await?, vec![(d, 1)])
}

pub(crate) async fn a_queue_has_at_least_one_probe(fixture: &Fixture<'_>) -> ScenarioResult {
    put_to(fixture, [A, C, D, "https://e.example/"]).await?;
    for _ in 0..4 {
        fixture.hold(&QueueName::default(), seconds(30)).await?;
    }
    fixture.pass(seconds(30));
    for (cap, most) in [(1, 1), (2, 1), (3, 1), (4, 2), (7, 3), (20, 4)] {
        let claimed = fixture.turn(Turn { cap, ..turn(10) }).await?.claimed;
        same(&format!("the probes under a cap of {cap}"), in_row(&claimed), vec![1; most])?;
        for probe in &claimed {
            fixture.settle(probe, End::GiveBack).await?;
        }
    }
    Ok(())
}

pub(crate) async fn what_is_leased_when_a_hold_is_over_is_a_probe(fixture: &Fixture<'_>) -> ScenarioResult {
    let [_, _, c, b] = put_to(fixture, [A, A, C, B]).await?;
    let claimed = fixture.claim(2).await?;
    let [first, second] = claimed.as_slice() else { return same("the claims", claimed.len(), 2) };
    fixture.settle_with(first, AGAIN, hold(0, seconds(20))).await?;
    fixture.hold(&QueueName::default(), seconds(10)).await?;
    let two = || Turn { cap: 3, ..turn(1) };
    fixture.pass(seconds(10));
    let probe = only("probes while the other is held", fixture.turn(two()).await?.claimed)?;
    same("that probe", (probe.entry.id, probe.holds_in_row), (c, 1))?;
    fixture.settle(&probe, End::GiveBack).await?;
    fixture.pass(seconds(10));
    let other = only("claims", fixture.turn(two()).await?.claimed)?;
    same("what is no probe", (other.entry.id, other.holds_in_row), (b, 0))?;
    fixture.settle_with(second, End::GiveBack, HoldChange::Keep).await?;
    let probe = only("probes", fixture.turn(two()).await?.claimed)?;
    same("the next probe", (probe.entry.id, probe.holds_in_row), (first.entry.id, 1))
}

pub(crate) async fn a_probe_does_not_bring_back_a_hold_that_was_ended(
    fixture: &Fixture<'_>,
) -> ScenarioResult {
    let [first, second] = put_to(fixture, [A, A]).await?;
    fixture.hold(&QueueName::default(), seconds(30)).await?;
    fixture.pass(seconds(30));
    let probe = fixture.claim_one().await?;
    fixture.store().resume(&QueueName::default()).await?;
    let settled = fixture.settle_with(&probe, End::GiveBack, hold(1, seconds(50))).await?;
    same("its settlement", settled, Settled::Applied)?;
    same("the holds", held(fixture).await?, Vec::new())?;
    same("the claims", probes(fixture).await?, vec![(first, 0), (second, 0)])
}

pub(crate) async fn a_hold_follows_on_those_that_its_claim_knew(fixture: &Fixture<'_>) -> ScenarioResult {
    put_to(fixture, [A]).await?;
    let claimed = fixture.claim_one().await?;
    fixture.settle_with(&claimed, End::GiveBack, hold(1, seconds(30))).await?;
    same("after one that there is not", held(fixture).await?, Vec::new())?;
    fixture.hold(&QueueName::default(), seconds(30)).await?;
    fixture.pass(seconds(30));
    for after in [0, 2] {
        let probe = fixture.claim_one().await?;
        fixture.settle_with(&probe, End::GiveBack, hold(after, seconds(50))).await?;
        same(&format!("after {after} and not one"), held(fixture).await?, a_held(30, 1))?;
    }
    let probe = fixture.claim_one().await?;
    fixture.settle_with(&probe, End::GiveBack, hold(1, seconds(50))).await?;
    same("after one", held(fixture).await?, a_held(80, 2))
}

pub(crate) async fn a_held_head_keeps_back_its_key(fixture: &Fixture<'_>) -> ScenarioResult {
    let of_key = |url| NewEntry { order_key: keyed("k").order_key, ..to(url) };
    let head = fixture.put(of_key(A)).await?;
    let behind = fixture.put(of_key(B)).await?;
    fixture.hold(&QueueName::default(), seconds(30)).await?;
    same("claims while its head is held", probes(fixture).await?, Vec::new())?;
    fixture.pass(seconds(30));
    let probe = fixture.claim_one().await?;
    same("the probe", (probe.entry.id, probe.holds_in_row), (head, 1))?;
    same("its end", fixture.settle_with(&probe, End::Done, HoldChange::End).await?, Settled::Applied)?;
    same("claims after it", probes(fixture).await?, vec![(behind, 0)])
}

pub(crate) async fn a_held_entry_expires_and_can_be_cancelled(fixture: &Fixture<'_>) -> ScenarioResult {
    let expires = fixture.put(NewEntry { expires_in: seconds(20), ..to(A) }).await?;
    let [cancelled, dead_lettered] = put_to(fixture, [A, A]).await?;
    fixture.hold(&QueueName::default(), seconds(30)).await?;
    fixture.store().change(cancelled, Change::Cancel).await?;
    fixture.store().change(dead_lettered, Change::DeadLetter).await?;
    fixture.pass(seconds(20));
    let died = fixture.turn(turn(5)).await?.dead_letters;
    same("what has expired", only("those that died", died)?.id, expires)
}

pub(crate) async fn the_next_turn_is_when_a_hold_ends_or_its_probe_does(
    fixture: &Fixture<'_>,
) -> ScenarioResult {
    let next = |what: &'static str, seconds_left: u64| async move {
        let turned = fixture.turn(turn(5)).await?;
        same(what, (turned.claimed.len(), turned.next), (0, Some(seconds(seconds_left))))
    };
    let default = QueueName::default();
    put_to(fixture, ["https://d.example/"]).await?;
    let first = fixture.hold(&default, seconds(10)).await?;
    let due_after = fixture.put(NewEntry { delay: seconds(20), ..to("https://d.example/") }).await?;
    fixture.store().change(first, Change::Cancel).await?;
    next("with none but one that is due after its hold", 20).await?;
    fixture.store().change(due_after, Change::Cancel).await?;
    put_to(fixture, [A, A]).await?;
    fixture.hold(&default, seconds(30)).await?;
    next("held", 30).await?;
    fixture.put(NewEntry { delay: seconds(25), ..to(B) }).await?;
    next("with another that is due before", 25).await?;
    let late = fixture.put(NewEntry { delay: seconds(40), ..to("https://c.example/") }).await?;
    fixture.pass(seconds(25));
    fixture.hold(&default, seconds(60)).await?;
    next("with another that is held for longer", 5).await?;
    fixture.pass(seconds(5));
    let probe = fixture.claim_one().await?;
    next("with a probe under way, when another is due", 10).await?;
    fixture.store().change(late, Change::Cancel).await?;
    next("with a probe under way, when another's hold ends", 55).await?;
    fixture.pass(seconds(56));
    let other = fixture.claim_one().await?;
    next("with two probes under way, when the first lease runs out", 4).await?;
    fixture.settle_with(&probe, End::Again { wait: seconds(70), counts: true }, hold(1, seconds(50))).await?;
    next("held again", 50).await?;
    fixture.settle_with(&other, End::Done, HoldChange::End).await?;
    next("held alone", 50).await
}
