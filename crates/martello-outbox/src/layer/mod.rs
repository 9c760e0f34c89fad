//! The door: what becomes of a call that could not be delivered.

mod call_result;
mod future;
mod send_or_store;
mod service;

use tower_layer::Layer;

pub use future::OutboxFuture;
pub use service::OutboxService;

use crate::Outbox;

/// Stores what could not be delivered now, in front of a finished stack.
///
/// A clone, and every service it makes, is a door of the same [`Outbox`].
///
/// ```no_run
/// use http::Request;
/// use martello_body::Body;
/// use martello_outbox::{MemoryStore, Outbox, OutboxLayer, Sent};
/// use tower::{Layer, ServiceExt};
///
/// # async fn example<S>(stack: S) -> Result<(), Box<dyn std::error::Error>>
/// # where
/// #     S: tower::Service<Request<Body>, Response = http::Response<Body>, Error = std::convert::Infallible>,
/// #     S: Clone + Send + 'static,
/// #     S::Future: Send,
/// # {
/// let outbox = Outbox::new(MemoryStore::new());
/// let orders = OutboxLayer::new(outbox.clone()).layer(stack);
///
/// let request = Request::put("https://api.example/orders/17").body(Body::from(r#"{"stops":3}"#))?;
/// match orders.oneshot(request).await? {
///     Sent::Answered(response) => println!("the server says {}", response.status()),
///     Sent::Deferred(ticket) => println!("it will be delivered: {}", ticket.id()),
///     Sent::DeadLettered(ticket) => println!("somebody has to look at it: {}", ticket.id()),
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct OutboxLayer {
    outbox: Outbox,
}

impl OutboxLayer {
    /// A door of this outbox.
    #[must_use]
    pub fn new(outbox: Outbox) -> Self {
        Self { outbox }
    }
}

impl<S> Layer<S> for OutboxLayer {
    type Service = OutboxService<S>;

    fn layer(&self, inner: S) -> OutboxService<S> {
        OutboxService::new(self.outbox.clone(), inner)
    }
}
