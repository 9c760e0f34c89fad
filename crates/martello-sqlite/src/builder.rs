use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use martello_outbox::{ConfigError, StoreError, StoreErrorKind, store::Clock};

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
    /// Opens the store in this file with the [defaults](SqliteStoreBuilder#defaults). Creates the file if it
    /// does not exist.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let directory = tempfile::tempdir()?;
    /// use martello_sqlite::SqliteStore;
    ///
    /// let path = directory.path().join("outbox.db");
    /// let store = SqliteStore::open(&path).await?;
    /// assert!(path.is_file());
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// Those of [`SqliteStoreBuilder::open`].
    pub async fn open(path: impl AsRef<Path>) -> Result<Self, StoreError> {
        Self::builder(path).open().await
    }

    /// A builder with the [defaults](SqliteStoreBuilder#defaults), to open the store in this file.
    pub fn builder(path: impl AsRef<Path>) -> SqliteStoreBuilder {
        SqliteStoreBuilder::new(path.as_ref())
    }
}

/// Collects the options of a [`SqliteStore`], and opens it.
///
/// # Defaults
///
/// | what | default | why |
/// |---|---|---|
/// | [create](Self::create) | yes | the first start needs no extra step |
/// | [busy timeout](Self::busy_timeout) | 10 s | longer than the commit of another process takes |
/// | [max batch](Self::max_batch) | 256 | above that, the write to the disk no longer dominates the cost |
/// | [max waiting](Self::max_waiting) | 1,024 | four batches |
/// | [readers](Self::readers) | 2 | a long list does not delay a short read |
/// | [max size](Self::max_size) | no limit | |
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

    /// Whether to create the store if the file does not exist or is empty. Its directory must exist in any
    /// case.
    ///
    /// A created file has mode 0600, whatever the umask, because it holds requests with their bodies. An
    /// existing file keeps its mode, and its -wal and -shm files get the same. To give a group access, create
    /// an empty file with that mode first.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// # let directory = tempfile::tempdir().unwrap();
    /// # let path = directory.path().join("outbox.db");
    /// use martello_outbox::StoreErrorKind;
    /// use martello_sqlite::SqliteStore;
    ///
    /// let error = SqliteStore::builder(&path).create(false).open().await.unwrap_err();
    /// assert_eq!(error.kind(), StoreErrorKind::Unusable);
    /// # }
    /// ```
    pub fn create(mut self, create: bool) -> Self {
        self.create = create;
        self
    }

    /// The clock of the store: this machine's by default, or a manual one in tests.
    pub fn clock(mut self, clock: Clock) -> Self {
        self.clock = clock;
        self
    }

    /// How long a transaction waits for the lock of another process, from 0 to 10 min. Then all of its
    /// operations fail with [`StoreErrorKind::Unavailable`]. Operations that arrive meanwhile form the next
    /// transaction, which waits again.
    pub fn busy_timeout(mut self, time: Duration) -> Self {
        self.busy_timeout = time;
        self
    }

    /// The most operations in one transaction, from 1 to 10,000. No operation waits for others to arrive: a
    /// transaction takes those that arrived while the last one was written.
    pub fn max_batch(mut self, operations: usize) -> Self {
        self.max_batch = operations;
        self
    }

    /// The most operations that wait for the thread that writes, and the most that wait for those that read,
    /// from 1 to 100,000. Further operations wait in their futures.
    pub fn max_waiting(mut self, operations: usize) -> Self {
        self.max_waiting = operations;
        self
    }

    /// The number of threads that read, from 1 to 64. Each has its own connection, which caches up to 8 MiB
    /// of the file.
    pub fn readers(mut self, threads: usize) -> Self {
        self.readers = threads;
        self
    }

    /// The maximum size of the file in bytes, at least 1 MiB. An operation that needs more fails with
    /// [`StoreErrorKind::Full`]. The write-ahead log is not counted. The limit applies to this store only,
    /// not to other processes.
    pub fn max_size(mut self, bytes: u64) -> Self {
        self.max_size = Some(bytes);
        self
    }

    /// Opens the store: creates the file if needed, and migrates an older schema. Dropping the future closes
    /// the store again.
    ///
    /// # Errors
    ///
    /// An error leaves the file as it was:
    ///
    /// - [`StoreErrorKind::Invalid`]: an option is out of its range.
    /// - [`StoreErrorKind::Unusable`]: the file does not exist and [`create`](Self::create) is off, or its
    ///   directory does not exist; the path is `:memory:` or a directory; the file is not a database, belongs
    ///   to another program, has the schema of a newer version, or is corrupt; or the file system does not
    ///   support a write-ahead log.
    /// - [`StoreErrorKind::ReadOnly`]: this user may not write to the file or its directory.
    /// - [`StoreErrorKind::Full`]: there is no space for an empty store.
    /// - [`StoreErrorKind::Unavailable`]: another process locked the file for longer than the busy timeout,
    ///   or reading it failed.
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
