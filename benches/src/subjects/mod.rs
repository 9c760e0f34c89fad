//! What is measured: each subject is a service, built in the file of its maker, and driven here.

mod bare;
mod martello;

use std::{fmt::Debug, pin::Pin, str::FromStr};

use bytes::{Buf, Bytes};
use http::{Request, Response, Uri};
use http_body_util::BodyExt;
use tower::{Service, ServiceExt};

use crate::{
    case::Case,
    fixture::{self, Error, Server, TRACKING_ID},
};

/// How a handle is used: the two ways in which users use one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Drive {
    /// `service.ready().await?.call(request)`
    Ready,
    /// `service.clone().oneshot(request)`
    Oneshot,
    /// The two in turn.
    Both,
}

impl Drive {
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Ready => "ready",
            Self::Oneshot => "oneshot",
            Self::Both => "both",
        }
    }

    fn is_ready(self, call: u64) -> bool {
        self == Self::Ready || self == Self::Both && call.is_multiple_of(2)
    }
}

impl FromStr for Drive {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self, Error> {
        let drive = [Self::Ready, Self::Oneshot, Self::Both].into_iter().find(|drive| drive.name() == name);
        drive.ok_or_else(|| format!("no drive is called {name}").into())
    }
}

/// What came of some calls.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Calls that were answered 200.
    pub answered: u64,
    /// Bytes in their bodies.
    pub bytes: u64,
    /// Calls whose response bore an id of 36 bytes.
    pub identified: u64,
}

pub type Driven<'a> = Pin<Box<dyn Future<Output = Result<Tally, Error>> + Send + 'a>>;

/// A service under measurement, of whatever type. What it costs to have no type is paid once per batch of calls.
pub trait Subject: Send {
    /// Makes so many calls, one after the other, each read to its end.
    fn drive(&mut self, calls: u64, drive: Drive) -> Driven<'_>;
}

/// Everything that is measured in memory, in the order of the table.
pub const IN_MEMORY: &[&str] = &[
    "bare",
    "martello_limit",
    "martello_retry",
    "martello_tracking",
    "martello_log",
    "martello_four",
    "martello_stack",
];

/// The subject of this name over a server in memory, or nothing where it cannot do the case.
///
/// # Errors
///
/// When no subject has the name, or its maker refuses the configuration.
pub fn in_memory(name: &str, case: Case, server: Server) -> Result<Option<Box<dyn Subject>>, Error> {
    let uri = Uri::from_static("http://api.example.com/planning/v1/orders/DO-1");
    match name {
        "bare" => Ok(bare::subject(case, server, uri)),
        _ if name.starts_with("martello_") => martello::subject(name, case, server, uri),
        _ => Err(format!("no subject is called {name}").into()),
    }
}

/// A service that takes this body.
struct Typed<S, B> {
    service: S,
    uri: Uri,
    body: std::marker::PhantomData<fn() -> B>,
}

/// `B` is the body that the service is used with.
fn typed<B, S>(service: S, uri: Uri) -> Box<dyn Subject>
where
    B: From<Bytes> + Send + 'static,
    Typed<S, B>: Subject + 'static,
{
    Box::new(Typed { service, uri, body: std::marker::PhantomData })
}

impl<S, B, R> Subject for Typed<S, B>
where
    S: Service<Request<B>, Response = Response<R>> + Clone + Send,
    S::Error: Into<Error> + Send,
    S::Future: Send,
    B: From<Bytes> + Send,
    R: http_body::Body + Send,
    R::Data: Send,
    R::Error: Into<Error> + Send,
{
    fn drive(&mut self, calls: u64, drive: Drive) -> Driven<'_> {
        Box::pin(async move {
            let mut tally = Tally::default();
            for call in 0..calls {
                let request = fixture::request(&self.uri)?;
                let response = match drive.is_ready(call) {
                    true => self.service.ready().await.map_err(Into::into)?.call(request).await,
                    false => self.service.clone().oneshot(request).await,
                };
                tally.read(response.map_err(Into::into)?).await?;
            }
            Ok(tally)
        })
    }
}

impl Tally {
    async fn read<R>(&mut self, response: Response<R>) -> Result<(), Error>
    where
        R: http_body::Body,
        R::Error: Into<Error>,
    {
        self.answered += u64::from(response.status() == 200);
        self.identified += u64::from(response.headers().get(TRACKING_ID).is_some_and(|id| id.len() == 36));
        let mut body = std::pin::pin!(response.into_body());
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(Into::into)?;
            self.bytes += frame.data_ref().map_or(0, |data| data.remaining() as u64);
        }
        Ok(())
    }
}
