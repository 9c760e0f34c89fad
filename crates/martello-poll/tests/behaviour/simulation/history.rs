use proptest::prelude::*;

/// How late an item may appear, and how far behind the watermark a pass begins.
pub(crate) const OVERLAP: u64 = 20_000;

/// When the last item has its stamp.
pub(crate) const LAST: u64 = 90_000;

/// A planning: in milliseconds of the simulation.
#[derive(Clone, Debug)]
pub(crate) struct Record {
    pub(crate) key: u8,
    /// Its stamp, which is when its transaction began.
    pub(crate) at: u64,
    /// How long after its stamp it appears.
    pub(crate) late: u64,
    /// Where it stands in the order of the list.
    pub(crate) created: u8,
}

impl Record {
    pub(crate) fn appears(&self) -> u64 {
        self.at + self.late
    }
}

/// What becomes of a request.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Fault {
    None,
    /// The answer takes so long, and lists what was there at the start.
    Slow(u64),
    Status(u16),
    RetryAfter(u16),
    Unsent,
    BodyBreaks,
    BodyCut,
    NotJson,
    /// The cursor names the page that it stands on.
    Circle,
    /// The page is empty, and names another.
    Empty,
}

/// How a poller runs, and ends.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Run {
    /// Dropped where it waits for the so-manieth time.
    Crash(u32),
    /// Stopped after so many events.
    Stop(u32),
}

#[derive(Clone, Debug)]
pub(crate) struct History {
    pub(crate) records: Vec<Record>,
    pub(crate) faults: Vec<Fault>,
    pub(crate) page_sizes: Vec<usize>,
    pub(crate) inclusive: bool,
    pub(crate) date: bool,
    pub(crate) etag: bool,
    /// How far the server's clock is ahead of ours, in seconds.
    pub(crate) ahead: i64,
    pub(crate) runs: Vec<Run>,
    /// Those of a second poller on the same checkpoint, if there is one.
    pub(crate) rival: Option<Vec<Run>>,
    pub(crate) remember: usize,
    /// How long the user works on an item.
    pub(crate) work: u64,
    /// Whether the user cannot process plannings of an odd key.
    pub(crate) rejects: bool,
    pub(crate) seed: u64,
}

fn record() -> impl Strategy<Value = Record> {
    let at = prop_oneof![0..=LAST, (0..=LAST / 1_000).prop_map(|second| second * 1_000), Just(30_000_u64)];
    let late = prop_oneof![3 => Just(0_u64), 3 => 0..=OVERLAP, 1 => Just(OVERLAP)];
    (0..20_u8, at, late, any::<u8>()).prop_map(|(key, at, late, created)| Record { key, at, late, created })
}

fn fault() -> impl Strategy<Value = Fault> {
    prop_oneof![
        6 => Just(Fault::None),
        2 => (1..15_000_u64).prop_map(Fault::Slow),
        2 => prop_oneof![Just(500), Just(503), Just(410), Just(404), Just(400), Just(302)].prop_map(Fault::Status),
        1 => (0..20_u16).prop_map(Fault::RetryAfter),
        1 => Just(Fault::Unsent),
        1 => Just(Fault::BodyBreaks),
        1 => Just(Fault::BodyCut),
        1 => Just(Fault::NotJson),
        1 => Just(Fault::Circle),
        2 => Just(Fault::Empty),
    ]
}

fn runs(most: usize) -> impl Strategy<Value = Vec<Run>> {
    let run = prop_oneof![3 => (0..120_u32).prop_map(Run::Crash), 1 => (0..12_u32).prop_map(Run::Stop)];
    proptest::collection::vec(run, 0..=most)
}

pub(crate) fn history() -> impl Strategy<Value = History> {
    let server = (
        proptest::collection::vec(record(), 0..40),
        proptest::collection::vec(fault(), 0..60),
        proptest::collection::vec(1..6_usize, 1..5),
        any::<[bool; 3]>(),
        -1_800..1_800_i64,
    );
    let rival = prop_oneof![2 => Just(None), 1 => runs(3).prop_map(Some)];
    let remember = prop_oneof![4 => Just(1_000_usize), 1 => 0..8_usize];
    // The longest takes a batch beyond a lease.
    let work = prop_oneof![6 => 0..200_u64, 1 => Just(4_000_u64)];
    let runs = prop_oneof![1 => Just(Vec::new()), 3 => runs(6)];
    let poller = (runs, rival, remember, work, any::<(bool, u64)>());
    (server, poller).prop_map(|(server, poller)| {
        let (mut records, faults, page_sizes, [inclusive, date, etag], ahead) = server;
        records.sort_by_key(|record| (record.key, record.at));
        records.dedup_by_key(|record| (record.key, record.at));
        let (runs, rival, remember, work, (rejects, seed)) = poller;
        History {
            records,
            faults,
            page_sizes,
            inclusive,
            date,
            etag,
            ahead,
            runs,
            rival,
            remember,
            work,
            rejects,
            seed,
        }
    })
}
