//! The layer: stores the request of a call that was not delivered.

mod call_result;
mod future;
mod send_or_store;
mod service;

use tower_layer::Layer;

pub use future::OutboxFuture;
pub use service::OutboxService;

use crate::Outbox;

/// Wraps a finished stack, and stores the requests that the stack could not deliver.
///
/// A clone, and every service that it builds, uses the same [`Outbox`].
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
///     Sent::Answered(response) => println!("the server answered {}", response.status()),
///     Sent::Deferred(ticket) => println!("a worker will deliver {}", ticket.id()),
///     Sent::DeadLettered(ticket) => println!("dead letter, please check: {}", ticket.id()),
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct OutboxLayer {
    outbox: Outbox,
}

impl OutboxLayer {
    /// Creates a layer that stores requests in this outbox.
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
