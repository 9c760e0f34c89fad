use std::time::Duration;

use fastrand::Rng;

use martello_testkit::Reply;

/// The share of requests that meet each fault, from 0 to 1; the sum is at most 1. All are 0 by default.
///
/// The planner's seed and the request's number decide which request meets which fault.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Faults {
    /// A load balancer answers 503 with a body of 16 KiB; the request is not performed.
    pub unavailable: f64,
    /// The request is performed, and a load balancer answers 504.
    pub late: f64,
    /// The request is performed, and the connection is reset before the response.
    pub reset: f64,
    /// The connection is reset before the request is performed.
    pub lost: f64,
    /// The request is performed, and the response's body arrives in small pieces over about 100 ms.
    pub slow: f64,
    /// The request is performed, and the connection closes in the middle of the response's body.
    pub cut: f64,
}

impl Faults {
    /// No faults.
    #[must_use]
    pub fn none() -> Self {
        Self::default()
    }

    /// One request in ten meets a fault, of one of the six kinds.
    #[must_use]
    pub fn bad_network() -> Self {
        Self { unavailable: 0.03, late: 0.02, reset: 0.02, lost: 0.01, slow: 0.01, cut: 0.01 }
    }

    pub(crate) fn pick(&self, random: &mut Rng) -> Option<Fault> {
        let mut sample = random.f64();
        let shares = [
            (Fault::Unavailable, self.unavailable),
            (Fault::Late, self.late),
            (Fault::Reset, self.reset),
            (Fault::Lost, self.lost),
            (Fault::Slow, self.slow),
            (Fault::Cut, self.cut),
        ];
        shares.into_iter().find_map(|(fault, share)| {
            sample -= share;
            (sample < 0.0).then_some(fault)
        })
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    Unavailable,
    Late,
    Reset,
    Lost,
    Slow,
    Cut,
}

impl Fault {
    pub(crate) fn is_before_the_work(self) -> bool {
        matches!(self, Self::Unavailable | Self::Lost)
    }

    /// Applies the fault to a reply whose body has this length in bytes.
    pub(crate) fn spoil(self, reply: Reply, length: usize) -> Reply {
        match self {
            Self::Unavailable => unavailable(),
            Self::Late => Reply::status(504),
            Self::Reset | Self::Lost => Reply::reset(),
            Self::Slow => reply.trickle(length.div_ceil(10), Duration::from_millis(10)),
            Self::Cut if length == 0 => Reply::close(),
            Self::Cut => reply.cut_after(length / 2),
        }
    }

    /// The status that is sent, if any.
    pub(crate) fn status(self, status: u16) -> Option<u16> {
        match self {
            Self::Unavailable => Some(503),
            Self::Late => Some(504),
            Self::Reset | Self::Lost => None,
            Self::Slow | Self::Cut => Some(status),
        }
    }
}

/// 503 with a body so large that a client which does not read it loses the connection.
pub(crate) fn unavailable() -> Reply {
    Reply::status(503).body(vec![b'-'; 16 * 1024])
}
