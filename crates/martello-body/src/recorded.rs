//! A stream that several handles read, one after the other, each from the start.
//!
//! All handles are equal: each has a position, and the one that has read all recorded bytes pulls from the
//! stream. So it does not matter whether the first handle was polled, dropped, or is still being sent when
//! the next one starts.

use std::{
    error::Error,
    sync::{Arc, Mutex, MutexGuard},
    task::{Context, Poll, Waker},
};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};

use crate::{
    BodyError,
    recording::{Shared, StreamState, length, lock},
};

/// One reader of the stream.
pub(crate) struct Recorded {
    shared: Arc<Mutex<Shared>>,
    /// Bytes that this handle has yielded.
    position: u64,
    /// Whether this handle has yielded the trailers.
    past_trailers: bool,
    /// Whether this handle has come to its end, or failed.
    over: bool,
    /// The attempt that this handle is for; a newer one takes the stream over.
    generation: u32,
}

impl Recorded {
    pub(crate) fn new<B>(body: B) -> Self
    where
        B: Body<Data = Bytes> + Send + 'static,
        B::Error: Into<Box<dyn Error + Send + Sync>>,
    {
        Self {
            shared: Arc::new(Mutex::new(Shared::new(body))),
            position: 0,
            past_trailers: false,
            over: false,
            generation: 0,
        }
    }

    pub(crate) fn try_copy(&self, cap: usize) -> Option<Self> {
        self.copy(cap, self.generation.saturating_add(1))
    }

    pub(crate) fn try_last_copy(&self, cap: usize) -> Option<Self> {
        self.copy(cap, u32::MAX)
    }

    fn copy(&self, cap: usize, generation: u32) -> Option<Self> {
        self.lock().start_recording(cap).then(|| Self {
            shared: Arc::clone(&self.shared),
            position: 0,
            past_trailers: false,
            over: false,
            generation,
        })
    }

    pub(crate) fn is_intact(&self) -> bool {
        let shared = self.lock();
        shared.is_intact() && self.generation >= shared.newest
    }

    pub(crate) fn switch_to_copy(&self) -> bool {
        let mut shared = self.lock();
        if !shared.is_intact() {
            return false;
        }
        let older = shared.admit(self.generation);
        drop(shared);
        let newest = older.is_ok();
        wake(older.ok().flatten());
        newest
    }

    pub(crate) fn is_end_stream(&self) -> bool {
        let shared = self.lock();
        self.position == shared.pulled
            && match &shared.stream {
                StreamState::Open(stream) => stream.is_end_stream(),
                StreamState::Ended => self.past_trailers || shared.trailers.is_none(),
                StreamState::Failed => false,
            }
    }

    pub(crate) fn size_hint(&self) -> SizeHint {
        let declared = self.lock().declared;
        let mut left = SizeHint::new();
        if let Some(upper) = declared.upper() {
            left.set_upper(upper.saturating_sub(self.position));
        }
        left.set_lower(declared.lower().saturating_sub(self.position));
        left
    }

    pub(crate) fn poll_frame(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        if self.over {
            return Poll::Ready(None);
        }
        let mut shared = lock(&self.shared);
        let older = match shared.admit(self.generation) {
            Ok(older) => older,
            Err(superseded) => {
                self.over = true;
                return Poll::Ready(Some(Err(superseded)));
            }
        };
        let frame = shared.poll_at(self.position, self.past_trailers, cx);
        drop(shared);
        wake(older);
        match &frame {
            Poll::Ready(Some(Ok(frame))) => {
                self.past_trailers |= frame.is_trailers();
                self.position += frame.data_ref().map_or(0, length);
            }
            Poll::Ready(_) => self.over = true,
            Poll::Pending => {}
        }
        frame
    }

    fn lock(&self) -> MutexGuard<'_, Shared> {
        lock(&self.shared)
    }
}

/// Lets the older reader find out that it was superseded; outside the lock, because it may take it.
fn wake(older: Option<Waker>) {
    if let Some(older) = older {
        older.wake();
    }
}
