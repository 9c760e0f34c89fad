//! How long an entry waits until it is sent again.

use std::time::Duration;

use martello_outbox::{Change, MemoryStore, Outbox, OutboxOptions, Reason, State, WhenOvertaken};
use tokio::time::Instant;

use crate::support::{Answer, Api, detail, options, put, seconds, status, work_with};

fn busy(retry_after: &'static str) -> Answer {
    let mut response = status(503)?;
    response.headers_mut().insert("retry-after", retry_after.parse()?);
    Ok(response)
}

fn gaps(api: &Api) -> Vec<Duration> {
    let at: Vec<Instant> = api.seen().iter().map(|seen| seen.at).collect();
    at.iter().zip(at.iter().skip(1)).map(|(earlier, later)| *later - *earlier).collect()
}

#[tokio::test(start_paused = true)]
async fn retry_after_is_followed_up_to_its_cap() {
    let outbox = Outbox::new(MemoryStore::new());
    let api = Api::answering([busy("90"), busy("99999999999"), busy("soon")]);
    let short = Duration::from_millis(10);
    let _worker = work_with(&outbox, &api, options().backoff(short, short).hold_after(1_000));
    outbox.enqueue(put("/orders/1")).await.unwrap().ended().await.unwrap();
    let gaps = gaps(&api);
    for (gap, asked) in gaps.iter().zip([90, 3_600, 0]) {
        let spread = seconds((asked / 2).min(10)) + Duration::from_millis(20);
        assert!((seconds(asked)..=seconds(asked) + spread).contains(gap), "{gap:?} after {asked} s");
    }
}

#[tokio::test(start_paused = true)]
async fn entries_with_the_same_retry_after_are_sent_at_different_times() {
    let outbox = Outbox::new(MemoryStore::new());
    let first = std::sync::Mutex::new(std::collections::HashSet::new());
    let api = Api::with(move |seen| {
        let known = !first.lock().unwrap().insert(seen.path);
        async move { if known { status(200) } else { busy("60") } }
    });
    let short = Duration::from_millis(10);
    let _worker = work_with(&outbox, &api, options().backoff(short, short).hold_after(1_000));
    for number in 0..20 {
        outbox.enqueue(put(&format!("/orders/{number}"))).await.unwrap();
    }
    while api.seen().len() < 40 {
        tokio::time::sleep(seconds(1)).await;
    }
    let (first, second) = (api.seen()[..20].to_vec(), api.seen()[20..].to_vec());
    assert!(second[0].at - first[19].at >= seconds(60));
    assert!(second[19].at - second[0].at > seconds(5), "{:?}", second[19].at - second[0].at);
}

#[tokio::test(start_paused = true)]
async fn the_wait_grows_up_to_its_cap_and_is_random() {
    let outbox = Outbox::builder(MemoryStore::new()).max_attempts(200).build().unwrap();
    let api = Api::with(|_| async { status(503) });
    let _worker = work_with(&outbox, &api, options().backoff(seconds(1), seconds(8)).hold_after(1_000));
    outbox.enqueue(put("/orders/1")).await.unwrap().ended().await.unwrap();
    let gaps = gaps(&api);
    let slack = Duration::from_millis(10);
    for (gap, ceiling) in gaps.iter().zip([1, 2, 4].into_iter().chain(std::iter::repeat(8))) {
        assert!(*gap <= seconds(ceiling) + slack, "{gap:?} is over {ceiling} s");
    }
    let at_the_cap = &gaps[3..];
    let mean = at_the_cap.iter().sum::<Duration>() / u32::try_from(at_the_cap.len()).unwrap();
    assert!((3_000..5_000).contains(&mean.as_millis()), "full jitter has its mean at half: {mean:?}");
    assert!(at_the_cap.iter().any(|gap| *gap > seconds(7)) && at_the_cap.iter().any(|gap| *gap < seconds(1)));
}

#[tokio::test(start_paused = true)]
async fn an_entry_without_attempts_left_is_exhausted() {
    let outbox = Outbox::new(MemoryStore::new());
    let api = Api::with(|_| async { status(503) });
    let _worker = work_with(&outbox, &api, options());
    let mut request = put("/orders/1");
    request.extensions_mut().insert(OutboxOptions::new().max_attempts(3));
    let ticket = outbox.enqueue(request).await.unwrap();
    let entry = ticket.ended().await.unwrap();
    assert_eq!((entry.state, entry.reason, api.seen().len()), (State::Dead, Some(Reason::Exhausted), 3));
    let numbers: Vec<_> =
        detail(&outbox, ticket.id()).await.attempts.iter().map(|each| each.number).collect();
    assert_eq!(numbers, [1, 2, 3]);
}

#[tokio::test(start_paused = true)]
async fn uncounted_attempts_go_on_until_the_entry_expires() {
    let outbox = Outbox::new(MemoryStore::new());
    let api = Api::with(|_| async { status(429) });
    let _worker = work_with(&outbox, &api, options().backoff(seconds(1), seconds(60)));
    let mut request = put("/orders/1");
    request.extensions_mut().insert(OutboxOptions::new().max_attempts(1).expires_in(seconds(600)));
    let stored = Instant::now();
    let entry = outbox.enqueue(request).await.unwrap().ended().await.unwrap();
    assert_eq!(entry.reason, Some(Reason::Expired));
    assert!(api.seen().len() > 5, "{}", api.seen().len());
    let after = stored.elapsed();
    assert!(after >= seconds(600) && after < seconds(601), "{after:?}");
}

/// How often the entry is sent within this time.
async fn sent_within(time: Duration, replayed: bool) -> usize {
    let outbox = Outbox::new(MemoryStore::new());
    let api = Api::with(|_| async { status(429) });
    let id = outbox.enqueue(put("/orders/1")).await.unwrap().id();
    if replayed {
        for change in [Change::DeadLetter, Change::Replay(WhenOvertaken::Refuse)] {
            outbox.store().change(id, change).await.unwrap();
        }
    }
    let _worker = work_with(&outbox, &api, options().hold_after(1_000));
    tokio::time::sleep(time).await;
    api.seen().len()
}

#[tokio::test(start_paused = true)]
async fn the_wait_grows_also_after_uncounted_attempts() {
    let hour = sent_within(seconds(3_600), false).await;
    assert!((8..=40).contains(&hour), "{hour} in an hour");
    let replayed = sent_within(seconds(3_600), true).await;
    assert!((60..=240).contains(&replayed), "about half a minute on average after a replay: {replayed}");
}
