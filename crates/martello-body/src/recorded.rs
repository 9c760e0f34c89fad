//! A stream that several handles read, one after the other, each from the start.
//!
//! All handles are equal: each has a position, and whoever stands at the front of the recording pulls from the
//! stream. So it does not matter whether the first handle was polled, dropped, or is still being sent when the
//! next one starts.

use std::{
    error::Error,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard},
    task::{Context, Poll, Waker},
};

use bytes::{Bytes, BytesMut};
use http::HeaderMap;
use http_body::{Body, Frame, SizeHint};

use crate::{BodyError, BodyErrorKind, error::BoxError};

type Stream = Pin<Box<dyn Body<Data = Bytes, Error = BoxError> + Send>>;

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

struct Shared {
    stream: State,
    /// What the stream said of its length before the first poll.
    declared: SizeHint,
    /// Bytes pulled from the stream so far.
    pulled: u64,
    recording: Recording,
    trailers: Option<HeaderMap>,
    newest: u32,
    reader: Option<Waker>,
}

enum State {
    Open(Stream),
    Ended,
    Failed,
}

enum Recording {
    /// Nobody has asked for a copy.
    Off,
    /// One buffer rather than the frames: a frame of one byte may hold a large allocation.
    On { bytes: BytesMut, cap: usize },
    /// The stream had more than the cap.
    Lost,
}

impl Recorded {
    pub(crate) fn new<B>(body: B) -> Self
    where
        B: Body<Data = Bytes> + Send + 'static,
        B::Error: Into<Box<dyn Error + Send + Sync>>,
    {
        let declared = body.size_hint();
        let stream = http_body_util::BodyExt::map_err(body, Into::into);
        let shared = Shared {
            stream: State::Open(Box::pin(stream)),
            declared,
            pulled: 0,
            recording: Recording::Off,
            trailers: None,
            newest: 0,
            reader: None,
        };
        Self {
            shared: Arc::new(Mutex::new(shared)),
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

    pub(crate) fn claim(&self) -> bool {
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
                State::Open(stream) => stream.is_end_stream(),
                State::Ended => self.past_trailers || shared.trailers.is_none(),
                State::Failed => false,
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

/// A panic of the user's stream poisons the lock: then the stream counts as failed.
fn lock(shared: &Mutex<Shared>) -> MutexGuard<'_, Shared> {
    shared.lock().unwrap_or_else(|poisoned| {
        let mut shared = poisoned.into_inner();
        shared.stream = State::Failed;
        shared
    })
}

impl Shared {
    fn start_recording(&mut self, cap: usize) -> bool {
        let fits = usize::try_from(self.declared.lower()).is_ok_and(|lower| lower <= cap);
        if matches!(self.recording, Recording::Off) && self.is_intact() && fits {
            self.recording = Recording::On { bytes: BytesMut::new(), cap };
        }
        matches!(self.recording, Recording::On { .. }) && self.is_intact()
    }

    /// Whether the stream can still be read from its start.
    fn is_intact(&self) -> bool {
        match self.recording {
            Recording::Off => self.pulled == 0 && matches!(self.stream, State::Open(_)),
            Recording::On { .. } => !matches!(self.stream, State::Failed),
            Recording::Lost => false,
        }
    }

    /// Lets this generation read, and returns the waker of the reader that it replaces.
    fn admit(&mut self, generation: u32) -> Result<Option<Waker>, BodyError> {
        match generation.cmp(&self.newest) {
            std::cmp::Ordering::Less => Err(BodyError::new(BodyErrorKind::Superseded)),
            std::cmp::Ordering::Equal => Ok(None),
            std::cmp::Ordering::Greater => {
                self.newest = generation;
                Ok(self.reader.take())
            }
        }
    }

    fn poll_at(
        &mut self,
        position: u64,
        past_trailers: bool,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        if position < self.pulled {
            return Poll::Ready(Some(self.replay(position)));
        }
        match &mut self.stream {
            State::Open(stream) => match stream.as_mut().poll_frame(cx) {
                Poll::Pending => {
                    self.reader = Some(cx.waker().clone());
                    Poll::Pending
                }
                Poll::Ready(frame) => Poll::Ready(self.take(frame)),
            },
            State::Ended if past_trailers => Poll::Ready(None),
            State::Ended => Poll::Ready(self.trailers.clone().map(|trailers| Ok(Frame::trailers(trailers)))),
            State::Failed => Poll::Ready(Some(Err(BodyError::new(BodyErrorKind::Poisoned)))),
        }
    }

    fn replay(&self, position: u64) -> Result<Frame<Bytes>, BodyError> {
        let recorded = match &self.recording {
            Recording::On { bytes, .. } => usize::try_from(position).ok().and_then(|from| bytes.get(from..)),
            Recording::Off | Recording::Lost => None,
        };
        recorded
            .map(|bytes| Frame::data(Bytes::copy_from_slice(bytes)))
            .ok_or_else(|| BodyError::new(BodyErrorKind::NotRecorded))
    }

    fn take(
        &mut self,
        frame: Option<Result<Frame<Bytes>, BoxError>>,
    ) -> Option<Result<Frame<Bytes>, BodyError>> {
        match frame {
            Some(Ok(frame)) => {
                self.record(&frame);
                Some(Ok(frame))
            }
            Some(Err(error)) => {
                self.stream = State::Failed;
                self.recording = Recording::Lost;
                Some(Err(BodyError::inner(error)))
            }
            None => {
                self.stream = State::Ended;
                None
            }
        }
    }

    fn record(&mut self, frame: &Frame<Bytes>) {
        self.pulled += frame.data_ref().map_or(0, length);
        if frame.is_trailers() {
            // They are the last; who sends a body need not ask for what comes after them.
            self.stream = State::Ended;
        }
        let Recording::On { bytes, cap } = &mut self.recording else {
            return;
        };
        let fits = if let Some(data) = frame.data_ref() {
            let fits = data.len() <= *cap - bytes.len();
            if fits {
                bytes.extend_from_slice(data);
            }
            fits
        } else if let Some(trailers) = frame.trailers_ref() {
            let size = trailers.iter().map(|(name, value)| name.as_str().len() + value.len()).sum::<usize>();
            let fits = size <= *cap - bytes.len();
            self.trailers = fits.then(|| trailers.clone());
            fits
        } else {
            // A frame of a kind that does not exist yet cannot be kept.
            false
        };
        if !fits {
            self.recording = Recording::Lost;
        }
    }
}

fn length(data: &Bytes) -> u64 {
    u64::try_from(data.len()).unwrap_or(u64::MAX)
}
