use std::sync::Arc;

use martello_outbox::ConfigError;

/// The name of the schema of a store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Schema(Arc<str>);

impl Schema {
    /// The name of the channel is longer, and has to fit into 63 bytes.
    const MAX: usize = 48;

    pub(crate) fn new(name: &str) -> Result<Self, ConfigError> {
        let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
        if !(1..=Self::MAX).contains(&name.len())
            || !name.bytes().all(allowed)
            || name.starts_with(|first: char| first.is_ascii_digit())
            || name.starts_with("pg_")
        {
            let expected =
                "1 to 48 lower-case letters, digits and underscores, not starting with a digit or pg_";
            return Err(ConfigError::new("schema", format!("{name:?}"), expected));
        }
        Ok(Self(name.into()))
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// A statement in which `__` stands for the schema.
    pub(crate) fn sql(&self, text: &str) -> String {
        text.replace("__", &format!("\"{}\"", self.0))
    }

    /// The channel of the notifications.
    pub(crate) fn channel(&self) -> String {
        format!("martello_{}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::Schema;

    #[test]
    fn a_schema_has_a_plain_name() {
        for name in ["martello", "_x", "a1", &"s".repeat(48)] {
            assert!(Schema::new(name).is_ok(), "{name}");
        }
        for name in ["", "1a", "pg_x", "A", "a-b", "a\"b", "a.b", "a b", "é", &"s".repeat(49)] {
            assert!(Schema::new(name).is_err(), "{name}");
        }
        let sql = Schema::new("user").unwrap().sql("SELECT 1 FROM __.entry");
        assert_eq!(sql, r#"SELECT 1 FROM "user".entry"#);
    }
}
