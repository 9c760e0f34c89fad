//! Where the stores are: files on the disk of the build, and databases on a server that the user names.

use std::{
    env, fs,
    path::Path,
    sync::atomic::{AtomicU64, Ordering},
};

use sqlx::{
    AssertSqlSafe, ConnectOptions, PgPool,
    postgres::{PgConnectOptions, PgPoolOptions, PgSslMode},
};
use tempfile::TempDir;

use crate::Error;

const VARIABLE: &str = "MARTELLO_TEST_POSTGRES_URL";

#[derive(Debug)]
pub struct Place {
    files: TempDir,
    server: Option<Server>,
}

#[derive(Debug)]
struct Server {
    options: PgConnectOptions,
    pool: PgPool,
    made: AtomicU64,
}

impl Place {
    /// A place with files in the target folder of this build, and databases on the server of
    /// `MARTELLO_TEST_POSTGRES_URL`, if that is set.
    ///
    /// # Errors
    ///
    /// When the folder is not writable, or the server does not answer or is not durable.
    pub async fn new(manifest: &Path) -> Result<Self, Error> {
        // Not in the folder for temporary files, which is often in memory.
        let target = manifest.join("target");
        fs::create_dir_all(&target)?;
        let files = tempfile::Builder::new().prefix("outbox-").tempdir_in(target)?;
        let server = match env::var(VARIABLE) {
            Ok(url) if !url.is_empty() => Some(Server::new(&url).await?),
            _ => None,
        };
        Ok(Self { files, server })
    }

    #[must_use]
    pub fn has_server(&self) -> bool {
        self.server.is_some()
    }

    /// A new folder, which is deleted when it is dropped.
    pub(super) fn dir(&self) -> Result<TempDir, Error> {
        Ok(TempDir::new_in(self.files.path())?)
    }

    /// A new database.
    pub(super) async fn database(&self) -> Result<Database, Error> {
        let server = self.server.as_ref().ok_or_else(|| format!("{VARIABLE} is not set"))?;
        let number = server.made.fetch_add(1, Ordering::SeqCst);
        let name = format!("martello_bench_{}_{number}", std::process::id());
        // No name needs quotes.
        sqlx::query(AssertSqlSafe(format!("CREATE DATABASE {name}"))).execute(&server.pool).await?;
        Ok(Database { options: server.options.clone().database(&name), pool: server.pool.clone(), name })
    }

    /// Drops the databases that are left, for example after an error.
    ///
    /// # Errors
    ///
    /// When the server refuses.
    pub async fn clear(self) -> Result<(), Error> {
        let Some(server) = &self.server else { return Ok(()) };
        for number in 0..server.made.load(Ordering::SeqCst) {
            drop_database(&server.pool, &format!("martello_bench_{}_{number}", std::process::id())).await?;
        }
        Ok(())
    }
}

impl Server {
    async fn new(url: &str) -> Result<Self, Error> {
        let options: PgConnectOptions = url.parse()?;
        // sqlx leaves Nagle's algorithm on. Through TLS, data longer than one record (16 KiB) then waits 40
        // ms for an acknowledgement that the server delays. That would dominate the result of a large batch.
        let options = options.disable_statement_logging().ssl_mode(PgSslMode::Disable);
        let pool = PgPoolOptions::new().max_connections(1).connect_with(options.clone()).await?;
        for (setting, needed) in [("fsync", "on"), ("synchronous_commit", "on"), ("full_page_writes", "on")] {
            let found: String =
                sqlx::query_scalar("SELECT current_setting($1)").bind(setting).fetch_one(&pool).await?;
            if found != needed {
                return Err(format!("the server has {setting}={found}: measure one with {needed}").into());
            }
        }
        Ok(Self { options, pool, made: AtomicU64::new(0) })
    }
}

/// A database of this measurement.
pub(super) struct Database {
    options: PgConnectOptions,
    pool: PgPool,
    name: String,
}

impl Database {
    pub(super) fn options(&self) -> PgConnectOptions {
        self.options.clone()
    }

    pub(super) fn url(&self) -> String {
        self.options.to_url_lossy().to_string()
    }

    pub(super) async fn remove(&self) -> Result<(), Error> {
        drop_database(&self.pool, &self.name).await
    }
}

async fn drop_database(pool: &PgPool, name: &str) -> Result<(), Error> {
    let sql = format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)");
    sqlx::query(AssertSqlSafe(sql)).execute(pool).await?;
    Ok(())
}
