use std::{collections::BTreeMap, fmt};

use bytes::Bytes;

use super::answer::Answer;
use martello_testkit::Received;

/// An entity that the planner holds.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Entity {
    /// The body of the latest write.
    pub body: Bytes,
    /// The version in its entity tag: 1 at first, plus one for each write of another body.
    pub version: u64,
}

impl Entity {
    /// The entity tag: `W/"24"`.
    #[must_use]
    pub fn etag(&self) -> String {
        format!("W/\"{}\"", self.version)
    }
}

/// Returns why a body is not a valid entity.
pub(crate) type Check = Box<dyn Fn(&[u8]) -> Result<(), String> + Send>;

/// All entities, by path.
#[derive(Default)]
pub(crate) struct Entities {
    pub(crate) held: BTreeMap<String, Entity>,
    pub(crate) receipts: BTreeMap<String, u64>,
    pub(crate) check: Option<Check>,
}

impl Entities {
    pub(crate) fn get(&self, path: &str) -> Answer {
        match self.held.get(path) {
            Some(entity) => Answer::json(200, entity.body.clone()).header("etag", entity.etag()),
            None => Answer::error(404, "there is no such entity"),
        }
    }

    pub(crate) fn put(&mut self, path: &str, request: &Received) -> Answer {
        if !is_id(path.rsplit('/').next().unwrap_or_default()) {
            return Answer::error(400, "the business id must match ^[a-zA-Z0-9.~\\-_]+$");
        }
        if let Some(Err(error)) = self.check.as_ref().map(|check| check(&request.body)) {
            return Answer::error(422, &error);
        }
        let held = self.held.get(path);
        if let Some(expected) = request.header("if-match") {
            let is_that = |entity: &Entity| expected == "*" || same(expected, &entity.etag());
            if !held.is_some_and(is_that) {
                return Answer::error(412, "the entity has another version");
            }
        }
        let created = held.is_none();
        let version = match held {
            Some(entity) => entity.version + u64::from(entity.body != request.body),
            None => 1,
        };
        let entity = Entity { body: request.body.clone(), version };
        let minimal = request.header("prefer").is_some_and(|prefer| prefer.contains("return=minimal"));
        let answer = match (minimal, created) {
            (true, _) => Answer::empty(204),
            (false, true) => Answer::json(201, entity.body.clone()),
            (false, false) => Answer::json(200, entity.body.clone()),
        };
        let answer = answer.header("etag", entity.etag());
        self.held.insert(path.to_owned(), entity);
        answer
    }
}

/// Whether two entity tags name the same version, weakly compared (RFC 9110 §8.8.3.2).
fn same(one: &str, other: &str) -> bool {
    one.trim_start_matches("W/") == other.trim_start_matches("W/")
}

fn is_id(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".~-_".contains(&byte))
}

impl fmt::Debug for Entities {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Entities").field("held", &self.held.len()).finish_non_exhaustive()
    }
}
