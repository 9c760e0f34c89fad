//! Takes rows, sends what may go, and says what became of each.

use std::{
    collections::HashMap,
    future::poll_fn,
    io,
    pin::{Pin, pin},
};

use futures_core::Stream;
use martello_outbox::OrderKey;
use tokio::{
    sync::{mpsc, watch},
    task::{Id, JoinError, JoinSet},
    time::Instant,
};

use super::{
    Job, Make,
    keys::{Arrival, Keys},
    ledger::Ledger,
};
use crate::{
    Progress, Record, Report, UpsertError, UpsertOutcome,
    journal::Before,
    send::{Sender, line},
    settings::Settings,
    state::State,
};

/// What ends a run before the end of its input.
pub(crate) type Stop = Pin<Box<dyn Future<Output = ()> + Send>>;

/// How a flight ends: with what became of the entity, and of writing that down.
type Landed = (Record, io::Result<()>);

/// What is known of a flight however it ends.
struct Flying {
    row: u64,
    key: Option<OrderKey>,
    state: Option<State>,
}

pub(crate) struct Driver<T> {
    settings: Settings,
    make: Make<T>,
    sender: Sender,
    keys: Keys,
    /// Each in a task of its own, so that it goes on whoever waits for whom.
    flights: JoinSet<Landed>,
    flying: HashMap<Id, Flying>,
    report: Report,
    progress: Progress,
    watched: watch::Sender<Progress>,
    out: Option<mpsc::Sender<Record>>,
    ledger: Ledger,
    /// Whether more rows are to be taken.
    more: bool,
    failure: Option<UpsertError>,
}

impl<T> Driver<T> {
    pub(crate) fn new(
        settings: Settings,
        make: Make<T>,
        sender: Sender,
        watched: watch::Sender<Progress>,
        out: Option<mpsc::Sender<Record>>,
        ledger: Ledger,
    ) -> Self {
        Self {
            settings,
            make,
            sender,
            keys: Keys::new(settings.latest_wins),
            flights: JoinSet::new(),
            flying: HashMap::with_capacity(settings.concurrency),
            report: Report::new(),
            progress: Progress::default(),
            watched,
            out,
            ledger,
            more: true,
            failure: None,
        }
    }

    pub(crate) async fn run(
        mut self,
        rows: impl Stream<Item = T>,
        stop: Stop,
    ) -> Result<Report, UpsertError> {
        let began = Instant::now();
        while let Some(done) = self.ledger.recall().await {
            match done {
                Ok(record) => self.done(record).await,
                Err(error) => self.fail(error).await,
            }
        }
        self.send_all(rows, stop).await;
        if let Err(error) = self.ledger.finish().await {
            self.fail(self.ledger.failed(error)).await;
        }
        self.progress.ended = true;
        self.show();
        let report = self.report.end(began.elapsed(), self.progress.stopping);
        match self.failure {
            None => Ok(report),
            Some(error) => Err(error.with_report(report)),
        }
    }

    async fn send_all(&mut self, rows: impl Stream<Item = T>, mut stop: Stop) {
        let mut rows = pin!(rows);
        let mut asked = false;
        while self.more || !self.flights.is_empty() {
            tokio::select! {
                biased;
                () = &mut stop, if !asked => {
                    asked = true;
                    if self.more || self.keys.waiting() > 0 {
                        self.stop().await;
                    }
                }
                Some(landed) = self.flights.join_next_with_id() => self.landed(landed).await,
                row = poll_fn(|cx| rows.as_mut().poll_next(cx)), if self.more && self.has_room() => match row {
                    Some(row) => self.take(row).await,
                    None => self.more = false,
                },
            }
            self.show();
        }
    }

    /// Whether another row would go, or may wait.
    fn has_room(&self) -> bool {
        self.flights.len() < self.settings.concurrency
            && self.keys.waiting() <= self.settings.look_ahead
            && self.keys.waiting_bytes() <= self.settings.look_ahead_bytes
    }

    async fn take(&mut self, row: T) {
        // Rows of which no request can be made, one after the other, must let others run.
        tokio::task::coop::consume_budget().await;
        let place = self.progress.taken;
        self.progress.taken += 1;
        let before = self.ledger.before(place);
        if before == Before::Done {
            return;
        }
        let (key, state, mut request) = match self.make.request(&row, self.settings.latest_wins) {
            Ok(made) => made,
            Err((key, error)) => {
                let mut record = Record::new(place, key, UpsertOutcome::Rejected);
                record.reason = line(&*error);
                return self.settle(record).await;
            }
        };
        if let Some(sent_before) = self.ledger.sent_before(before) {
            request.extensions_mut().insert(sent_before);
        }
        let job = Job { row: place, key, state, request };
        if before == Before::Overtaken {
            return self.unsent(job, UpsertOutcome::Superseded).await;
        }
        match self.keys.arrive(job) {
            Arrival::Goes(job) => self.begin(job),
            Arrival::Waits => {}
            Arrival::HeldBack(job) => self.held_back(job).await,
            Arrival::Supersedes(older) => self.unsent(older, UpsertOutcome::Superseded).await,
        }
    }

    fn begin(&mut self, job: Job) {
        let Job { row, key, state, request } = job;
        let record = Record::new(row, key.clone(), UpsertOutcome::Ambiguous);
        let (sender, writer) = (self.sender.clone(), self.ledger.writer());
        let flight = self.flights.spawn(async move {
            let record = sender.send(request, record).await;
            // Before its place is given to another: so no more is unwritten than may be in flight.
            let written = match writer {
                Some(writer) => writer.append(&record, state).await,
                None => Ok(()),
            };
            (record, written)
        });
        self.flying.insert(flight.id(), Flying { row, key, state });
    }

    async fn landed(&mut self, landed: Result<(Id, Landed), JoinError>) {
        let id = landed.as_ref().map_or_else(JoinError::id, |(id, _)| *id);
        let Some(Flying { row, key, state }) = self.flying.remove(&id) else { return };
        let (record, written) = match landed {
            Ok((_, landed)) => landed,
            Err(_) => {
                let mut record = Record::new(row, key.clone(), UpsertOutcome::Ambiguous);
                record.reason = Some("the stack has panicked".into());
                let written = self.ledger.write(&record, state).await;
                (record, written)
            }
        };
        let (held_back, next) =
            key.as_ref().map_or_else(Default::default, |key| self.keys.leave(key, state, record.outcome));
        if let Some(next) = next {
            self.begin(next);
        }
        self.done(record).await;
        if let Err(error) = written {
            self.fail(self.ledger.failed(error)).await;
        }
        for job in held_back {
            self.held_back(job).await;
        }
    }

    /// Ends the run for want of something that it cannot do without.
    async fn fail(&mut self, error: UpsertError) {
        if self.failure.is_none() {
            self.failure = Some(error);
            self.stop().await;
        }
    }

    /// Begins nothing more.
    async fn stop(&mut self) {
        self.more = false;
        self.progress.stopping = true;
        for job in self.keys.give_up() {
            self.unsent(job, UpsertOutcome::NotAttempted).await;
        }
    }

    async fn held_back(&mut self, job: Job) {
        let mut record = Record::new(job.row, job.key, UpsertOutcome::NotAttempted);
        record.reason = Some("an older row of its key has failed, and has to be sent first".into());
        self.settle(record).await;
    }

    async fn unsent(&mut self, job: Job, outcome: UpsertOutcome) {
        self.settle(Record::new(job.row, job.key, outcome)).await;
    }

    /// What became of an entity without a flight.
    async fn settle(&mut self, record: Record) {
        let written = self.ledger.write(&record, None).await;
        self.done(record).await;
        if let Err(error) = written {
            Box::pin(self.fail(self.ledger.failed(error))).await;
        }
    }

    async fn done(&mut self, record: Record) {
        self.report.add(&record);
        self.progress.counts.add(record.outcome);
        self.show();
        if let Some(out) = &self.out {
            // Fails when nobody reads them any more: then this run is about to be dropped.
            let _ = out.send(record).await;
        }
    }

    fn show(&mut self) {
        self.progress.in_flight = self.flights.len();
        self.progress.waiting = self.keys.waiting();
        self.watched.send_replace(self.progress);
    }
}
