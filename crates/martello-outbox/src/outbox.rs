use std::{fmt, sync::Arc};

use bytes::Bytes;
use http::Request;
use martello_body::Collect;
use martello_outcome::{BoxError, RequestHead};

use crate::{
    Change, Detail, Entry, EntryId, InvalidEntry, NewEntry, NotStored, NotStoredKind, OrderKey,
    OutboxOptions, QueueName, Store, StoreError, StoredRequest, Ticket, key_lock::KeyGuard,
    settings::Settings,
};

/// A queue of a store, and the settings of its requests.
///
/// A clone is the same queue, and shares the lock of each key with it. Between two processes, or two outboxes
/// that were built separately, the request that was stored first is the older one.
///
/// ```
/// use martello_outbox::{MemoryStore, Outbox};
///
/// # fn main() -> Result<(), martello_outbox::ConfigError> {
/// let outbox = Outbox::builder(MemoryStore::new()).queue("orders").max_attempts(10).build()?;
/// assert_eq!(outbox.queue().as_str(), "orders");
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Outbox {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) settings: Arc<Settings>,
}

impl Outbox {
    /// Creates an outbox for the queue `default`, with the default settings of the
    /// [builder](Outbox::builder).
    pub fn new(store: impl Store) -> Self {
        Self { store: Arc::new(store), settings: Arc::new(Settings::default()) }
    }

    /// The store, to inspect and change entries by hand.
    #[must_use]
    pub fn store(&self) -> &dyn Store {
        &*self.store
    }

    /// The name of the queue.
    #[must_use]
    pub fn queue(&self) -> &QueueName {
        &self.settings.queue
    }

    /// Stores a request, which a worker then delivers. When this returns, the request is durable.
    ///
    /// It reads [`OutboxOptions`] from the extensions of the request. It does not store secret headers: the
    /// worker's stack adds them. While this outbox sends a request of the same key, it waits, because that
    /// request is older and may have to be stored first. If the future is dropped, the request may or may not
    /// be stored.
    ///
    /// ```
    /// use http::Request;
    /// use martello_body::Body;
    /// use martello_outbox::{MemoryStore, Outbox, State};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let outbox = Outbox::new(MemoryStore::new());
    /// let request = Request::put("https://api.example/orders/17").body(Body::from("{}"))?;
    /// let ticket = outbox.enqueue(request).await?;
    /// assert_eq!(ticket.status().await?.state, State::Ready);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// When the request is invalid, its body fails or is too large, or the store fails or does not answer
    /// within 30 s.
    pub async fn enqueue<B>(&self, request: Request<B>) -> Result<Ticket, NotStored>
    where
        B: http_body::Body,
        B::Error: Into<BoxError>,
    {
        let (request, body) = with_idempotency_key(request);
        let head = RequestHead::from(&request);
        let _guard = self.lock_key(self.order_key(head).as_ref()).await;
        let body = self.whole(body).await?;
        self.put(self.entry(head, body)?).await
    }

    /// Builds the entry that [`Outbox::enqueue`] would store, so that an engine can store it in your
    /// transaction. It does not wait for calls of the same key: to keep an order, send all requests of a key
    /// in one way.
    ///
    /// # Errors
    ///
    /// As for [`Outbox::enqueue`], except those of the store.
    pub async fn prepare<B>(&self, request: Request<B>) -> Result<NewEntry, NotStored>
    where
        B: http_body::Body,
        B::Error: Into<BoxError>,
    {
        let (request, body) = with_idempotency_key(request);
        let body = self.whole(body).await?;
        self.entry(RequestHead::from(&request), body)
    }

    /// The ticket of a stored request. It does not check that the store has the request: the methods of the
    /// ticket do.
    #[must_use]
    pub fn ticket(&self, id: EntryId) -> Ticket {
        Ticket::new(Arc::clone(&self.store), id, false)
    }

    /// Reads a request with its revisions, attempts and events, and opens sealed bodies.
    ///
    /// # Errors
    ///
    /// When the store fails, or this outbox's [`Sealing`](crate::Sealing) cannot open a body.
    pub async fn detail(&self, id: EntryId) -> Result<Option<Detail>, StoreError> {
        let Some(mut detail) = self.store.detail(id).await? else { return Ok(None) };
        for revision in &mut detail.revisions {
            revision.request = self.opened(id, revision.request.clone())?;
        }
        Ok(Some(detail))
    }

    /// Adds a revision to a dead letter, made from the revision `on`. The next replay sends it. It gets a new
    /// `Idempotency-Key`, because it is another request. Earlier revisions stay.
    ///
    /// # Errors
    ///
    /// When the request cannot be stored, the entry does not exist or is not a dead letter, or `on` is not
    /// its last revision because another caller edited it: read the entry again, and edit its last revision.
    pub async fn edit<B>(&self, id: EntryId, on: u32, request: Request<B>) -> Result<Entry, NotStored>
    where
        B: http_body::Body,
        B::Error: Into<BoxError>,
    {
        let (mut head, body) = request.into_parts();
        head.headers.remove("idempotency-key");
        let (request, body) = with_idempotency_key(Request::from_parts(head, body));
        let body = self.whole(body).await?;
        let request = self.stored(id, RequestHead::from(&request), body)?;
        Ok(self.store.change(id, Change::Edit { on, request: Box::new(request) }).await?)
    }

    /// Builds the entry of a request from its extensions and the settings.
    pub(crate) fn entry(&self, head: RequestHead<'_>, body: Bytes) -> Result<NewEntry, NotStored> {
        let settings = &*self.settings;
        let options = OutboxOptions::of(head.extensions);
        if options.dedup_key.as_ref().is_some_and(|key| !(1..=255).contains(&key.len())) {
            return Err(InvalidEntry::new("dedup key", "1 to 255 bytes").into());
        }
        let id = EntryId::new();
        let mut entry = NewEntry::new(settings.queue.clone(), self.stored(id, head, body)?);
        entry.id = id;
        entry.order_key = self.order_key(head);
        entry.when_pending = options.when_pending.unwrap_or(settings.when_pending);
        entry.dedup_key = options.dedup_key;
        entry.delay = options.delay;
        entry.expires_in = options.expires_in.unwrap_or(settings.expires_in);
        entry.max_attempts = options.max_attempts.unwrap_or(settings.max_attempts);
        entry.repeatable = settings.repeatable.allows(head);
        entry.check()?;
        Ok(entry)
    }

    pub(crate) fn order_key(&self, head: RequestHead<'_>) -> Option<OrderKey> {
        OutboxOptions::of(head.extensions).order_key.unwrap_or_else(|| (self.settings.order_by)(head))
    }

    /// Waits for the lock of this key. The guard holds it until it is dropped.
    pub(crate) async fn lock_key(&self, key: Option<&OrderKey>) -> Option<KeyGuard> {
        match key {
            Some(key) => Some(self.settings.keys.lock(key).await),
            None => None,
        }
    }

    /// Reads a body to its end, within the outbox's limits of size and time.
    pub(crate) async fn whole<B>(&self, body: B) -> Result<Bytes, NotStored>
    where
        B: http_body::Body,
        B::Error: Into<BoxError>,
    {
        let collect = Collect::new(body, self.settings.max_body);
        let whole = tokio::time::timeout(self.settings.record_within, collect).await;
        let late = || NotStored::new(NotStoredKind::Body, "its body did not end within `record_within`");
        let whole = whole.map_err(|_| late())?.map_err(NotStored::body)?;
        if whole.trailers().is_some() {
            return Err(NotStored::new(
                NotStoredKind::Request,
                "its body has trailers, and trailers cannot be stored",
            ));
        }
        Ok(whole.bytes().clone())
    }

    fn stored(&self, id: EntryId, head: RequestHead<'_>, body: Bytes) -> Result<StoredRequest, NotStored> {
        let mut request =
            StoredRequest::new(head.method, head.uri, head.headers, body, &self.settings.redaction)?;
        if let Some(sealing) = &self.settings.sealing {
            let failed = |error: BoxError| {
                NotStored::new(NotStoredKind::Sealing, "its body could not be sealed").because(error)
            };
            request.body = sealing.seal(id, request.body).map_err(failed)?;
            request.sealed = true;
        }
        Ok(request)
    }

    /// Opens the body of a stored request, so that it can be sent.
    pub(crate) fn opened(
        &self,
        id: EntryId,
        mut request: StoredRequest,
    ) -> Result<StoredRequest, StoreError> {
        if !request.sealed {
            return Ok(request);
        }
        let invalid = |message: String| StoreError::new(crate::StoreErrorKind::Invalid, message);
        let Some(sealing) = &self.settings.sealing else {
            return Err(invalid(format!(
                "the body of entry {id} is sealed, and the outbox has no sealing: configure the one that sealed it"
            )));
        };
        let open = sealing.open(id, request.body);
        request.body = open.map_err(|error| {
            invalid(format!("the body of entry {id} cannot be opened")).with_source(error)
        })?;
        request.sealed = false;
        Ok(request)
    }

    /// Reports a new dead letter to the log, the metrics and the hook.
    pub(crate) fn report_dead_letter(&self, entry: &Entry) {
        tracing::warn!(
            id = %entry.id,
            queue = %entry.queue,
            reason = entry.reason.map(crate::Reason::as_str),
            http.request.method = %entry.method,
            url.full = %self.settings.redaction.url(&entry.uri),
            attempts = entry.attempts,
            http.response.status_code = entry.last_status.map(|status| status.as_u16()),
            tracking_id = entry.last_tracking_id.as_ref().map(tracing::field::display),
            "a request became a dead letter"
        );
        #[cfg(feature = "metrics")]
        crate::metrics::dead_lettered(entry);
        let Some(hook) = &self.settings.on_dead_letter else { return };
        let hook = std::panic::AssertUnwindSafe(|| hook(entry));
        if std::panic::catch_unwind(hook).is_err() {
            tracing::error!(id = %entry.id, "the hook for dead letters panicked");
        }
    }
}

/// Splits a request into its head and its body. Adds an `Idempotency-Key` to the head of a request that
/// changes something.
pub(crate) fn with_idempotency_key<B>(request: Request<B>) -> (Request<()>, B) {
    let (mut head, body) = request.into_parts();
    StoredRequest::assign_idempotency_key(&head.method, &mut head.headers);
    (Request::from_parts(head, ()), body)
}

impl fmt::Debug for Outbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Outbox")
            .field("queue", &self.settings.queue)
            .field("store", &self.store)
            .finish_non_exhaustive()
    }
}
