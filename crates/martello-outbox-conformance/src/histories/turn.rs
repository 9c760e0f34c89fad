use std::time::Duration;

use super::{
    super::{check::same, violation::ScenarioResult},
    operation::{EndSpec, Operation, Pick},
    runner::{GivenLease, Runner, alike},
    values::{hold, nth, queue},
};
use martello_outbox::{
    AttemptRecord, Outcome, Store,
    store::{Claimed, End, Settled, Settlement, Turn},
};

impl Runner<'_> {
    pub(super) async fn turn(&mut self, operation: &Operation, engine: &dyn Store) -> ScenarioResult {
        let Operation::Turn { queue: of, worker, settle, claim, cap, lease } = operation else {
            return Ok(());
        };
        let mut settled = Vec::new();
        let (mut engines, mut models) = (Vec::new(), Vec::new());
        for (pick, ending, holding) in settle {
            let Some((at, had)) = self.lease(*pick) else { continue };
            let (end, attempt) = self.end(*ending, had);
            let hold = hold(*holding, had.holds);
            let settlement = Settlement { lease: had.engine.clone(), end, attempt, hold };
            models.push(Settlement { lease: had.model.clone(), ..settlement.clone() });
            engines.push(settlement);
            settled.push(at);
        }
        let turn = |settle| Turn {
            queue: queue(*of),
            worker: super::super::fixture::worker(nth(&["one", "two"], *worker)),
            settle,
            claim: *claim,
            cap: *cap,
            lease_duration: *lease,
        };
        let (found, expected) = (engine.turn(turn(engines)).await?, self.model.turn(turn(models)).await?);
        same("the number of answers to settlements", found.settled.len(), settled.len())?;
        for (at, (found, expected)) in
            settled.into_iter().zip(found.settled.into_iter().zip(expected.settled))
        {
            self.answered(at, found, expected)?;
        }
        let died: Vec<_> = found.dead_letters.into_iter().map(|entry| self.jobs.entry(entry)).collect();
        same("turn: those that died", by_id(died), by_id(expected.dead_letters))?;
        same("turn: how many leases were lost", found.reclaimed_leases, expected.reclaimed_leases)?;
        self.claimed(found.claimed, expected.claimed)?;
        same("turn: when the next is", found.next, expected.next)
    }

    fn end(&self, ending: EndSpec, had: &GivenLease) -> (End, Option<AttemptRecord>) {
        let (end, outcome, status) = match ending {
            EndSpec::Done => (End::Done, Outcome::Success, 200),
            EndSpec::Again(wait, counts) => (End::Again { wait, counts }, Outcome::Unavailable, 503),
            EndSpec::Dead(reason) => (End::Dead(reason), Outcome::Rejected, 422),
            EndSpec::GiveBack => return (End::GiveBack, None),
        };
        (end, Some(self.attempt(had.number, had.revision, outcome, status)))
    }

    fn answered(&mut self, at: usize, found: Settled, expected: Settled) -> ScenarioResult {
        let Some(had) = self.leases.get_mut(at) else { return Ok(()) };
        // One that was applied, but was not the last to be: an engine that remembers more may say so.
        if !(had.applied && expected == Settled::Fenced) {
            same("turn: the answer to a settlement", found, expected)?;
        }
        had.applied |= expected == Settled::Applied;
        Ok(())
    }

    fn claimed(&mut self, found: Vec<Claimed>, expected: Vec<Claimed>) -> ScenarioResult {
        let ids = |claimed: &[Claimed]| claimed.iter().map(|claimed| claimed.entry.id).collect::<Vec<_>>();
        same("turn: what was claimed", ids(&found), ids(&expected))?;
        for (engine, model) in found.into_iter().zip(expected) {
            same("turn: a claimed entry", &self.jobs.entry(engine.entry), &model.entry)?;
            same("turn: a claimed request", engine.request, model.request)?;
            same(
                "turn: whether it is to show that the API is back",
                engine.holds_in_row,
                model.holds_in_row,
            )?;
            same("turn: the end of a lease", engine.until, model.until)?;
            same("turn: the entry of a lease", engine.lease.id, model.lease.id)?;
            same("turn: the worker of a lease", &engine.lease.worker, &model.lease.worker)?;
            let used = self
                .leases
                .iter()
                .any(|had| had.engine.id == engine.lease.id && had.engine.fence == engine.lease.fence);
            same("turn: whether a fence was used before", used, false)?;
            self.leases.push(GivenLease {
                engine: engine.lease,
                model: model.lease,
                number: model.entry.attempts,
                revision: model.entry.revision,
                holds: model.holds_in_row,
                applied: false,
            });
        }
        Ok(())
    }

    pub(super) async fn heartbeat(
        &self,
        picks: &[Pick],
        time: Duration,
        engine: &dyn Store,
    ) -> ScenarioResult {
        let picked = picks.iter().filter_map(|pick| self.lease(*pick));
        let (engines, models) = picked.map(|(_, had)| (had.engine.clone(), had.model.clone())).unzip();
        alike("heartbeat", engine.heartbeat(engines, time).await, self.model.heartbeat(models, time).await)
    }
}

fn by_id(mut entries: Vec<martello_outbox::Entry>) -> Vec<martello_outbox::Entry> {
    entries.sort_by_key(|entry| entry.id);
    entries
}
