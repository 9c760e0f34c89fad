//! Takes rows, sends what may go, and says what became of each.

use std::{
    collections::HashMap,
    future::poll_fn,
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
};
use crate::{
    Progress, Record, Report, UpsertOutcome,
    send::{Sender, line},
    settings::Settings,
};

/// What ends a run before the end of its input.
pub(crate) type Stop = Pin<Box<dyn Future<Output = ()> + Send>>;

pub(crate) struct Driver<T> {
    settings: Settings,
    make: Make<T>,
    sender: Sender,
    keys: Keys,
    /// Each in a task of its own, so that it goes on whoever waits for whom.
    flights: JoinSet<Record>,
    flying: HashMap<Id, (u64, Option<OrderKey>)>,
    report: Report,
    progress: Progress,
    watched: watch::Sender<Progress>,
    out: Option<mpsc::Sender<Record>>,
}

impl<T> Driver<T> {
    pub(crate) fn new(
        settings: Settings,
        make: Make<T>,
        sender: Sender,
        watched: watch::Sender<Progress>,
        out: Option<mpsc::Sender<Record>>,
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
        }
    }

    pub(crate) async fn run(mut self, rows: impl Stream<Item = T>, mut stop: Stop) -> Report {
        let began = Instant::now();
        let mut rows = pin!(rows);
        let (mut more, mut asked) = (true, false);
        while more || !self.flights.is_empty() {
            tokio::select! {
                biased;
                () = &mut stop, if !asked => {
                    asked = true;
                    if std::mem::take(&mut more) || self.keys.waiting() > 0 {
                        self.stop().await;
                    }
                }
                Some(landed) = self.flights.join_next_with_id() => self.landed(landed).await,
                row = poll_fn(|cx| rows.as_mut().poll_next(cx)), if more && self.has_room() => match row {
                    Some(row) => self.take(&row).await,
                    None => more = false,
                },
            }
            self.show();
        }
        self.progress.ended = true;
        self.show();
        self.report.end(began.elapsed(), self.progress.stopping)
    }

    /// Whether another row would go, or may wait.
    fn has_room(&self) -> bool {
        self.flights.len() < self.settings.concurrency && self.keys.waiting() <= self.settings.look_ahead
    }

    async fn take(&mut self, row: &T) {
        // Rows of which no request can be made, one after the other, must let others run.
        tokio::task::coop::consume_budget().await;
        let place = self.progress.taken;
        self.progress.taken += 1;
        let (key, request) = match self.make.request(row, self.settings.latest_wins) {
            Ok(made) => made,
            Err((key, error)) => {
                let mut record = Record::new(place, key, UpsertOutcome::Rejected);
                record.reason = line(&*error);
                return self.done(record).await;
            }
        };
        match self.keys.arrive(Job { row: place, key, request }) {
            Arrival::Goes(job) => self.begin(job),
            Arrival::Waits => {}
            Arrival::Supersedes(older) => self.unsent(older, UpsertOutcome::Superseded).await,
        }
    }

    fn begin(&mut self, job: Job) {
        let Job { row, key, request } = job;
        let record = Record::new(row, key.clone(), UpsertOutcome::Ambiguous);
        let flight = self.flights.spawn(self.sender.clone().send(request, record));
        self.flying.insert(flight.id(), (row, key));
    }

    async fn landed(&mut self, landed: Result<(Id, Record), JoinError>) {
        let id = landed.as_ref().map_or_else(JoinError::id, |(id, _)| *id);
        let Some((row, key)) = self.flying.remove(&id) else { return };
        if let Some(next) = key.as_ref().and_then(|key| self.keys.leave(key)) {
            self.begin(next);
        }
        let record = landed.map_or_else(
            |_| {
                let mut record = Record::new(row, key, UpsertOutcome::Ambiguous);
                record.reason = Some("the stack has panicked".into());
                record
            },
            |(_, record)| record,
        );
        self.done(record).await;
    }

    /// Begins nothing more.
    async fn stop(&mut self) {
        self.progress.stopping = true;
        for job in self.keys.give_up() {
            self.unsent(job, UpsertOutcome::NotAttempted).await;
        }
    }

    async fn unsent(&mut self, job: Job, outcome: UpsertOutcome) {
        self.done(Record::new(job.row, job.key, outcome)).await;
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
