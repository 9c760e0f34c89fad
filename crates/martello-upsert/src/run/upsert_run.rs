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

/// What ends a run before the end of its input.
pub(crate) type Stop = Pin<Box<dyn Future<Output = ()> + Send>>;

/// How a task ends: with what became of the entity, and of writing that down.
type Finished = (Record, io::Result<()>);

/// What is known of a task however it ends.
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
    /// Each in a task of its own, so that it goes on whoever waits for whom.
    tasks: JoinSet<Finished>,
    in_flight: HashMap<Id, InFlight>,
    report: Report,
    progress: Progress,
    watched: watch::Sender<Progress>,
    out: Option<mpsc::Sender<Record>>,
    journal: JournalHandle,
    /// Whether more rows are to be taken.
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
        stop: Stop,
    ) -> Result<Report, UpsertError> {
        let began = Instant::now();
        while let Some(done) = self.journal.recall().await {
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
        while self.more || !self.tasks.is_empty() {
            tokio::select! {
                biased;
                () = &mut stop, if !asked => {
                    asked = true;
                    if self.more || self.keys.waiting() > 0 {
                        self.stop().await;
                    }
                }
                Some(finished) = self.tasks.join_next_with_id() => self.finished(finished).await,
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
        self.tasks.len() < self.settings.concurrency
            && self.keys.waiting() <= self.settings.look_ahead
            && self.keys.waiting_bytes() <= self.settings.look_ahead_bytes
    }

    async fn take(&mut self, row: T) {
        // Rows of which no request can be made, one after the other, must let others run.
        tokio::task::coop::consume_budget().await;
        let place = self.progress.taken;
        self.progress.taken += 1;
        let before = self.journal.before(place);
        if before == EarlierOutcome::Done {
            return;
        }
        let (key, state, mut request) = match self.build.request(&row, self.settings.latest_wins) {
            Ok(made) => made,
            Err((key, error)) => {
                let mut record = Record::new(place, key, UpsertOutcome::Rejected);
                record.reason = Some(error_text(&*error));
                return self.settle(record).await;
            }
        };
        if let Some(sent_before) = self.journal.sent_before(before) {
            request.extensions_mut().insert(sent_before);
        }
        let row = PreparedRow { row: place, key, state, request };
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
            // Before its place is given to another: so no more is unwritten than may be in flight.
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
                record.reason = Some("the stack has panicked".into());
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
        for row in self.keys.give_up() {
            self.unsent(row, UpsertOutcome::NotAttempted).await;
        }
    }

    async fn blocked(&mut self, row: PreparedRow) {
        let mut record = Record::new(row.row, row.key, UpsertOutcome::NotAttempted);
        record.reason = Some("an older row of its key has failed, and has to be sent first".into());
        self.settle(record).await;
    }

    async fn unsent(&mut self, row: PreparedRow, outcome: UpsertOutcome) {
        self.settle(Record::new(row.row, row.key, outcome)).await;
    }

    /// What became of an entity without a task.
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
        self.show();
        if let Some(out) = &self.out {
            // Fails when nobody reads them any more: then this run is about to be dropped.
            let _ = out.send(record).await;
        }
    }

    fn show(&mut self) {
        self.progress.in_flight = self.tasks.len();
        self.progress.waiting = self.keys.waiting();
        self.watched.send_replace(self.progress);
    }
}
