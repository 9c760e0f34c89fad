use serde::Serialize;

/// The JSON object around a page of plannings. APIs of this kind use more than one form.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Envelope {
    /// `{"plannings":[…],"cursor":{"self":…,"prev":…,"next":…}}`; the first page has no `prev`, the last no
    /// `next`.
    #[default]
    Plannings,
    /// `{"data":[…],"cursor":{"self":…,"prev":…,"next":…}}`; the first page has no `prev`, the last no
    /// `next`.
    Data,
    /// `{"data":[…],"cursors":{"previous":…,"self":…,"next":…}}`; a cursor that does not exist is null.
    DataWithNulls,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Page<'a, T> {
    Plannings { plannings: &'a [T], cursor: Cursors<'a> },
    Data { data: &'a [T], cursor: Cursors<'a> },
    DataWithNulls { data: &'a [T], cursors: NullableCursors<'a> },
}

#[derive(Serialize)]
struct Cursors<'a> {
    #[serde(rename = "self")]
    own: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    prev: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<&'a str>,
}

#[derive(Serialize)]
struct NullableCursors<'a> {
    previous: Option<&'a str>,
    #[serde(rename = "self")]
    own: &'a str,
    next: Option<&'a str>,
}

impl Envelope {
    /// The JSON of a page. A page always serializes, so the result is never empty.
    pub(crate) fn wrap<T: Serialize>(
        self,
        items: &[T],
        own: &str,
        prev: Option<&str>,
        next: Option<&str>,
    ) -> Vec<u8> {
        let page = match self {
            Self::Plannings => Page::Plannings { plannings: items, cursor: Cursors { own, prev, next } },
            Self::Data => Page::Data { data: items, cursor: Cursors { own, prev, next } },
            Self::DataWithNulls => {
                Page::DataWithNulls { data: items, cursors: NullableCursors { previous: prev, own, next } }
            }
        };
        serde_json::to_vec(&page).unwrap_or_default()
    }
}
