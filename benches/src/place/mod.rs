//! Where the requests go: a service in memory, or a server on loopback behind a real client.

mod memory;
mod socket;

use http::{Request, Response, Uri};
use tower::Service;

use crate::{Error, case::Case, fixture::Answers};

pub use memory::{Answering, InMemory};
pub use socket::Loopback;

/// A client: what every subject is built around.
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

/// An error that can be shown, kept and boxed.
pub trait ClientError: std::error::Error + Send + Sync + 'static {}

impl<E: std::error::Error + Send + Sync + 'static> ClientError for E {}

/// One of the two.
#[derive(Clone, Debug)]
pub enum Place {
    Memory(InMemory),
    Loopback(Loopback),
}

impl Place {
    /// The place where a case happens.
    ///
    /// # Errors
    ///
    /// When nothing can listen on 127.0.0.1.
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

    /// What is asked for.
    #[must_use]
    pub fn uri(&self) -> Uri {
        match self {
            Self::Memory(_) => Uri::from_static("http://api.example.com/planning/v1/orders/DO-1"),
            Self::Loopback(loopback) => loopback.uri(),
        }
    }

    /// Connections that were made; none in memory.
    #[must_use]
    pub fn connections(&self) -> u64 {
        match self {
            Self::Memory(_) => 0,
            Self::Loopback(loopback) => loopback.connections(),
        }
    }
}
