//! A stack over reqwest's client, on a real socket.

use std::{error::Error, task::Poll, time::Duration};

use futures_util::{StreamExt, stream};
use http::{Request, Uri};
use http_body::Frame;
use http_body_util::{BodyExt, StreamBody};
use martello::{Attempts, Body, CallError, ErrorKind, Outcome, ReqwestService, Stacked, TrackingId};
use martello_testkit::{Reply, Server};
use tower::{Layer, Service, ServiceExt};
use tower_http::follow_redirect::FollowRedirectLayer;

use crate::support::{quick, request};

fn stacked(client: reqwest::ClientBuilder) -> Stacked<ReqwestService> {
    // The server is on this machine, so ignore a proxy of the environment.
    quick().build().unwrap().layer(ReqwestService::new(client.no_proxy()).unwrap())
}

fn api() -> Stacked<ReqwestService> {
    stacked(reqwest::Client::builder())
}

fn outcomes(attempts: &Attempts) -> Vec<Outcome> {
    attempts.iter().map(|attempt| attempt.outcome).collect()
}

async fn error_of(client: reqwest::ClientBuilder, uri: Uri) -> CallError {
    stacked(client).oneshot(request("POST", uri)).await.unwrap_err()
}

#[tokio::test]
async fn a_503_is_sent_again_and_each_attempt_keeps_its_tracking_id() {
    let server = Server::start().await.unwrap();
    let id = |status, id: &str| Reply::status(status).header("trackingid", id).body("{}");
    server.replies([id(503, "first"), id(201, "second")]);
    let response = api().oneshot(request("PUT", server.uri("/orders/1?a=b"))).await.unwrap();
    assert_eq!((response.status().as_u16(), TrackingId::of(&response).unwrap().as_str()), (201, "second"));
    let ids: Vec<_> =
        Attempts::of(&response).unwrap().iter().map(|attempt| attempt.tracking_id.unwrap()).collect();
    assert_eq!(ids.iter().map(TrackingId::as_str).collect::<Vec<_>>(), ["first", "second"]);
    assert_eq!(response.into_body().collect().await.unwrap().to_bytes(), "{}");
    for received in server.requests() {
        assert_eq!((received.method.as_str(), received.uri.to_string().as_str()), ("PUT", "/orders/1?a=b"));
        assert_eq!((received.body.as_ref(), received.header("content-length")), (&b"{}"[..], Some("2")));
    }
}

#[tokio::test]
async fn a_refused_connection_is_unsent_even_for_a_post() {
    let refused = Server::refused().unwrap();
    let error = error_of(reqwest::Client::builder(), refused.uri("/")).await;
    assert_eq!(error.kind(), ErrorKind::Transport);
    assert_eq!(outcomes(error.attempts()), [Outcome::Unsent; 4]);
    assert!(error.source().unwrap().is::<reqwest::Error>());
}

/// reqwest escapes URLs in its own way, so masking the URL of the request would not find them.
#[tokio::test]
async fn no_error_holds_the_url() {
    let refused = Server::refused().unwrap();
    let uri = refused.uri("/a?token=it's-secret").to_string().replace("http://", "http://me:se;cret@");
    let error = error_of(reqwest::Client::builder(), uri.parse().unwrap()).await;
    let (text, fault) = (format!("{error:?}"), error.attempts()[0].fault.clone().unwrap());
    for secret in ["secret", "se;cret", "se%3Bcret", "token"] {
        assert!(!text.contains(secret) && !fault.contains(secret), "{text}");
    }
}

#[tokio::test]
async fn a_response_that_was_ready_is_pending_from_then_on() {
    let refused = Server::refused().unwrap();
    let mut http = ReqwestService::new(reqwest::Client::builder().no_proxy()).unwrap();
    let mut response = std::pin::pin!(http.call(request("GET", refused.uri("/"))));
    assert!(response.as_mut().await.is_err());
    let pending = std::future::poll_fn(|cx| Poll::Ready(response.as_mut().poll(cx).is_pending()));
    assert!(pending.await);
}

#[tokio::test]
async fn a_timeout_of_the_clients_own_is_ambiguous() {
    let server = Server::start().await.unwrap();
    let soon = Duration::from_millis(50);
    let client = reqwest::Client::builder;
    for client in [client().timeout(soon), client().read_timeout(soon)] {
        server.reply(Reply::silence());
        let error = error_of(client, server.uri("/")).await;
        assert_eq!(outcomes(error.attempts()), [Outcome::Ambiguous]);
        let source = error.source().and_then(|source| source.downcast_ref::<reqwest::Error>());
        assert!(source.unwrap().is_timeout());
    }
}

#[tokio::test]
async fn a_connection_that_is_reset_is_ambiguous() {
    let server = Server::start().await.unwrap();
    server.reply(Reply::reset());
    let error = error_of(reqwest::Client::builder(), server.uri("/")).await;
    assert_eq!(outcomes(error.attempts()), [Outcome::Ambiguous]);
}

/// If reqwest followed it, a failure at the redirect target would count as a failure of the original request.
#[tokio::test]
async fn a_redirect_comes_back_whatever_the_clients_policy() {
    let (server, refused) = (Server::start().await.unwrap(), Server::refused().unwrap());
    let client = reqwest::Client::builder().redirect(reqwest::redirect::Policy::limited(10));
    server.reply(Reply::status(303).header("location", refused.uri("/elsewhere").to_string()));
    let response = stacked(client).oneshot(request("POST", server.uri("/"))).await.unwrap();
    assert_eq!(response.status(), 303);
    assert_eq!(server.requests().len(), 1);
}

#[tokio::test]
async fn following_redirects_around_the_stack_has_attempts_for_each_request() {
    let server = Server::start().await.unwrap();
    let moved = Reply::status(307).header("location", "/elsewhere");
    server.replies([Reply::status(503), moved, Reply::status(503), Reply::ok()]);
    let following = FollowRedirectLayer::new().layer(api());
    let get = Request::get(server.uri("/")).body(Body::empty()).unwrap();
    let response = following.oneshot(get).await.unwrap();
    assert_eq!((response.status().as_u16(), Attempts::of(&response).unwrap().len()), (200, 2));
    let paths = server.requests().iter().map(|received| received.uri.path().to_owned()).collect::<Vec<_>>();
    assert_eq!(paths, ["/", "/", "/elsewhere", "/elsewhere"]);
}

#[tokio::test]
async fn a_response_streams() {
    let server = Server::start().await.unwrap();
    server.reply(Reply::ok().body("the whole body").stall_after(3));
    let response = api().oneshot(request("GET", server.uri("/"))).await.unwrap();
    let mut body = response.into_body();
    assert_eq!(body.frame().await.unwrap().unwrap().into_data().unwrap(), "the");
    assert_eq!(server.in_flight(), 1, "the rest is still to come");
}

#[tokio::test]
async fn trailers_come_through() {
    let server = Server::start().await.unwrap();
    server.reply(Reply::ok().body("body").trailer("checksum", "1234"));
    let asks = Request::get(server.uri("/")).header("te", "trailers").body(Body::empty()).unwrap();
    let whole = api().oneshot(asks).await.unwrap().into_body().collect().await.unwrap();
    assert_eq!(whole.trailers().unwrap()["checksum"], "1234");
}

#[tokio::test]
async fn a_streamed_request_is_sent_as_it_comes_and_again_from_its_recording() {
    let server = Server::start().await.unwrap();
    server.replies([Reply::status(503), Reply::ok()]);
    let pieces = stream::iter(["one ", "two"]).map(|piece| Ok::<_, CallError>(Frame::data(piece.into())));
    let request = Request::put(server.uri("/")).body(Body::new(StreamBody::new(pieces))).unwrap();
    assert_eq!(api().oneshot(request).await.unwrap().status(), 200);
    let received = server.requests();
    assert_eq!(received.len(), 2);
    for received in received {
        assert_eq!((received.body.as_ref(), received.header("content-length")), (&b"one two"[..], None));
    }
}

#[tokio::test]
async fn a_url_that_reqwest_rejects_is_never_sent() {
    for uri in ["/orders/1", "ftp://api.example/"] {
        let error = error_of(reqwest::Client::builder(), Uri::from_static(uri)).await;
        let source = error.source().and_then(|source| source.downcast_ref::<reqwest::Error>());
        assert!(source.unwrap().is_builder(), "{uri}");
        assert_eq!((error.kind().as_str(), error.outcome()), ("unsendable", Outcome::Unsent), "{uri}");
        assert_eq!(outcomes(error.attempts()), [Outcome::Unsent]);
    }
}

#[tokio::test]
async fn a_request_that_the_client_below_reqwest_rejects_is_never_sent() {
    let mut old = request("POST", Uri::from_static("http://api.example/"));
    *old.version_mut() = http::Version::HTTP_09;
    let error = api().oneshot(old).await.unwrap_err();
    assert_eq!((error.kind().as_str(), error.outcome()), ("unsendable", Outcome::Unsent));
    assert_eq!(outcomes(error.attempts()), [Outcome::Unsent]);
}

/// The user's own client follows redirects. The request itself was answered.
#[tokio::test]
async fn a_refused_redirect_target_is_not_the_request() {
    let server = Server::start().await.unwrap();
    server.reply(Reply::status(303).header("location", "/elsewhere"));
    let refuse = |attempt: reqwest::redirect::Attempt<'_>| {
        let refused = reqwest::Client::new().get("no url").build().unwrap_err();
        attempt.error(refused)
    };
    let client =
        reqwest::Client::builder().redirect(reqwest::redirect::Policy::custom(refuse)).build().unwrap();
    let error = client.post(server.uri("/orders").to_string()).send().await.unwrap_err();
    let error = CallError::from_source(error);
    assert_eq!((error.kind(), error.outcome()), (ErrorKind::Transport, Outcome::Ambiguous));
}
