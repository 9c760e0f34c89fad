//! Reads rows, sends their requests, and records the outcome of each.

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
    BuildRequest, PreparedRow,
    journal_handle::JournalHandle,
    keys::{Arrival, Keys},
};
use crate::{
    Progress, Record, Report, UpsertError, UpsertOutcome,
    journal::EarlierOutcome,
    send::{Sender, error_text},
    settings::Settings,
    state::State,
};

/// Stops a run before the end of its input.
pub(crate) type StopFuture = Pin<Box<dyn Future<Output = ()> + Send>>;

/// The result of a task: the record, and whether it was written into the journal.
type Finished = (Record, io::Result<()>);

/// What is known of an entity in flight, also if its task panics.
struct InFlight {
    row: u64,
    key: Option<OrderKey>,
    state: Option<State>,
}

pub(crate) struct UpsertRun<T> {
    settings: Settings,
    build: BuildRequest<T>,
    sender: Sender,
    keys: Keys,
    /// One task per request, so that requests go on while the run waits.
    tasks: JoinSet<Finished>,
    in_flight: HashMap<Id, InFlight>,
    report: Report,
    progress: Progress,
    watched: watch::Sender<Progress>,
    out: Option<mpsc::Sender<Record>>,
    journal: JournalHandle,
    /// Whether to read more rows.
    more: bool,
    failure: Option<UpsertError>,
}

impl<T> UpsertRun<T> {
    pub(crate) fn new(
        settings: Settings,
        build: BuildRequest<T>,
        sender: Sender,
        watched: watch::Sender<Progress>,
        out: Option<mpsc::Sender<Record>>,
        journal: JournalHandle,
    ) -> Self {
        Self {
            settings,
            build,
            sender,
            keys: Keys::new(settings.latest_wins),
            tasks: JoinSet::new(),
            in_flight: HashMap::with_capacity(settings.concurrency),
            report: Report::new(),
            progress: Progress::default(),
            watched,
            out,
            journal,
            more: true,
            failure: None,
        }
    }

    pub(crate) async fn run(
        mut self,
        rows: impl Stream<Item = T>,
        stop: StopFuture,
    ) -> Result<Report, UpsertError> {
        let started = Instant::now();
        while let Some(done) = self.journal.next_done().await {
            match done {
                Ok(record) => self.done(record).await,
                Err(error) => self.fail(error).await,
            }
        }
        self.send_all(rows, stop).await;
        if let Err(error) = self.journal.finish().await {
            self.fail(self.journal.failed(error)).await;
        }
        self.progress.ended = true;
        self.update_progress();
        let report = self.report.end(started.elapsed(), self.progress.stopping);
        match self.failure {
            None => Ok(report),
            Some(error) => Err(error.with_report(report)),
        }
    }

    async fn send_all(&mut self, rows: impl Stream<Item = T>, mut stop: StopFuture) {
        let mut rows = pin!(rows);
        let mut stop_requested = false;
        while self.more || !self.tasks.is_empty() {
            tokio::select! {
                biased;
                () = &mut stop, if !stop_requested => {
                    stop_requested = true;
                    if self.more || self.keys.waiting() > 0 {
                        self.stop().await;
                    }
                }
                Some(finished) = self.tasks.join_next_with_id() => self.finished(finished).await,
                row = poll_fn(|cx| rows.as_mut().poll_next(cx)), if self.more && self.has_capacity() => match row {
                    Some(row) => self.take(row).await,
                    None => self.more = false,
                },
            }
            self.update_progress();
        }
    }

    /// Whether another row may be sent or may wait.
    fn has_capacity(&self) -> bool {
        self.tasks.len() < self.settings.concurrency
            && self.keys.waiting() <= self.settings.look_ahead
            && self.keys.waiting_bytes() <= self.settings.look_ahead_bytes
    }

    async fn take(&mut self, row: T) {
        // Yields to other tasks while many rows in a row need no request.
        tokio::task::coop::consume_budget().await;
        let index = self.progress.taken;
        self.progress.taken += 1;
        let before = self.journal.before(index);
        if before == EarlierOutcome::Done {
            return;
        }
        let (key, state, mut request) = match self.build.request(&row, self.settings.latest_wins) {
            Ok(made) => made,
            Err((key, error)) => {
                let mut record = Record::new(index, key, UpsertOutcome::Rejected);
                record.reason = Some(error_text(&*error));
                return self.settle(record).await;
            }
        };
        if let Some(sent_before) = self.journal.sent_before(before) {
            request.extensions_mut().insert(sent_before);
        }
        let row = PreparedRow { row: index, key, state, request };
        if before == EarlierOutcome::Superseded {
            return self.unsent(row, UpsertOutcome::Superseded).await;
        }
        match self.keys.arrive(row) {
            Arrival::Ready(row) => self.begin(row),
            Arrival::Queued => {}
            Arrival::Blocked(row) => self.blocked(row).await,
            Arrival::Supersedes(older) => self.unsent(older, UpsertOutcome::Superseded).await,
        }
    }

    fn begin(&mut self, row: PreparedRow) {
        let PreparedRow { row, key, state, request } = row;
        let record = Record::new(row, key.clone(), UpsertOutcome::Ambiguous);
        let (sender, writer) = (self.sender.clone(), self.journal.writer());
        let task = self.tasks.spawn(async move {
            let record = sender.send(request, record).await;
            // Before the task ends and the next one starts, so that at most `concurrency` records are
            // unwritten.
            let written = match writer {
                Some(writer) => writer.append(&record, state).await,
                None => Ok(()),
            };
            (record, written)
        });
        self.in_flight.insert(task.id(), InFlight { row, key, state });
    }

    async fn finished(&mut self, finished: Result<(Id, Finished), JoinError>) {
        let id = finished.as_ref().map_or_else(JoinError::id, |(id, _)| *id);
        let Some(InFlight { row, key, state }) = self.in_flight.remove(&id) else { return };
        let (record, written) = match finished {
            Ok((_, finished)) => finished,
            Err(_) => {
                let mut record = Record::new(row, key.clone(), UpsertOutcome::Ambiguous);
                record.reason = Some("the stack panicked".into());
                let written = self.journal.write(&record, state).await;
                (record, written)
            }
        };
        let (blocked, next) =
            key.as_ref().map_or_else(Default::default, |key| self.keys.leave(key, state, record.outcome));
        if let Some(next) = next {
            self.begin(next);
        }
        self.done(record).await;
        if let Err(error) = written {
            self.fail(self.journal.failed(error)).await;
        }
        for row in blocked {
            self.blocked(row).await;
        }
    }

    /// Stops the run because of an error.
    async fn fail(&mut self, error: UpsertError) {
        if self.failure.is_none() {
            self.failure = Some(error);
            self.stop().await;
        }
    }

    /// Reads and sends nothing more.
    async fn stop(&mut self) {
        self.more = false;
        self.progress.stopping = true;
        for row in self.keys.give_up() {
            self.unsent(row, UpsertOutcome::NotAttempted).await;
        }
    }

    async fn blocked(&mut self, row: PreparedRow) {
        let mut record = Record::new(row.row, row.key, UpsertOutcome::NotAttempted);
        record.reason = Some("an older row of its key failed and must be sent first".into());
        self.settle(record).await;
    }

    async fn unsent(&mut self, row: PreparedRow, outcome: UpsertOutcome) {
        self.settle(Record::new(row.row, row.key, outcome)).await;
    }

    /// Records an entity that was not sent.
    async fn settle(&mut self, record: Record) {
        let written = self.journal.write(&record, None).await;
        self.done(record).await;
        if let Err(error) = written {
            Box::pin(self.fail(self.journal.failed(error))).await;
        }
    }

    async fn done(&mut self, record: Record) {
        self.report.add(&record);
        self.progress.counts.add(record.outcome);
        self.update_progress();
        if let Some(out) = &self.out {
            // Fails if the `Records` were dropped, which also aborts this run.
            let _ = out.send(record).await;
        }
    }

    fn update_progress(&mut self) {
        self.progress.in_flight = self.tasks.len();
        self.progress.waiting = self.keys.waiting();
        self.watched.send_replace(self.progress);
    }
}
