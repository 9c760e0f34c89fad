use bytes::{Buf, Bytes};
use http::HeaderMap;
use http_body::Frame;

use super::violation::Fault;

/// The body of the inner service, to compare with the body of the layer.
///
/// A layer may split it into other frames and add trailers.
pub(crate) struct ExpectedBody {
    data: Bytes,
    trailers: HeaderMap,
}

impl ExpectedBody {
    pub(super) fn new(data: Bytes, trailers: HeaderMap) -> Self {
        Self { data, trailers }
    }

    /// Removes the content of this frame.
    pub(super) fn take(&mut self, frame: Frame<impl Buf>) -> Result<(), Fault> {
        match frame.into_data() {
            Ok(mut data) => {
                while data.has_remaining() {
                    let length = data.chunk().len();
                    if !self.data.starts_with(data.chunk()) {
                        return Err(Fault::ChangedBody);
                    }
                    self.data.advance(length);
                    data.advance(length);
                }
            }
            Err(frame) => {
                let found = frame.into_trailers().unwrap_or_default();
                let brought = |(name, value)| found.get_all(name).iter().any(|other| other == value);
                if self.trailers.iter().all(brought) {
                    self.trailers.clear();
                }
            }
        }
        Ok(())
    }

    /// Fails if anything is left at the end.
    pub(super) fn end(&self) -> Result<(), Fault> {
        if !self.data.is_empty() {
            Err(Fault::ChangedBody)
        } else if !self.trailers.is_empty() {
            Err(Fault::LostTrailers)
        } else {
            Ok(())
        }
    }
}
