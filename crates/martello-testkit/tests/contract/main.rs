//! The probe names the promise that a layer breaks, and accepts correct layers.
#![expect(clippy::unwrap_used, reason = "a test that panics has failed")]

mod dropping;
mod queues;
mod readiness;
mod responses;
mod sound;

use bytes::Bytes;
use http::Request;
use http_body_util::Full;
use martello_testkit::contract::{self, Fault, Memory, Scenario, Strict};

type Inner = Strict<Memory>;

type Body = Full<Bytes>;

fn request() -> Request<Body> {
    Request::new(Full::new(Bytes::from_static(b"a request with a body")))
}

/// The violation that the probe finds in a broken layer.
macro_rules! violation {
    ($layer:expr) => {{
        let violation = crate::contract::check_layer($layer, crate::request).await.unwrap_err();
        (violation.scenario, violation.fault)
    }};
}
use violation;
