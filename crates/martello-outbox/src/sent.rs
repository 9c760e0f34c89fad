use http::Response;

use crate::Ticket;

/// What became of a request that went through an [`OutboxLayer`](crate::OutboxLayer).
#[derive(Debug)]
pub enum Sent<B> {
    /// The server has answered, and it is the caller's to say what that means: a success, or a rejection that the same
    /// request would meet again.
    Answered(Response<B>),
    /// It could not be delivered now, is stored, and will be delivered by a worker.
    Deferred(Ticket),
    /// Nobody knows whether the server has processed it, and it must not be sent again, or would only meet
    /// what it has done: it is stored as a dead letter.
    DeadLettered(Ticket),
}

impl<B> Sent<B> {
    /// The response, if there is one.
    #[must_use]
    pub fn answered(self) -> Option<Response<B>> {
        match self {
            Self::Answered(response) => Some(response),
            Self::Deferred(_) | Self::DeadLettered(_) => None,
        }
    }

    /// The ticket of a request that was stored.
    #[must_use]
    pub fn ticket(&self) -> Option<&Ticket> {
        match self {
            Self::Answered(_) => None,
            Self::Deferred(ticket) | Self::DeadLettered(ticket) => Some(ticket),
        }
    }
}
