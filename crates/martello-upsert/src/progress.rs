use crate::Counts;

/// The progress of a run. Compute a rate from two values.
///
/// ```
/// # use futures_util::stream;
/// # use http::{Request, Response};
/// use martello_upsert::UpsertAll;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let stack = tower::service_fn(|_: Request<martello_body::Body>| async {
/// #     Ok::<_, http::Error>(Response::new(martello_body::Body::empty()))
/// # });
/// let upserts = UpsertAll::new(stack, |id: &u32| Request::put(format!("https://api.example/{id}")).body("{}"));
/// let progress = upserts.progress();
/// upserts.run(stream::iter([1, 2])).await?;
/// assert_eq!((progress.borrow().done(), progress.borrow().ended), (2, true));
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Progress {
    /// Entities taken from the input.
    pub taken: u64,
    /// Entities in flight, also while the stack waits between two attempts.
    pub in_flight: usize,
    /// Entities that wait for an older one of their key.
    pub waiting: usize,
    /// The outcomes of the entities that are done.
    pub counts: Counts,
    /// Whether the run was asked to stop.
    pub stopping: bool,
    /// Whether the run has ended.
    pub ended: bool,
}

impl Progress {
    /// Entities whose outcome is known. In a resumed run, this includes those of earlier runs from the start.
    #[must_use]
    pub fn done(&self) -> u64 {
        self.counts.total()
    }
}
