use std::{borrow::Cow, collections::HashMap};

use serde::de::DeserializeOwned;
use serde_json::value::RawValue;

use super::pointer::Pointer;
use crate::ParseError;

type Object<'a> = HashMap<Cow<'a, str>, &'a RawValue>;

/// Where the list of items is.
#[derive(Clone, Debug, Default)]
pub(super) struct ItemList {
    pub(super) at: Pointer,
    /// Whether `null` counts as an empty list.
    pub(super) null_is_empty: bool,
}

/// A JSON text. Only the requested parts are decoded.
pub(super) struct Document<'a>(&'a RawValue);

impl<'a> Document<'a> {
    pub(super) fn parse(body: &'a [u8]) -> Result<Self, ParseError> {
        serde_json::from_slice(body).map(Self).map_err(ParseError::new)
    }

    /// Decodes the items of this list. An absent list is an error, because servers report failures with
    /// status 200.
    pub(super) fn items<T: DeserializeOwned>(
        &self,
        ItemList { at, null_is_empty }: &ItemList,
    ) -> Result<Vec<T>, ParseError> {
        let here = |error| ParseError::new(error).at(at.shown());
        let list: Vec<&RawValue> = match self.find(at)? {
            None => return Err(ParseError::new("the list is missing").at(at.shown())),
            Some(list) if list.get() == "null" && *null_is_empty => Vec::new(),
            Some(list) => serde_json::from_str(list.get()).map_err(here)?,
        };
        let decode = |(index, item): (usize, &RawValue)| {
            serde_json::from_str(item.get()).map_err(|error| here(error).at_item(index))
        };
        list.into_iter().enumerate().map(decode).collect()
    }

    /// The cursor at this place: a string or an integer. `None` if it is absent, null or empty.
    pub(super) fn cursor(&self, at: &Pointer) -> Result<Option<String>, ParseError> {
        let Some(cursor) = self.find(at)? else { return Ok(None) };
        let cursor = match cursor.get().as_bytes() {
            [b'"', ..] => serde_json::from_str(cursor.get()).map_err(ParseError::new),
            [b'n', ..] => Ok(String::new()),
            digits if digits.iter().all(u8::is_ascii_digit) => Ok(cursor.get().to_owned()),
            _ => Err(ParseError::new("expected a string or an integer")),
        };
        let cursor = cursor.map_err(|error| error.at(at.shown()))?;
        Ok(Some(cursor).filter(|cursor| !cursor.is_empty()))
    }

    fn find(&self, at: &Pointer) -> Result<Option<&'a RawValue>, ParseError> {
        let mut value = self.0;
        for name in at.names() {
            if value.get() == "null" {
                return Ok(None);
            }
            let mut object: Object<'a> =
                serde_json::from_str(value.get()).map_err(|error| ParseError::new(error).at(at.shown()))?;
            match object.remove(&**name) {
                Some(inner) => value = inner,
                None => return Ok(None),
            }
        }
        Ok(Some(value))
    }
}
