use std::{pin::Pin, str::FromStr};

use bytes::{Buf, Bytes};
use http::{Request, Response, StatusCode, Uri};
use http_body_util::BodyExt;
use tower::{Service, ServiceExt};

use crate::{
    Error,
    fixture::{self, TRACKING_ID},
};

/// How users use a handle.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Drive {
    /// `service.ready().await?.call(request)`
    Ready,
    /// `service.clone().oneshot(request)`
    Oneshot,
    /// Alternates between the two.
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

/// The results of some calls.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Calls answered with 200.
    pub answered: u64,
    /// Bytes in their bodies.
    pub bytes: u64,
    /// Calls answered with an id of 36 bytes.
    pub identified: u64,
}

impl Tally {
    /// Reads a response to its end, and its id.
    pub(super) async fn read<R>(&mut self, response: Response<R>) -> Result<(), Error>
    where
        R: http_body::Body<Error: Into<Error>>,
    {
        let answered = response.status() == StatusCode::OK;
        let identified = response.headers().get(TRACKING_ID).is_some_and(|id| id.len() == 36);
        let mut bytes = 0;
        let mut body = std::pin::pin!(response.into_body());
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(Into::into)?;
            bytes += frame.data_ref().map_or(0, |data| data.remaining() as u64);
        }
        if answered {
            self.answered += 1;
            self.bytes += bytes;
            self.identified += u64::from(identified);
        }
        Ok(())
    }
}

impl std::ops::AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        self.answered += other.answered;
        self.bytes += other.bytes;
        self.identified += other.identified;
    }
}

pub type Driven<'a> = Pin<Box<dyn Future<Output = Result<Tally, Error>> + Send + 'a>>;

/// A service under measurement, with its type erased. The cost of that is paid once per batch of calls.
pub trait Subject: Send {
    /// Makes this many calls, one after the other. Reads each response to its end.
    fn drive(&mut self, calls: u64, drive: Drive) -> Driven<'_>;

    /// Another handle to the same service.
    fn fork(&self) -> Box<dyn Subject>;
}

/// An additional check of a response.
pub(super) type Tells = fn(&Response<()>) -> bool;

/// A service and its requests: `M` makes a request.
#[derive(Clone)]
pub(super) struct Typed<S, M> {
    service: S,
    make: M,
    sends: u64,
    tells: Tells,
}

/// A service that takes the fixture's request with a body of type `B`.
pub(super) fn asking<B, S>(
    service: S,
    uri: Uri,
) -> Typed<S, impl Fn() -> Result<Request<B>, Error> + Clone + Send>
where
    B: From<Bytes>,
{
    typed(service, move || fixture::request(&uri))
}

pub(super) fn typed<S, M>(service: S, make: M) -> Typed<S, M> {
    Typed { service, make, sends: 1, tells: |_| true }
}

impl<S, M> Typed<S, M> {
    /// The caller itself sends each call this often.
    pub(super) fn sending(self, sends: u64) -> Self {
        Self { sends, ..self }
    }

    /// The check of the last response.
    pub(super) fn telling(self, tells: Tells) -> Self {
        Self { tells, ..self }
    }

    pub(super) fn boxed(self) -> Box<dyn Subject>
    where
        Self: Subject + 'static,
    {
        Box::new(self)
    }
}

impl<S, M, Q, R> Subject for Typed<S, M>
where
    S: Service<Q, Response = Response<R>, Error: Into<Error> + Send, Future: Send> + Clone + Send + 'static,
    M: Fn() -> Result<Q, Error> + Clone + Send + 'static,
    Q: Send,
    R: http_body::Body<Data: Send, Error: Into<Error> + Send> + Send,
{
    fn drive(&mut self, calls: u64, drive: Drive) -> Driven<'_> {
        Box::pin(async move {
            let mut tally = Tally::default();
            for call in 1..=calls {
                for send in 1..=self.sends {
                    let request = (self.make)()?;
                    let response = match drive.is_ready(call) {
                        true => self.service.ready().await.map_err(Into::into)?.call(request).await,
                        false => self.service.clone().oneshot(request).await,
                    };
                    let (head, body) = response.map_err(Into::into)?.into_parts();
                    let head = Response::from_parts(head, ());
                    if call == calls && send == self.sends && !(self.tells)(&head) {
                        return Err("the response does not contain what it should".into());
                    }
                    tally.read(head.map(|()| body)).await?;
                }
            }
            Ok(tally)
        })
    }

    fn fork(&self) -> Box<dyn Subject> {
        Box::new(self.clone())
    }
}
