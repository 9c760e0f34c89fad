//! The target of the requests: a service in memory, or a server on loopback behind a real client.

mod memory;
mod socket;

use http::{Request, Response, Uri};
use tower::Service;

use crate::{Error, case::Case, fixture::Answers};

pub use memory::{Answering, InMemory};
pub use socket::Loopback;

/// A client, around which every subject is built.
pub trait Client<B>:
    Service<
        Request<B>,
        Response = Response<<Self as Client<B>>::Body>,
        Error: ClientError,
        Future: Send + 'static,
    > + Clone
    + Send
    + 'static
{
    type Body: http_body::Body<Data = bytes::Bytes, Error: ClientError> + Send + 'static;
}

/// An error that can be displayed, kept and boxed.
pub trait ClientError: std::error::Error + Send + Sync + 'static {}

impl<E: std::error::Error + Send + Sync + 'static> ClientError for E {}

/// A target in memory or on loopback.
#[derive(Clone, Debug)]
pub enum Place {
    Memory(InMemory),
    Loopback(Loopback),
}

impl Place {
    /// The target for a case.
    ///
    /// # Errors
    ///
    /// When no socket can listen on 127.0.0.1.
    pub fn of(case: Case) -> Result<Self, Error> {
        let answers = Answers::new(case)?;
        match case.is_over_sockets() {
            true => Loopback::start(answers).map(Self::Loopback),
            false => Ok(Self::Memory(InMemory::new(answers))),
        }
    }

    #[must_use]
    pub fn answers(&self) -> &Answers {
        match self {
            Self::Memory(memory) => memory.answers(),
            Self::Loopback(loopback) => loopback.answers(),
        }
    }

    /// The URL of the requests.
    #[must_use]
    pub fn uri(&self) -> Uri {
        match self {
            Self::Memory(_) => Uri::from_static("http://api.example.com/planning/v1/orders/DO-1"),
            Self::Loopback(loopback) => loopback.uri(),
        }
    }

    /// The number of connections made; 0 in memory.
    #[must_use]
    pub fn connections(&self) -> u64 {
        match self {
            Self::Memory(_) => 0,
            Self::Loopback(loopback) => loopback.connections(),
        }
    }
}
