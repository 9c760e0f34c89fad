use http::Response;

use crate::Ticket;

/// The result of a call through an [`OutboxLayer`](crate::OutboxLayer).
///
/// ```
/// use martello_outbox::Sent;
///
/// let sent = Sent::Answered(http::Response::new("{}"));
/// assert!(sent.ticket().is_none());
/// assert_eq!(sent.answered().map(http::Response::into_body), Some("{}"));
/// ```
#[derive(Debug)]
pub enum Sent<B> {
    /// The server answered: with a success, or with a rejection that the same request would get again.
    Answered(Response<B>),
    /// The request was not delivered and is stored. A worker will deliver it.
    Deferred(Ticket),
    /// The request is stored as a dead letter. It is unknown whether the server processed it, and it must not
    /// be sent again, or another attempt would only be rejected because of the first one.
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
