use std::borrow::Cow;

use url::form_urlencoded;

/// The name of a query parameter, percent-encoded.
///
/// You can give it decoded (`filter[after]`) or encoded (`filter%5Bafter%5D`): an escape (`%` and two
/// hexadecimal digits) stays unchanged, and every other character is encoded once.
///
/// ```
/// use martello_paginate::QueryName;
///
/// for name in ["filter[after]", "filter%5Bafter%5D"] {
///     let name = QueryName::new(name);
///     assert_eq!(name.with("a b"), "filter%5Bafter%5D=a%20b");
///     assert!(name.is_of("filter[after]=c") && name.is_of("filter%5bafter%5d=c"));
/// }
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct QueryName(Box<str>);

impl QueryName {
    /// Encodes this name.
    #[must_use]
    pub fn new(name: impl AsRef<str>) -> Self {
        let mut encoded = String::new();
        let mut rest = name.as_ref();
        while let Some((clear, escaped)) = rest.split_once('%') {
            encoded += &encode(clear);
            let escape = escaped.get(..2).filter(|hex| hex.bytes().all(|byte| byte.is_ascii_hexdigit()));
            encoded += escape.map_or("%25", |_| "%");
            encoded += escape.unwrap_or_default();
            rest = escaped.get(escape.map_or(0, str::len)..).unwrap_or_default();
        }
        encoded += &encode(rest);
        Self(encoded.into())
    }

    /// The parameter with this value, which is not encoded yet.
    #[must_use]
    pub fn with(&self, value: &str) -> String {
        format!("{}={}", self.0, encode(value))
    }

    /// Whether a parameter of a query, `name=value`, has this name, in any encoding.
    #[must_use]
    pub fn is_of(&self, parameter: &str) -> bool {
        decoded(parameter) == decoded(&self.0)
    }
}

fn encode(text: &str) -> String {
    // `%20` is a space everywhere, `+` only in forms.
    form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>().replace('+', "%20")
}

fn decoded(parameter: &str) -> Option<Cow<'_, str>> {
    form_urlencoded::parse(parameter.as_bytes()).next().map(|(name, _)| name)
}
