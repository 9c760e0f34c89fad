//! A connection in use, and where it comes from.

use std::ops::{Deref, DerefMut};

use sqlx::{PgConnection, PgPool, Postgres, pool::PoolConnection};

use crate::own_pool::{OwnConnection, OwnPool};

/// Where connections come from.
#[derive(Debug)]
pub(crate) enum Source {
    /// The store makes them.
    Own(OwnPool),
    /// The caller's pool.
    Pool(PgPool),
}

impl Source {
    pub(crate) async fn acquire(&self) -> sqlx::Result<Checkout> {
        Ok(match self {
            Self::Own(own) => Checkout::Own(own.acquire().await?),
            Self::Pool(pool) => Checkout::Pool(pool.acquire().await?),
        })
    }

    /// Takes a connection back for the next operation. A caller's pool does so when the connection is
    /// dropped.
    pub(crate) fn release(&self, checkout: Checkout) {
        if let (Checkout::Own(connection), Self::Own(own)) = (checkout, self) {
            own.release(connection);
        }
    }

    /// Closes a connection whose session cannot be used again.
    pub(crate) fn discard(&self, checkout: Checkout) {
        if let Checkout::Pool(mut connection) = checkout {
            connection.close_on_drop();
        }
    }

    /// The store's own connections.
    pub(crate) fn own(&self) -> Option<&OwnPool> {
        match self {
            Self::Own(own) => Some(own),
            Self::Pool(_) => None,
        }
    }

    /// How many sessions there may be that are older than the present settings of the server. Of the store's
    /// own connections, the first failure closes all others.
    pub(crate) fn stale_sessions(&self) -> u32 {
        match self {
            Self::Own(_) => 1,
            Self::Pool(pool) => pool.options().get_max_connections(),
        }
    }
}

/// A connection in use. Dropping one of the store's own closes it; dropping one of a pool returns it to the
/// pool.
pub(crate) enum Checkout {
    Own(OwnConnection),
    Pool(PoolConnection<Postgres>),
}

impl Checkout {
    /// Whether its session may be older than the present settings of the server.
    pub(crate) fn was_used(&self) -> bool {
        match self {
            Self::Own(connection) => connection.used,
            Self::Pool(_) => true,
        }
    }
}

impl Deref for Checkout {
    type Target = PgConnection;

    fn deref(&self) -> &PgConnection {
        match self {
            Self::Own(own) => &own.connection,
            Self::Pool(connection) => connection,
        }
    }
}

impl DerefMut for Checkout {
    fn deref_mut(&mut self) -> &mut PgConnection {
        match self {
            Self::Own(own) => &mut own.connection,
            Self::Pool(connection) => connection,
        }
    }
}
