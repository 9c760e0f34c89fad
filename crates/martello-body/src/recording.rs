//! The recording of a stream: what was pulled from it, in one buffer up to a cap.

use std::{
    pin::Pin,
    sync::{Mutex, MutexGuard},
    task::{Context, Poll, Waker},
};

use bytes::{Bytes, BytesMut};
use http::HeaderMap;
use http_body::{Body, Frame, SizeHint};

use crate::{BodyError, BodyErrorKind, error::BoxError};

type Stream = Pin<Box<dyn Body<Data = Bytes, Error = BoxError> + Send>>;

/// The stream, what was recorded of it, and which handle may read it.
pub(crate) struct Shared {
    pub(crate) stream: StreamState,
    /// What the stream said of its length before the first poll.
    pub(crate) declared: SizeHint,
    /// Bytes pulled from the stream so far.
    pub(crate) pulled: u64,
    recording: Recording,
    pub(crate) trailers: Option<HeaderMap>,
    pub(crate) newest: u32,
    reader: Option<Waker>,
}

/// How far the stream is.
pub(crate) enum StreamState {
    Open(Stream),
    Ended,
    Failed,
}

/// What is kept of the bytes that were pulled.
enum Recording {
    /// No copy was asked for.
    Off,
    /// One buffer rather than the frames: a frame of one byte may hold a large allocation.
    On { bytes: BytesMut, cap: usize },
    /// The stream had more than the cap.
    Lost,
}

/// A panic of the user's stream poisons the lock: then the stream counts as failed.
pub(crate) fn lock(shared: &Mutex<Shared>) -> MutexGuard<'_, Shared> {
    shared.lock().unwrap_or_else(|poisoned| {
        let mut shared = poisoned.into_inner();
        shared.stream = StreamState::Failed;
        shared
    })
}

impl Shared {
    pub(crate) fn new<B>(body: B) -> Self
    where
        B: Body<Data = Bytes> + Send + 'static,
        B::Error: Into<BoxError>,
    {
        let declared = body.size_hint();
        let stream = http_body_util::BodyExt::map_err(body, Into::into);
        Self {
            stream: StreamState::Open(Box::pin(stream)),
            declared,
            pulled: 0,
            recording: Recording::Off,
            trailers: None,
            newest: 0,
            reader: None,
        }
    }

    pub(crate) fn start_recording(&mut self, cap: usize) -> bool {
        let fits = usize::try_from(self.declared.lower()).is_ok_and(|lower| lower <= cap);
        if matches!(self.recording, Recording::Off) && self.is_intact() && fits {
            self.recording = Recording::On { bytes: BytesMut::new(), cap };
        }
        matches!(self.recording, Recording::On { .. }) && self.is_intact()
    }

    /// Whether the stream can still be read from its start.
    pub(crate) fn is_intact(&self) -> bool {
        match self.recording {
            Recording::Off => self.pulled == 0 && matches!(self.stream, StreamState::Open(_)),
            Recording::On { .. } => !matches!(self.stream, StreamState::Failed),
            Recording::Lost => false,
        }
    }

    /// Lets this generation read, and returns the waker of the reader that it replaces.
    pub(crate) fn admit(&mut self, generation: u32) -> Result<Option<Waker>, BodyError> {
        match generation.cmp(&self.newest) {
            std::cmp::Ordering::Less => Err(BodyError::new(BodyErrorKind::Superseded)),
            std::cmp::Ordering::Equal => Ok(None),
            std::cmp::Ordering::Greater => {
                self.newest = generation;
                Ok(self.reader.take())
            }
        }
    }

    pub(crate) fn poll_at(
        &mut self,
        position: u64,
        past_trailers: bool,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        if position < self.pulled {
            return Poll::Ready(Some(self.replay(position)));
        }
        match &mut self.stream {
            StreamState::Open(stream) => match stream.as_mut().poll_frame(cx) {
                Poll::Pending => {
                    self.reader = Some(cx.waker().clone());
                    Poll::Pending
                }
                Poll::Ready(frame) => Poll::Ready(self.take(frame)),
            },
            StreamState::Ended if past_trailers => Poll::Ready(None),
            StreamState::Ended => {
                Poll::Ready(self.trailers.clone().map(|trailers| Ok(Frame::trailers(trailers))))
            }
            StreamState::Failed => Poll::Ready(Some(Err(BodyError::new(BodyErrorKind::Poisoned)))),
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
                self.stream = StreamState::Failed;
                self.recording = Recording::Lost;
                Some(Err(BodyError::inner(error)))
            }
            None => {
                self.stream = StreamState::Ended;
                None
            }
        }
    }

    fn record(&mut self, frame: &Frame<Bytes>) {
        self.pulled += frame.data_ref().map_or(0, length);
        if frame.is_trailers() {
            // They are the last; who sends a body need not ask for what comes after them.
            self.stream = StreamState::Ended;
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

/// The length of a frame in bytes.
pub(crate) fn length(data: &Bytes) -> u64 {
    u64::try_from(data.len()).unwrap_or(u64::MAX)
}
