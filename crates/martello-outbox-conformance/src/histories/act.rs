use std::time::Duration;

use proptest::{
    collection::vec,
    prelude::{Just, Strategy, any, prop_oneof},
    sample::select,
};

use super::super::stage::{MOMENT, seconds};
use martello_outbox::{Outcome, Overtaken, Reason, State, WhenOvertaken};

/// One step of a history.
#[derive(Clone, Debug)]
pub(super) struct Step {
    /// Which of the two stores takes it.
    pub(super) second: bool,
    pub(super) act: Act,
}

/// One of those there are, by number; it goes round.
pub(super) type Pick = u8;

#[derive(Clone, Debug)]
pub(super) enum Act {
    Pass(Duration),
    Enqueue(Vec<New>),
    Turn {
        queue: u8,
        worker: u8,
        settle: Vec<(Pick, Ending, Holding)>,
        claim: usize,
        cap: usize,
        lease: Duration,
    },
    Heartbeat(Vec<Pick>, Duration),
    Pause(u8),
    Overtake(u8, u8, Overtaken),
    Resume(u8),
    Change(Pick, Changing),
    Replay(Sieve, f64, WhenOvertaken),
    CancelReplay(Pick),
    List(Sieve, usize),
    Purge(Sieve),
    PurgeAll,
    Prune(Duration, usize),
    /// Closes this store and opens it again.
    Reopen,
}

#[derive(Clone, Debug)]
pub(super) struct New {
    pub(super) queue: u8,
    pub(super) key: Option<u8>,
    pub(super) dedup: Option<u8>,
    pub(super) supersede: bool,
    pub(super) host: u8,
    pub(super) delay: Duration,
    pub(super) expires: Duration,
    pub(super) max_attempts: u32,
    pub(super) repeatable: bool,
    pub(super) attempts: Vec<(Outcome, u16)>,
    pub(super) dead: Option<Reason>,
    /// An id that was used before.
    pub(super) again: Option<Pick>,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Ending {
    Done,
    Again(Duration, bool),
    Dead(Reason),
    GiveBack,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Holding {
    Keep,
    End,
    For(Duration),
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Changing {
    Cancel,
    DeadLetter,
    Replay(WhenOvertaken),
    /// To this host, on the last revision or on one before or after it.
    Edit(u8, i8),
    Protect,
    Unprotect,
}

/// A filter, whose job is one of those there are.
#[derive(Clone, Debug, Default)]
pub(super) struct Sieve {
    pub(super) queue: Option<u8>,
    pub(super) state: Option<State>,
    pub(super) reason: Option<Reason>,
    pub(super) host: Option<u8>,
    pub(super) status: Option<u16>,
    pub(super) outcome: Option<Outcome>,
    pub(super) tracking: Option<u8>,
    pub(super) key: Option<u8>,
    pub(super) job: Option<Pick>,
    pub(super) since: Option<Duration>,
    pub(super) before: Option<Duration>,
}

/// Mostly one of the last, counted from there.
fn recent() -> impl Strategy<Value = Pick> {
    prop_oneof![3 => 0..3_u8, 1 => any::<Pick>()]
}

/// Few and round, so that moments coincide.
fn time() -> impl Strategy<Value = Duration> {
    select(vec![seconds(0), seconds(1), seconds(2), seconds(5), seconds(10), seconds(30), seconds(60)])
}

fn rarely<T: Clone + std::fmt::Debug + 'static>(
    value: impl Strategy<Value = T> + 'static,
) -> impl Strategy<Value = Option<T>> {
    prop_oneof![15 => Just(None), 1 => value.prop_map(Some)]
}

fn sometimes<T: Clone + std::fmt::Debug + 'static>(
    value: impl Strategy<Value = T> + 'static,
) -> impl Strategy<Value = Option<T>> {
    prop_oneof![Just(None), value.prop_map(Some)]
}

fn queue() -> impl Strategy<Value = u8> {
    prop_oneof![4 => Just(0_u8), 1 => Just(1_u8)]
}

fn reason() -> impl Strategy<Value = Reason> {
    select(Reason::ALL.to_vec())
}

fn status() -> impl Strategy<Value = u16> {
    select(vec![200_u16, 422, 503])
}

fn new() -> impl Strategy<Value = New> {
    let attempt = (select(Outcome::ALL.to_vec()), status());
    let door = prop_oneof![3 => Just(Vec::new()), 1 => vec(attempt, 1..3)];
    let expires = prop_oneof![4 => Just(seconds(3600)), 1 => time()];
    let dead = prop_oneof![3 => Just(None), 1 => reason().prop_map(Some)];
    let delay = prop_oneof![3 => Just(seconds(0)), 1 => time()];
    let keys = (queue(), sometimes(0..3_u8), rarely(0..2_u8), any::<bool>(), 0..3_u8);
    let rest = (delay, expires, 1..4_u32, any::<bool>(), door, dead, rarely(any::<Pick>()));
    (keys, rest).prop_map(|(keys, rest)| {
        let (queue, key, dedup, supersede, host) = keys;
        let (delay, expires, max_attempts, repeatable, attempts, dead, again) = rest;
        New {
            queue,
            key,
            dedup,
            supersede,
            host,
            delay,
            expires,
            max_attempts,
            repeatable,
            attempts,
            dead,
            again,
        }
    })
}

fn ending() -> impl Strategy<Value = Ending> {
    prop_oneof![
        2 => Just(Ending::Done),
        2 => (time(), any::<bool>()).prop_map(|(after, counts)| Ending::Again(after, counts)),
        2 => reason().prop_map(Ending::Dead),
        1 => Just(Ending::GiveBack),
    ]
}

fn holding() -> impl Strategy<Value = Holding> {
    let soon = select([0, 1, 1, 2, 5, 30].map(seconds).to_vec());
    prop_oneof![2 => Just(Holding::Keep), 1 => Just(Holding::End), 3 => soon.prop_map(Holding::For)]
}

fn overtaken() -> impl Strategy<Value = WhenOvertaken> {
    prop_oneof![2 => Just(WhenOvertaken::Refuse), 1 => Just(WhenOvertaken::Overwrite)]
}

fn changing() -> impl Strategy<Value = Changing> {
    prop_oneof![
        1 => Just(Changing::Cancel),
        1 => Just(Changing::DeadLetter),
        3 => overtaken().prop_map(Changing::Replay),
        1 => (0..3_u8, select(vec![0, 0, 0, -1, 1])).prop_map(|(host, off)| Changing::Edit(host, off)),
        1 => Just(Changing::Protect),
        1 => Just(Changing::Unprotect),
    ]
}

fn sieve() -> impl Strategy<Value = Sieve> {
    let of = (
        rarely(queue()),
        rarely(select(State::ALL.to_vec())),
        rarely(reason()),
        rarely(0..3_u8),
        rarely(status()),
    );
    let more =
        (rarely(select(Outcome::ALL.to_vec())), rarely(0..4_u8), rarely(0..3_u8), rarely(any::<Pick>()));
    (of, more, rarely(time()), rarely(time())).prop_map(|(of, more, since, before)| {
        let (queue, state, reason, host, status) = of;
        let (outcome, tracking, key, job) = more;
        Sieve { queue, state, reason, host, status, outcome, tracking, key, job, since, before }
    })
}

fn turn() -> impl Strategy<Value = Act> {
    let settle = vec((recent(), ending(), holding()), 0..3);
    let claim = prop_oneof![1 => Just(0_usize), 5 => 1..5_usize];
    let lease = prop_oneof![4 => Just(seconds(60)), 1 => time()];
    (queue(), 0..2_u8, settle, claim, 1..5_usize, lease).prop_map(
        |(queue, worker, settle, claim, cap, lease)| Act::Turn { queue, worker, settle, claim, cap, lease },
    )
}

pub(super) fn step() -> impl Strategy<Value = Step> {
    let pass = prop_oneof![4 => time(), 1 => Just(MOMENT)];
    let age = prop_oneof![Just(seconds(0)), time()];
    let act = prop_oneof![
        6 => pass.prop_map(Act::Pass),
        10 => vec(new(), 1..5).prop_map(Act::Enqueue),
        24 => turn(),
        2 => (vec(recent(), 1..3), time()).prop_map(|(leases, time)| Act::Heartbeat(leases, time)),
        1 => queue().prop_map(Act::Pause),
        4 => (queue(), 0..3_u8, select(Overtaken::ALL.to_vec()))
            .prop_map(|(queue, key, overtaken)| Act::Overtake(queue, key, overtaken)),
        3 => queue().prop_map(Act::Resume),
        6 => (any::<Pick>(), changing()).prop_map(|(entry, change)| Act::Change(entry, change)),
        // Rates whose intervals are whole microseconds in any arithmetic.
        3 => (sieve(), select(vec![0.5, 1.0, 2.0, 4.0]), overtaken())
            .prop_map(|(sieve, rate, overtaken)| Act::Replay(sieve, rate, overtaken)),
        2 => any::<Pick>().prop_map(Act::CancelReplay),
        3 => (sieve(), 1..4_usize).prop_map(|(sieve, limit)| Act::List(sieve, limit)),
        1 => sieve().prop_map(Act::Purge),
        1 => Just(Act::PurgeAll),
        2 => (age, 0..3_usize).prop_map(|(age, limit)| Act::Prune(age, limit)),
        1 => Just(Act::Reopen),
    ];
    (any::<bool>(), act).prop_map(|(second, act)| Step { second, act })
}
