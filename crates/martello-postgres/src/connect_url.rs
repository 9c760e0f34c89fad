//! Parses a URL into the options of a connection and the schema.

use martello_outbox::{StoreError, StoreErrorKind};
use sqlx::{ConnectOptions, postgres::PgConnectOptions};
use url::{Host, Url};

use crate::explain::explain;

/// A parsed URL.
#[derive(Debug)]
pub(crate) struct ConnectUrl {
    pub(crate) options: PgConnectOptions,
    pub(crate) schema: Option<String>,
    /// Whether sessions keep prepared statements; `None` if the URL does not say.
    pub(crate) prepared: Option<bool>,
}

impl ConnectUrl {
    pub(crate) fn parse(text: &str) -> Result<Self, StoreError> {
        let mut url: Url = text.parse().map_err(|error| explain(sqlx::Error::config(error)))?;
        let (ours, theirs): (Vec<_>, Vec<_>) =
            url.query_pairs().into_owned().partition(|(name, _)| name == "schema");
        // A parameter of sqlx: how many statements a session keeps.
        let kept = theirs.iter().find(|(name, _)| name == "statement-cache-capacity");
        let prepared = kept.map(|(_, capacity)| capacity != "0");
        let mut schemas = ours.into_iter().map(|(_, schema)| schema);
        let schema = schemas.next();
        if schemas.next().is_some() {
            return Err(StoreError::new(
                StoreErrorKind::Invalid,
                "the URL names more than one schema: name one",
            ));
        }
        // sqlx would resolve `[::1]` as a host name.
        let host = address_of(&url).map(|address| ("hostaddr".to_owned(), address));
        url.query_pairs_mut().clear().extend_pairs(host).extend_pairs(theirs);
        Ok(Self { options: options(&url)?, schema, prepared })
    }
}

/// The host of a URL if it is an IPv6 address.
fn address_of(url: &Url) -> Option<String> {
    match url.host() {
        Some(Host::Ipv6(address)) => Some(address.to_string()),
        _ => None,
    }
}

fn options(url: &Url) -> Result<PgConnectOptions, StoreError> {
    // PgBouncer refuses this parameter; numbers are read in binary.
    let options = PgConnectOptions::from_url(url).map_err(explain)?.extra_float_digits(None);
    // An operator sees in `pg_stat_activity` whose connections these are.
    let named = options.get_application_name().is_some();
    let options = if named { options } else { options.application_name("martello") };
    // sqlx would ask `tracing::enabled!`, after which layers with their own filters lose the next line.
    Ok(options.disable_statement_logging())
}

#[cfg(test)]
mod tests {
    use super::ConnectUrl;

    #[test]
    fn an_address_of_ipv6_stands_without_its_brackets() {
        for (url, host) in [
            ("postgres://u@[::1]:5433/x", "::1"),
            ("postgres://u@[2001:db8::7]/x?sslmode=disable", "2001:db8::7"),
            ("postgres://u@[::1]/x?host=db.internal", "db.internal"),
            ("postgres://u@db.internal:5433/x", "db.internal"),
            ("postgres://u@127.0.0.1/x", "127.0.0.1"),
        ] {
            assert_eq!(ConnectUrl::parse(url).unwrap().options.get_host(), host, "{url}");
        }
        assert_eq!(ConnectUrl::parse("postgres://u@[::1]:5433/x").unwrap().options.get_port(), 5433);
    }

    #[test]
    fn what_else_a_url_says_is_as_it_was() {
        let url = "postgres://u%40x@h/d%20b?options=-c%20a%3Db&schema=s&application_name=a+b%26c";
        let target = ConnectUrl::parse(url).unwrap();
        assert_eq!(target.schema.as_deref(), Some("s"));
        let options = target.options;
        assert_eq!((options.get_username(), options.get_database()), ("u@x", Some("d b")));
        assert_eq!((options.get_options(), options.get_application_name()), (Some("-c a=b"), Some("a b&c")));
    }
}
