//! The probe names what a broken layer breaks, and passes what is sound.

#[cfg(test)]
mod dropping;
#[cfg(test)]
mod readiness;
#[cfg(test)]
mod responses;
#[cfg(test)]
mod sound;

#[cfg(test)]
use {
    bytes::Bytes,
    http::Request,
    http_body_util::Full,
    martello_testkit::contract::{self, Fault, Memory, Scenario, Strict},
};

#[cfg(test)]
type Inner = Strict<Memory>;

#[cfg(test)]
type Body = Full<Bytes>;

#[cfg(test)]
fn request() -> Request<Body> {
    Request::new(Full::new(Bytes::from_static(b"a request with a body")))
}

/// What the probe finds in a layer, which has to be something.
#[cfg(test)]
macro_rules! violation {
    ($layer:expr) => {{
        let violation = crate::contract::check_layer($layer, crate::request).await.unwrap_err();
        (violation.scenario, violation.fault)
    }};
}
#[cfg(test)]
use violation;
