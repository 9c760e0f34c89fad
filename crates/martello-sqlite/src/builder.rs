use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use martello_outbox::{Clock, ConfigError, StoreError, StoreErrorKind};

use crate::{
    SqliteStore,
    engine::{Engine, Options},
    open::{self, DatabasePath},
};

const MAX_BUSY: Duration = Duration::from_secs(10 * 60);
const MAX_BATCH: usize = 10_000;
const MAX_WAITING: usize = 100_000;
const MAX_READERS: usize = 64;
const MIN_SIZE: u64 = 1024 * 1024;

impl SqliteStore {
    /// Opens the store in this file with the [defaults](SqliteStoreBuilder#defaults), and makes it if there is none.
    ///
    /// # Errors
    ///
    /// Those of [`SqliteStoreBuilder::open`].
    pub async fn open(path: impl AsRef<Path>) -> Result<Self, StoreError> {
        Self::builder(path).open().await
    }

    /// Starts with the [defaults](SqliteStoreBuilder#defaults).
    pub fn builder(path: impl AsRef<Path>) -> SqliteStoreBuilder {
        SqliteStoreBuilder::new(path.as_ref())
    }
}

/// Collects how a [`SqliteStore`] is to be opened.
///
/// # Defaults
///
/// | what | default | why |
/// |---|---|---|
/// | [create](Self::create) | yes | a first start needs no ceremony |
/// | [busy timeout](Self::busy_timeout) | 10 s | longer than another process commits, shorter than anybody waits |
/// | [batch](Self::max_batch) | 256 | beyond that, the write to the disk is no longer what costs |
/// | [waiting](Self::max_waiting) | 1,024 | four batches |
/// | [readers](Self::readers) | 2 | a long list does not keep back a short question |
/// | [size](Self::max_size) | what the disk has | |
///
/// ```
/// # async fn open() -> Result<(), martello_outbox::StoreError> {
/// use std::time::Duration;
/// use martello_sqlite::SqliteStore;
///
/// let store = SqliteStore::builder("/var/lib/orders/outbox.db")
///     .busy_timeout(Duration::from_secs(2))
///     .max_size(10 * 1024 * 1024 * 1024)
///     .open()
///     .await?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
#[must_use = "a builder does nothing until it is opened"]
pub struct SqliteStoreBuilder {
    path: PathBuf,
    create: bool,
    clock: Clock,
    busy_timeout: Duration,
    max_batch: usize,
    max_waiting: usize,
    readers: usize,
    max_size: Option<u64>,
}

impl SqliteStoreBuilder {
    pub(crate) fn new(path: &Path) -> Self {
        Self {
            path: path.to_owned(),
            create: true,
            clock: Clock::Engine,
            busy_timeout: Duration::from_secs(10),
            max_batch: 256,
            max_waiting: 1024,
            readers: 2,
            max_size: None,
        }
    }

    /// Whether the file is made if there is none, or it is empty. Its directory must be there in any case.
    ///
    /// One that is made has mode 0600, whatever the umask: it holds requests with their bodies. One that is
    /// there keeps its mode, and the files beside it take after it. For a group that is to read it, make an
    /// empty file with that mode first.
    pub fn create(mut self, create: bool) -> Self {
        self.create = create;
        self
    }

    /// Whose time the store goes by: this machine's, unless a test moves one by hand.
    pub fn clock(mut self, clock: Clock) -> Self {
        self.clock = clock;
        self
    }

    /// How long a transaction waits for another process that is writing, from 0 to 10 min, before all of its operations
    /// fail with [`StoreErrorKind::Unavailable`]. What is asked for meanwhile comes after it, and waits anew.
    pub fn busy_timeout(mut self, time: Duration) -> Self {
        self.busy_timeout = time;
        self
    }

    /// How many operations share one transaction at most, from 1 to 10,000. None ever waits for others to come: those
    /// that came while the last transaction was written are taken together.
    pub fn max_batch(mut self, operations: usize) -> Self {
        self.max_batch = operations;
        self
    }

    /// How many operations wait for the thread that writes, and how many for those that read, from 1 to 100,000; the
    /// futures of more wait for room.
    pub fn max_waiting(mut self, operations: usize) -> Self {
        self.max_waiting = operations;
        self
    }

    /// How many threads read, from 1 to 64. Each has a connection of its own, and up to 8 MiB of the file in memory.
    pub fn readers(mut self, threads: usize) -> Self {
        self.readers = threads;
        self
    }

    /// How many bytes the file may have, from 1 MiB on: an operation that needs more fails with
    /// [`StoreErrorKind::Full`]. The log beside it comes on top. It holds for what this store writes.
    pub fn max_size(mut self, bytes: u64) -> Self {
        self.max_size = Some(bytes);
        self
    }

    /// Opens the store: makes the file if it must, and brings its schema up to date.
    ///
    /// # Errors
    ///
    /// With the file as it was:
    ///
    /// - [`StoreErrorKind::Invalid`]: a value is out of its range.
    /// - [`StoreErrorKind::Unusable`]: there is no file and none may be made, or no directory; it is in memory
    ///   (`:memory:`), a directory, no database, that of another program, of a newer version of this one, or damaged; or
    ///   its file system cannot hold a write-ahead log.
    /// - [`StoreErrorKind::ReadOnly`]: the file or its directory may not be written to.
    /// - [`StoreErrorKind::Full`]: there is no room for an empty store.
    /// - [`StoreErrorKind::Unavailable`]: another process held it for longer than the busy timeout, or it cannot be read.
    pub async fn open(self) -> Result<SqliteStore, StoreError> {
        self.check().map_err(|error| StoreError::new(StoreErrorKind::Invalid, error.to_string()))?;
        let path = open::absolute(&self.path)?;
        let database = DatabasePath {
            path: path.clone(),
            create: self.create,
            busy_timeout: self.busy_timeout,
            max_size: self.max_size,
        };
        let options = Options {
            database,
            clock: self.clock,
            most: self.max_batch,
            waiting: self.max_waiting,
            readers: self.readers,
        };
        Ok(SqliteStore::new(Engine::open(options).await?, &path))
    }

    fn check(&self) -> Result<(), ConfigError> {
        if self.busy_timeout > MAX_BUSY {
            return Err(ConfigError::new("busy_timeout", format!("{:?}", self.busy_timeout), "0 to 10 min"));
        }
        if !(1..=MAX_BATCH).contains(&self.max_batch) {
            return Err(ConfigError::new("max_batch", self.max_batch, "1 to 10,000"));
        }
        if !(1..=MAX_WAITING).contains(&self.max_waiting) {
            return Err(ConfigError::new("max_waiting", self.max_waiting, "1 to 100,000"));
        }
        if !(1..=MAX_READERS).contains(&self.readers) {
            return Err(ConfigError::new("readers", self.readers, "1 to 64"));
        }
        if let Some(bytes) = self.max_size.filter(|bytes| *bytes < MIN_SIZE) {
            return Err(ConfigError::new("max_size", bytes, "1 MiB or more"));
        }
        Ok(())
    }
}
