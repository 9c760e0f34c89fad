use super::text;

/// What the list of plannings is wrapped in. An API of this kind has one here and another there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Envelope {
    /// `{"plannings":[…],"cursor":{"self":…,"prev":…,"next":…}}`; at the ends, keys are absent.
    #[default]
    Plannings,
    /// `{"data":[…],"cursor":{"self":…,"prev":…,"next":…}}`; at the ends, keys are absent.
    Data,
    /// `{"data":[…],"cursors":{"previous":…,"self":…,"next":…}}`; at the ends, there are nulls.
    DataWithNulls,
}

impl Envelope {
    pub(crate) fn wrap(self, items: &[String], own: &str, prev: Option<&str>, next: Option<&str>) -> String {
        let items = items.join(",");
        let own = text::json(own);
        if self == Self::DataWithNulls {
            let or_null = |cursor: Option<&str>| cursor.map_or("null".to_owned(), text::json);
            let (prev, next) = (or_null(prev), or_null(next));
            return format!(
                r#"{{"data":[{items}],"cursors":{{"previous":{prev},"self":{own},"next":{next}}}}}"#
            );
        }
        let or_nothing = |name, cursor: Option<&str>| {
            cursor.map_or(String::new(), |cursor| format!(r#","{name}":{}"#, text::json(cursor)))
        };
        let (prev, next) = (or_nothing("prev", prev), or_nothing("next", next));
        let name = if self == Self::Data { "data" } else { "plannings" };
        format!(r#"{{"{name}":[{items}],"cursor":{{"self":{own}{prev}{next}}}}}"#)
    }
}
