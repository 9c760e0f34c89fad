//! The two engines that are here keep their promises.

mod in_memory {
    use martello_poll::{MemoryCheckpoint, conformance};

    #[derive(Default)]
    struct InMemory(MemoryCheckpoint);

    impl conformance::Engine for InMemory {
        type Store = MemoryCheckpoint;

        async fn fresh() -> Result<Option<Self>, conformance::BoxError> {
            Ok(Some(Self::default()))
        }

        async fn open(&self) -> Result<MemoryCheckpoint, conformance::BoxError> {
            Ok(self.0.clone())
        }
    }

    conformance::tests!(InMemory);
}

mod in_a_file {
    use martello_poll::{FileCheckpoint, conformance};
    use tempfile::TempDir;

    struct InAFile(TempDir);

    impl conformance::Engine for InAFile {
        type Store = FileCheckpoint;

        const LEASES_EXPIRE: bool = false;

        async fn fresh() -> Result<Option<Self>, conformance::BoxError> {
            Ok(Some(Self(tempfile::tempdir()?)))
        }

        async fn open(&self) -> Result<FileCheckpoint, conformance::BoxError> {
            Ok(FileCheckpoint::new(self.0.path().join("checkpoint")))
        }
    }

    conformance::tests!(InAFile);
}
