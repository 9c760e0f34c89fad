use martello_outcome::ConfigError;

/// A path to a value through the objects of a document: a member name, or a JSON Pointer (RFC 6901). The
/// empty path is the document itself.
#[derive(Clone, Debug, Default)]
pub(super) struct Pointer {
    names: Vec<Box<str>>,
}

impl Pointer {
    pub(super) fn parse(field: &'static str, text: &str) -> Result<Self, ConfigError> {
        let escaped = |name: &str| name.replace("~1", "/").replace("~0", "~").into_boxed_str();
        let names = match text.strip_prefix('/') {
            Some(pointer) => pointer.split('/').map(escaped).collect(),
            None => vec![text.into()],
        };
        if names.iter().any(|name| name.is_empty()) {
            return Err(ConfigError::new(
                field,
                text,
                "a name such as `data`, or a pointer such as `/paging/next`",
            ));
        }
        Ok(Self { names })
    }

    pub(super) fn names(&self) -> &[Box<str>] {
        &self.names
    }

    /// The path as an error shows it: `/paging/next`; empty for the document.
    pub(super) fn shown(&self) -> String {
        self.names.iter().flat_map(|name| ["/", name]).collect()
    }
}
