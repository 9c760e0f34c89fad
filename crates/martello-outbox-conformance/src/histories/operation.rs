use std::time::Duration;

use proptest::{
    collection::vec,
    prelude::{Just, Strategy, any, prop_oneof},
    sample::select,
};

use super::super::fixture::{MOMENT, seconds};
use martello_outbox::{Outcome, Overtaken, Reason, State, WhenOvertaken};

/// One step of a history.
#[derive(Clone, Debug)]
pub(super) struct Step {
    /// Which of the two stores takes it.
    pub(super) second: bool,
    pub(super) operation: Operation,
}

/// One of those there are, by number; it goes round.
pub(super) type Pick = u8;

#[derive(Clone, Debug)]
pub(super) enum Operation {
    Pass(Duration),
    Enqueue(Vec<EntrySpec>),
    Turn {
        queue: u8,
        worker: u8,
        settle: Vec<(Pick, EndSpec, HoldSpec)>,
        claim: usize,
        cap: usize,
        lease: Duration,
    },
    Heartbeat(Vec<Pick>, Duration),
    Pause(u8),
    Overtake(u8, u8, Overtaken),
    Resume(u8),
    Change(Pick, ChangeSpec),
    Replay(FilterSpec, f64, WhenOvertaken),
    CancelReplay(Pick),
    List(FilterSpec, usize),
    Purge(FilterSpec),
    PurgeAll,
    Prune(Duration, usize),
    /// Closes this store and opens it again.
    Reopen,
}

#[derive(Clone, Debug)]
pub(super) struct EntrySpec {
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
pub(super) enum EndSpec {
    Done,
    Again(Duration, bool),
    Dead(Reason),
    GiveBack,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum HoldSpec {
    Keep,
    End,
    For(Duration),
}

#[derive(Clone, Copy, Debug)]
pub(super) enum ChangeSpec {
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
pub(super) struct FilterSpec {
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

fn new() -> impl Strategy<Value = EntrySpec> {
    let attempt = (select(Outcome::ALL.to_vec()), status());
    let earlier = prop_oneof![3 => Just(Vec::new()), 1 => vec(attempt, 1..3)];
    let expires = prop_oneof![4 => Just(seconds(3600)), 1 => time()];
    let dead = prop_oneof![3 => Just(None), 1 => reason().prop_map(Some)];
    let delay = prop_oneof![3 => Just(seconds(0)), 1 => time()];
    let keys = (queue(), sometimes(0..3_u8), rarely(0..2_u8), any::<bool>(), 0..3_u8);
    let rest = (delay, expires, 1..4_u32, any::<bool>(), earlier, dead, rarely(any::<Pick>()));
    (keys, rest).prop_map(|(keys, rest)| {
        let (queue, key, dedup, supersede, host) = keys;
        let (delay, expires, max_attempts, repeatable, attempts, dead, again) = rest;
        EntrySpec {
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

fn ending() -> impl Strategy<Value = EndSpec> {
    prop_oneof![
        2 => Just(EndSpec::Done),
        2 => (time(), any::<bool>()).prop_map(|(wait, counts)| EndSpec::Again(wait, counts)),
        2 => reason().prop_map(EndSpec::Dead),
        1 => Just(EndSpec::GiveBack),
    ]
}

fn holding() -> impl Strategy<Value = HoldSpec> {
    let soon = select([0, 1, 1, 2, 5, 30].map(seconds).to_vec());
    prop_oneof![2 => Just(HoldSpec::Keep), 1 => Just(HoldSpec::End), 3 => soon.prop_map(HoldSpec::For)]
}

fn overtaken() -> impl Strategy<Value = WhenOvertaken> {
    prop_oneof![2 => Just(WhenOvertaken::Refuse), 1 => Just(WhenOvertaken::Overwrite)]
}

fn changing() -> impl Strategy<Value = ChangeSpec> {
    prop_oneof![
        1 => Just(ChangeSpec::Cancel),
        1 => Just(ChangeSpec::DeadLetter),
        3 => overtaken().prop_map(ChangeSpec::Replay),
        1 => (0..3_u8, select(vec![0, 0, 0, -1, 1])).prop_map(|(host, off)| ChangeSpec::Edit(host, off)),
        1 => Just(ChangeSpec::Protect),
        1 => Just(ChangeSpec::Unprotect),
    ]
}

fn filter() -> impl Strategy<Value = FilterSpec> {
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
        FilterSpec { queue, state, reason, host, status, outcome, tracking, key, job, since, before }
    })
}

fn turn() -> impl Strategy<Value = Operation> {
    let settle = vec((recent(), ending(), holding()), 0..3);
    let claim = prop_oneof![1 => Just(0_usize), 5 => 1..5_usize];
    let lease = prop_oneof![4 => Just(seconds(60)), 1 => time()];
    (queue(), 0..2_u8, settle, claim, 1..5_usize, lease).prop_map(
        |(queue, worker, settle, claim, cap, lease)| Operation::Turn {
            queue,
            worker,
            settle,
            claim,
            cap,
            lease,
        },
    )
}

pub(super) fn step() -> impl Strategy<Value = Step> {
    let pass = prop_oneof![4 => time(), 1 => Just(MOMENT)];
    let age = prop_oneof![Just(seconds(0)), time()];
    let operation = prop_oneof![
        6 => pass.prop_map(Operation::Pass),
        10 => vec(new(), 1..5).prop_map(Operation::Enqueue),
        24 => turn(),
        2 => (vec(recent(), 1..3), time()).prop_map(|(leases, time)| Operation::Heartbeat(leases, time)),
        1 => queue().prop_map(Operation::Pause),
        4 => (queue(), 0..3_u8, select(Overtaken::ALL.to_vec()))
            .prop_map(|(queue, key, overtaken)| Operation::Overtake(queue, key, overtaken)),
        3 => queue().prop_map(Operation::Resume),
        6 => (any::<Pick>(), changing()).prop_map(|(entry, change)| Operation::Change(entry, change)),
        // Rates whose intervals are whole microseconds in any arithmetic.
        3 => (filter(), select(vec![0.5, 1.0, 2.0, 4.0]), overtaken())
            .prop_map(|(filter, rate, overtaken)| Operation::Replay(filter, rate, overtaken)),
        2 => any::<Pick>().prop_map(Operation::CancelReplay),
        3 => (filter(), 1..4_usize).prop_map(|(filter, limit)| Operation::List(filter, limit)),
        1 => filter().prop_map(Operation::Purge),
        1 => Just(Operation::PurgeAll),
        2 => (age, 0..3_usize).prop_map(|(age, limit)| Operation::Prune(age, limit)),
        1 => Just(Operation::Reopen),
    ];
    (any::<bool>(), operation).prop_map(|(second, operation)| Step { second, operation })
}
