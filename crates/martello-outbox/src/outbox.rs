use std::{error::Error, fmt, sync::Arc, time::Duration};

use bytes::Bytes;
use http::Request;
use martello_body::Collect;
use martello_outcome::{BoxError, RequestHead};

use crate::{
    Change, Detail, Enqueued, Entry, EntryId, InvalidEntry, NewEntry, NotStored, NotStoredKind, OrderKey,
    OutboxOptions, Overtaken, QueueName, Store, StoreError, StoredRequest, Ticket,
    key_lock::KeyGuard,
    settings::Settings,
    store::{KeyState, StoreFuture},
};

/// How long a caller waits for the store.
const ANSWER_WITHIN: Duration = Duration::from_secs(30);

/// One queue of a store, and what holds for all that goes into it.
///
/// A clone is the same queue, and shares the order of calls that are under way. To two processes, or two outboxes that
/// were built apart, what is older is what was stored first.
#[derive(Clone)]
pub struct Outbox {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) settings: Arc<Settings>,
}

impl Outbox {
    /// The queue `default` of this store, with the defaults of the [builder](Outbox::builder).
    pub fn new(store: impl Store) -> Self {
        Self { store: Arc::new(store), settings: Arc::new(Settings::default()) }
    }

    /// The store, to look at what is in it and to change it by hand.
    #[must_use]
    pub fn store(&self) -> &dyn Store {
        &*self.store
    }

    /// The queue's name.
    #[must_use]
    pub fn queue(&self) -> &QueueName {
        &self.settings.queue
    }

    /// Stores a request, to be delivered by a worker. When this returns, it is durable.
    ///
    /// Its [`OutboxOptions`] are read from its extensions. Headers that are secret are left out; the worker's
    /// stack puts them back. While a call of its key is under way at a door of this outbox, it waits: that
    /// call is older, and may have to be stored first. Dropping the future leaves open whether the request is
    /// stored.
    ///
    /// # Errors
    ///
    /// When the request cannot be stored as it is, its body fails or is too large, or the store fails or does
    /// not answer within 30 s.
    pub async fn enqueue<B>(&self, request: Request<B>) -> Result<Ticket, NotStored>
    where
        B: http_body::Body,
        B::Error: Into<BoxError>,
    {
        let (request, body) = with_key(request);
        let head = RequestHead::from(&request);
        let _guard = self.lock_key(self.order_key(head).as_ref()).await;
        let body = self.whole(body).await?;
        self.put(self.entry(head, body)?).await
    }

    /// What [`Outbox::enqueue`] would store: for an engine that stores it in a transaction of the caller's. It does not
    /// wait for calls of its key that are under way: send what is to keep an order one way or the other.
    ///
    /// # Errors
    ///
    /// As for [`Outbox::enqueue`], but for the store's.
    pub async fn prepare<B>(&self, request: Request<B>) -> Result<NewEntry, NotStored>
    where
        B: http_body::Body,
        B::Error: Into<BoxError>,
    {
        let (request, body) = with_key(request);
        let body = self.whole(body).await?;
        self.entry(RequestHead::from(&request), body)
    }

    /// The ticket of a request that was stored before. Whether there is one is found out when it is asked.
    #[must_use]
    pub fn ticket(&self, id: EntryId) -> Ticket {
        Ticket::new(Arc::clone(&self.store), id, false)
    }

    /// All that is known of a request, with the bodies of its revisions opened if they were sealed.
    ///
    /// # Errors
    ///
    /// When the store fails, or a body cannot be opened with this outbox's [`Sealing`](crate::Sealing).
    pub async fn detail(&self, id: EntryId) -> Result<Option<Detail>, StoreError> {
        let Some(mut detail) = self.store.detail(id).await? else { return Ok(None) };
        for revision in &mut detail.revisions {
            revision.request = self.opened(id, revision.request.clone())?;
        }
        Ok(Some(detail))
    }

    /// Gives a dead letter a new revision, made on the revision `on`, which is sent when it is replayed. It has a new
    /// `Idempotency-Key`, because it is another request; what was stored before stays.
    ///
    /// # Errors
    ///
    /// When the request cannot be stored, there is no such entry, it is no dead letter, or `on` is not its last revision,
    /// because somebody else edited it meanwhile: look at what he made of it, and edit that.
    pub async fn edit<B>(&self, id: EntryId, on: u32, request: Request<B>) -> Result<Entry, NotStored>
    where
        B: http_body::Body,
        B::Error: Into<BoxError>,
    {
        let (mut head, body) = request.into_parts();
        head.headers.remove("idempotency-key");
        let (request, body) = with_key(Request::from_parts(head, body));
        let body = self.whole(body).await?;
        let request = self.stored(id, RequestHead::from(&request), body)?;
        Ok(self.store.change(id, Change::Edit { on, request: Box::new(request) }).await?)
    }

    pub(crate) async fn put(&self, entry: NewEntry) -> Result<Ticket, NotStored> {
        let id = entry.id;
        let enqueued = within(self.store.enqueue(vec![entry])).await?.into_iter().next();
        let (id, duplicate) = match enqueued {
            Some(Enqueued::Duplicate(id)) => (id, true),
            Some(Enqueued::Stored(_)) | None => (id, false),
        };
        Ok(Ticket::new(Arc::clone(&self.store), id, duplicate))
    }

    /// What is stored of this key.
    pub(crate) async fn key_state(&self, key: &OrderKey) -> Result<KeyState, StoreError> {
        within(self.store.key_state(self.queue(), key)).await
    }

    /// Marks the dead letters of this key, whose newer request was sent. It was, whether or not they can be marked.
    pub(crate) async fn overtake(&self, key: &OrderKey, overtaken: Overtaken) {
        if let Err(error) = within(self.store.overtake(self.queue(), key, overtaken)).await {
            let cause = error.source().map(ToString::to_string);
            let queue = self.queue();
            tracing::error!(
                %queue, exception.message = %error, cause,
                "dead letters were overtaken by a newer request, and could not be marked: a replay would overwrite it"
            );
        }
    }

    /// A request as it is stored, with what was asked for in its extensions.
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

    /// The turn of a call of this key; until it is dropped, no other of the key has one.
    pub(crate) async fn lock_key(&self, key: Option<&OrderKey>) -> Option<KeyGuard> {
        match key {
            Some(key) => Some(self.settings.keys.lock(key).await),
            None => None,
        }
    }

    /// Reads a body to its end, within the outbox's bounds.
    pub(crate) async fn whole<B>(&self, body: B) -> Result<Bytes, NotStored>
    where
        B: http_body::Body,
        B::Error: Into<BoxError>,
    {
        let collect = Collect::new(body, self.settings.max_body);
        let whole = tokio::time::timeout(self.settings.record_within, collect).await;
        let late =
            || NotStored::new(NotStoredKind::Body, "its body did not come to its end within `record_within`");
        let whole = whole.map_err(|_| late())?.map_err(NotStored::body)?;
        if whole.trailers().is_some() {
            return Err(NotStored::new(
                NotStoredKind::Request,
                "its body has trailers, which are not stored",
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

    /// A stored request as it is sent.
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
            return Err(invalid(format!("the body of entry {id} is sealed, and this outbox has no sealing")));
        };
        let open = sealing.open(id, request.body);
        request.body = open.map_err(|error| {
            invalid(format!("the body of entry {id} cannot be opened")).with_source(error)
        })?;
        request.sealed = false;
        Ok(request)
    }

    /// Says that an entry has become a dead letter.
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

async fn within<T>(operation: StoreFuture<'_, T>) -> Result<T, StoreError> {
    tokio::time::timeout(ANSWER_WITHIN, operation).await.unwrap_or_else(|_| Err(StoreError::late()))
}

/// The request's head, which bears an `Idempotency-Key` if it changes something, and its body.
pub(crate) fn with_key<B>(request: Request<B>) -> (Request<()>, B) {
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
