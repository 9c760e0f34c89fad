//! After random faults in random order: each acknowledged entry reaches a final state, at most five are in
//! flight, each key keeps its order, and every attempt is recorded.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use http::Request;
use martello_body::Body;
use martello_outbox::{EntryId, MemoryStore, Outbox, Reason, RunningWorker, State, StoreErrorKind};
use proptest::{collection::vec, prelude::*, test_runner::Config};
use tokio::time::sleep;

use crate::{
    steered::{Fault, Op, Steered},
    support::{Answer, Api, Seen, broken, options, seconds, status, stored, work_with},
};

const WORKERS: usize = 3;
const DOWN: Fault = Fault::Fail(StoreErrorKind::Unavailable);

#[derive(Clone, Debug)]
enum Step {
    /// A PUT of one of three keys, or a POST, which must not be sent twice.
    Enqueue(Option<u8>),
    Wait(u64),
    /// Starts this worker and drops the one that runs in its place.
    Start(usize),
    Shutdown(usize),
    /// Drops it with its deliveries.
    Kill(usize),
    /// Makes its store fail, or work again.
    CutOff(usize, bool),
}

fn step() -> impl Strategy<Value = Step> {
    let worker = 0..WORKERS;
    prop_oneof![
        6 => proptest::option::weighted(0.7, 0u8..3).prop_map(Step::Enqueue),
        4 => (0u64..15).prop_map(Step::Wait),
        2 => worker.clone().prop_map(Step::Start),
        1 => worker.clone().prop_map(Step::Shutdown),
        1 => worker.clone().prop_map(Step::Kill),
        2 => (worker, any::<bool>()).prop_map(|(worker, off)| Step::CutOff(worker, off)),
    ]
}

/// The requests that reached the server, by the number in each.
#[derive(Clone, Default)]
struct Log {
    sent: Arc<Mutex<Vec<(String, usize)>>>,
    taken: Arc<Mutex<HashMap<usize, usize>>>,
}

impl Log {
    /// A server that fails in every way until it is healed.
    fn server(&self, seed: u64, well: Arc<Mutex<bool>>) -> Api {
        let (log, random) = (self.clone(), Mutex::new(fastrand::Rng::with_seed(seed)));
        Api::with(move |seen| {
            let mut random = random.lock().unwrap();
            let how = if *well.lock().unwrap() { 0 } else { random.u32(0..100) };
            let latency = Duration::from_millis(random.u64(0..6_000));
            log.clone().answer(seen, how, latency)
        })
    }

    async fn answer(self, seen: Seen, how: u32, latency: Duration) -> Answer {
        let number = seen.body.unwrap().parse()?;
        self.sent.lock().unwrap().push((seen.path, number));
        sleep(latency).await;
        match how {
            0..50 => {
                *self.taken.lock().unwrap().entry(number).or_default() += 1;
                status(200)
            }
            50..65 => status(503),
            65..75 => status(401),
            75..80 => status(422),
            80..85 => status(504),
            85..90 => std::future::pending().await,
            90..95 => panic!("the user's service panics"),
            _ => broken(),
        }
    }
}

struct World {
    memory: MemoryStore,
    stores: Vec<Steered>,
    workers: Vec<Option<RunningWorker>>,
    api: Api,
    acknowledged: Vec<EntryId>,
}

impl World {
    fn outbox(&self, store: impl martello_outbox::Store) -> Outbox {
        Outbox::builder(store).max_attempts(4).build().unwrap()
    }

    async fn take(&mut self, step: &Step) {
        match step {
            Step::Enqueue(key) => {
                let request = match key {
                    Some(key) => Request::put(format!("https://api.example/orders/{key}")),
                    None => Request::post("https://api.example/orders"),
                };
                let number = self.acknowledged.len().to_string();
                let outbox = self.outbox(self.memory.clone());
                let ticket = outbox.enqueue(request.body(Body::from(number)).unwrap()).await.unwrap();
                self.acknowledged.push(ticket.id());
            }
            Step::Wait(time) => sleep(seconds(*time)).await,
            Step::Start(number) => {
                let outbox = self.outbox(self.stores.get(*number).unwrap().clone());
                let lease = options().lease(seconds(9)).attempt_timeout(seconds(8)).grace(seconds(2));
                let worker = work_with(&outbox, &self.api, lease.seed(*number as u64));
                *self.workers.get_mut(*number).unwrap() = Some(worker);
            }
            Step::Shutdown(number) => {
                if let Some(worker) = self.workers.get_mut(*number).unwrap().take() {
                    worker.shutdown().await;
                }
            }
            Step::Kill(number) => *self.workers.get_mut(*number).unwrap() = None,
            Step::CutOff(number, off) => {
                for op in [Op::Turn, Op::Heartbeat] {
                    let store = self.stores.get(*number).unwrap();
                    if *off { store.set(op, DOWN) } else { store.heal(op) }
                }
            }
        }
    }
}

async fn play(steps: Vec<Step>, seed: u64) {
    let (log, well) = (Log::default(), Arc::new(Mutex::new(false)));
    let memory = MemoryStore::new();
    let mut world = World {
        stores: (0..WORKERS).map(|_| Steered::over(memory.clone())).collect(),
        workers: (0..WORKERS).map(|_| None).collect(),
        api: log.server(seed, Arc::clone(&well)),
        memory,
        acknowledged: Vec::new(),
    };
    for step in &steps {
        world.take(step).await;
    }
    // Everything works again, and one worker is left.
    *well.lock().unwrap() = true;
    for number in 0..WORKERS {
        world.take(&Step::Kill(number)).await;
        world.take(&Step::CutOff(number, false)).await;
    }
    world.take(&Step::Start(0)).await;
    for _ in 0..24 * 60 {
        if !stored(&world.outbox(world.memory.clone())).await.iter().any(|entry| entry.state.is_pending()) {
            break;
        }
        sleep(seconds(60)).await;
    }
    check(&world, &log).await;
}

async fn check(world: &World, log: &Log) {
    let outbox = world.outbox(world.memory.clone());
    assert_eq!(stored(&outbox).await.len(), world.acknowledged.len());
    assert!(world.api.most_in_flight() <= 5, "{} in flight", world.api.most_in_flight());
    let (sent, taken) = (log.sent.lock().unwrap().clone(), log.taken.lock().unwrap().clone());
    for (number, id) in world.acknowledged.iter().enumerate() {
        let detail = crate::support::detail(&outbox, *id).await;
        let numbers: Vec<_> = detail.attempts.iter().map(|attempt| attempt.number).collect();
        assert_eq!(numbers, (1..=detail.entry.attempts).collect::<Vec<_>>(), "{detail:#?}");
        let times = sent.iter().filter(|(_, other)| *other == number).count();
        assert!(times <= numbers.len(), "{times} times sent, but {detail:#?}");
        match detail.entry.state {
            State::Done => assert!(taken.contains_key(&number), "{detail:#?}"),
            State::Dead => {
                let known = [Reason::Ambiguous, Reason::Crashed, Reason::Exhausted, Reason::Rejected];
                assert!(known.contains(&detail.entry.reason.unwrap()), "{detail:#?}");
            }
            _ => panic!("in limbo: {detail:#?}"),
        }
        if detail.entry.order_key.is_none() {
            assert!(taken.get(&number).is_none_or(|times| *times == 1), "sent twice: {detail:#?}");
        }
    }
    for key in 0..3 {
        let of_key = |(path, _): &&(String, usize)| *path == format!("/orders/{key}");
        let order: Vec<_> = sent.iter().filter(of_key).map(|(_, number)| *number).collect();
        assert!(order.is_sorted(), "an older write of {key} was sent after a newer one: {order:?}");
    }
}

proptest! {
    #![proptest_config(Config { cases: 48, failure_persistence: None, ..Config::default() })]

    #[test]
    fn acknowledged_entries_are_delivered_in_order(steps in vec(step(), 5..80), seed in any::<u64>()) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
        runtime.unwrap().block_on(play(steps, seed));
    }
}
