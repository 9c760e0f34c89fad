//! Builds the key and the request of a row.

use bytes::Bytes;
use http::Request;
use martello_outbox::{OrderKey, OutboxOptions};
use martello_outcome::{BoxError, RequestHead};

use crate::state::State;

type ToRequest<T> = Box<dyn FnMut(&T) -> Result<Request<Bytes>, BoxError> + Send>;

/// The key of a row, the resource whose whole state its request carries, and the request.
type Built = (Option<OrderKey>, Option<State>, Request<Bytes>);
/// The key, if it is known, and why no request could be built.
type Invalid = (Option<OrderKey>, BoxError);

/// What the entities are ordered by.
pub(crate) enum KeyBy<T> {
    Target,
    Row(Box<dyn FnMut(&T) -> String + Send>),
    Nothing,
}

pub(crate) struct BuildRequest<T> {
    pub(crate) to_request: ToRequest<T>,
    pub(crate) key_by: KeyBy<T>,
}

impl<T> BuildRequest<T> {
    pub(super) fn request(&mut self, row: &T, latest_wins: bool) -> Result<Built, Invalid> {
        let named = match &mut self.key_by {
            KeyBy::Row(key) => Some(OrderKey::new(key(row)).map_err(|error| (None, error.into()))?),
            KeyBy::Target | KeyBy::Nothing => None,
        };
        let mut request = (self.to_request)(row).map_err(|error| (named.clone(), error))?;
        // The outbox gets the same key for a deferred request. Only a key from `key_by` supersedes there:
        // entries with a key by target may carry only a part.
        let (key, state, options) = match (&self.key_by, named) {
            (KeyBy::Target, _) => {
                let key = OrderKey::by_target(RequestHead::from(&request));
                let state = key.as_ref().and_then(|_| State::by_target(&request));
                (key, state, OutboxOptions::new())
            }
            (_, None) => (None, None, OutboxOptions::new().unordered()),
            (_, Some(key)) => {
                let options = OutboxOptions::new().order_key(key.clone());
                let (state, options) = match latest_wins {
                    true => (Some(State::by_key(&key)), options.supersede()),
                    false => (State::by_target(&request), options),
                };
                (Some(key), state, options)
            }
        };
        // Options that the request already has take precedence.
        request.extensions_mut().get_or_insert_with(|| options);
        Ok((key, state, request))
    }
}
