//! What an entity becomes: a key and a request.

use bytes::Bytes;
use http::Request;
use martello_outbox::{OrderKey, OutboxOptions};
use martello_outcome::{BoxError, RequestHead};

use crate::state::State;

type ToRequest<T> = Box<dyn FnMut(&T) -> Result<Request<Bytes>, BoxError> + Send>;

/// The key of an entity, what its request carries the whole state of, and the request.
type Made = (Option<OrderKey>, Option<State>, Request<Bytes>);
/// What is known of its key, and why there is no request.
type Refused = (Option<OrderKey>, BoxError);

/// What entities are ordered by.
pub(crate) enum KeyBy<T> {
    Target,
    Row(Box<dyn FnMut(&T) -> String + Send>),
    Nothing,
}

pub(crate) struct Make<T> {
    pub(crate) to_request: ToRequest<T>,
    pub(crate) key_by: KeyBy<T>,
}

impl<T> Make<T> {
    pub(super) fn request(&mut self, row: &T, latest_wins: bool) -> Result<Made, Refused> {
        let key = match &mut self.key_by {
            KeyBy::Row(key) => Some(OrderKey::new(key(row)).map_err(|error| (None, error.into()))?),
            KeyBy::Target | KeyBy::Nothing => None,
        };
        let mut request = (self.to_request)(row).map_err(|error| (key.clone(), error))?;
        let key = match self.key_by {
            KeyBy::Target => OrderKey::by_target(RequestHead::from(&request)),
            KeyBy::Row(_) | KeyBy::Nothing => key,
        };
        let state = match (&self.key_by, &key) {
            (_, None) => None,
            (KeyBy::Row(_), Some(key)) if latest_wins => Some(State::by_key(key)),
            _ => State::by_target(&request),
        };
        let supersedes = latest_wins
            && match self.key_by {
                KeyBy::Row(_) => true,
                // There the key alone decides: no more is asked of it than it was made for.
                KeyBy::Target => state.is_some() && request.uri().query().is_none(),
                KeyBy::Nothing => false,
            };
        self.order_in_the_outbox(&mut request, key.as_ref(), supersedes);
        Ok((key, state, request))
    }

    /// What holds here holds for what is deferred, unless the request says something else itself.
    fn order_in_the_outbox(&self, request: &mut Request<Bytes>, key: Option<&OrderKey>, supersedes: bool) {
        let said = matches!(self.key_by, KeyBy::Target) && !supersedes;
        if said || request.extensions().get::<OutboxOptions>().is_some() {
            return;
        }
        let options = match key {
            Some(key) => OutboxOptions::new().order_key(key.clone()),
            None => OutboxOptions::new().unordered(),
        };
        request.extensions_mut().insert(if supersedes { options.supersede() } else { options });
    }
}
