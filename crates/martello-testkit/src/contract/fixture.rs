//! The scenarios. Each runs on its own fixture: a layered service, and the in-memory service inside it, if
//! there is one.

use std::{error::Error, future::poll_fn, task::Poll};

use http::{Request, Response};
use http_body::Body;
use tower_service::Service;

use super::{
    Memory, MemoryBody,
    exchange::{call, read, ready, whole},
    expected_body::ExpectedBody,
    polling::{self, PolledFuture, Wakers},
    violation::{Fault, Scenario},
};

type BoxError = Box<dyn Error + Send + Sync>;

/// How many clones or calls are abandoned before other calls must complete: more than a usual limit has
/// permits.
const ABANDONED: usize = 8;
const CROWD: usize = 32;
/// The most polls after which a call is dropped.
const MAX_POLLS: usize = 100;

pub(super) struct Fixture<'a, T, M> {
    pub(super) service: T,
    pub(super) memory: Option<&'a Memory>,
    pub(super) make_request: &'a M,
}

impl<T, M, B, R> Fixture<'_, T, M>
where
    T: Service<Request<B>, Response = Response<R>, Error: Into<BoxError>> + Clone,
    M: Fn() -> Request<B>,
    R: Body<Error: Into<BoxError>>,
{
    pub(super) async fn run(&self, scenario: Scenario) -> Result<(), Fault> {
        match scenario {
            Scenario::ReadyThenCall => self.complete(self.whole(), Wakers::Same).await?,
            Scenario::PendingReadiness => self.complete(self.whole(), Wakers::Changing).await?,
            Scenario::ChangingWakers => {
                self.complete(self.whole(), Wakers::Changing).await?;
                // A call waits in the layer's own queue only among many calls.
                self.crowd(0, Wakers::Changing).await?;
            }
            Scenario::AbandonedHandles => self.abandoned_handles().await?,
            Scenario::CallOnClone => self.call_on_clone().await?,
            Scenario::RefusedReadiness => self.refused_readiness().await?,
            Scenario::ManyCalls => self.crowd(0, Wakers::Same).await?,
            Scenario::DroppedCrowd => {
                for wakers in [Wakers::Same, Wakers::Changing] {
                    self.crowd(CROWD / 2, wakers).await?;
                }
            }
            Scenario::UnreadBodies => self.unread_bodies().await?,
            Scenario::DroppedCalls => self.dropped_calls().await?,
        }
        self.nothing_stranded().await
    }

    fn whole(&self) -> impl Future<Output = Result<(), Fault>> + use<T, M, B, R> {
        whole(self.service.clone(), (self.make_request)(), self.expected_body())
    }

    fn expected_body(&self) -> Option<ExpectedBody> {
        self.memory.map(|_| MemoryBody::expected())
    }

    async fn complete<V>(
        &self,
        future: impl Future<Output = Result<V, Fault>>,
        wakers: Wakers,
    ) -> Result<V, Fault> {
        polling::complete(future, wakers, self.memory).await?
    }

    async fn abandoned_handles(&self) -> Result<(), Fault> {
        let mut handles = vec![self.service.clone(); ABANDONED];
        for handle in &mut handles {
            let once = poll_fn(|cx| Poll::Ready(handle.poll_ready(cx).is_ready()));
            polling::drop_after(once, 1, self.memory).await?;
        }
        self.complete(self.whole(), Wakers::Same).await?;
        drop(handles);
        self.complete(self.whole(), Wakers::Same).await
    }

    async fn call_on_clone(&self) -> Result<(), Fault> {
        let mut original = self.service.clone();
        self.complete(ready(&mut original), Wakers::Same).await?;
        let clone = whole(original.clone(), (self.make_request)(), self.expected_body());
        self.complete(clone, Wakers::Same).await?;
        let body = self.complete(call(&mut original, (self.make_request)()), Wakers::Same).await?;
        self.complete(read(body, self.expected_body()), Wakers::Same).await
    }

    async fn refused_readiness(&self) -> Result<(), Fault> {
        let refused = whole(self.service.clone(), (self.make_request)(), None);
        match self.complete(refused, Wakers::Same).await {
            Err(Fault::Failed(_)) => Ok(()),
            Err(other) => Err(other),
            Ok(()) => Err(Fault::Answered),
        }
    }

    async fn crowd(&self, dropped: usize, wakers: Wakers) -> Result<(), Fault> {
        let mut calls: Vec<_> = (0..CROWD).map(|_| PolledFuture::new(self.whole(), wakers)).collect();
        calls.iter_mut().for_each(PolledFuture::step);
        // Drops some calls in the middle of the queue, then those at its front, one by one: the turn of the
        // first passes to one that is dropped next, before it is polled.
        calls.drain(dropped / 2..dropped).for_each(drop);
        calls.drain(..dropped / 2).for_each(drop);
        polling::run(&mut calls, self.memory).await?;
        calls.iter_mut().filter_map(PolledFuture::output).collect()
    }

    async fn unread_bodies(&self) -> Result<(), Fault> {
        for _ in 0..ABANDONED {
            let unread = async {
                let mut service = self.service.clone();
                ready(&mut service).await?;
                call(&mut service, (self.make_request)()).await
            };
            drop(self.complete(unread, Wakers::Same).await?);
        }
        self.complete(self.whole(), Wakers::Same).await
    }

    async fn dropped_calls(&self) -> Result<(), Fault> {
        for polls in 0..MAX_POLLS {
            let mut all_completed = true;
            for _ in 0..ABANDONED {
                all_completed &= polling::drop_after(self.whole(), polls, self.memory).await?;
            }
            self.nothing_stranded().await?;
            match self.complete(self.whole(), Wakers::Same).await {
                Err(Fault::Hung) => return Err(Fault::HungAfterDrop { polls }),
                completed => completed?,
            }
            if all_completed {
                break;
            }
        }
        Ok(())
    }

    /// Checks that all futures and bodies of the calls are dropped, after other tasks had time to run.
    async fn nothing_stranded(&self) -> Result<(), Fault> {
        let Some(memory) = self.memory else { return Ok(()) };
        for _ in 0..ABANDONED * CROWD {
            if memory.live_futures() + memory.live_bodies() == 0 {
                return Ok(());
            }
            memory.tick();
            tokio::task::yield_now().await;
        }
        Err(Fault::Stranded { futures: memory.live_futures(), bodies: memory.live_bodies() })
    }
}
