//! The errors of a client are classified correctly.

use http::Request;
use martello::{CallError, Outcome};
use martello_testkit::Server;
use support::BoxError;
use tonic::transport::Channel;
use tower::ServiceExt;

#[tokio::test]
async fn a_connection_that_tonics_channel_could_not_make_is_unsent() -> Result<(), BoxError> {
    let refused = Server::refused()?;
    let channel = Channel::builder(refused.uri("/")).connect_lazy();
    let request = Request::post(refused.uri("/")).body(tonic::body::Body::empty())?;
    let outcome = channel.oneshot(request).await.map_err(|error| CallError::from_source(error).outcome());
    assert_eq!(outcome.err(), Some(Outcome::Unsent));
    Ok(())
}
