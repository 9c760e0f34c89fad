use std::time::Duration;

use fastrand::Rng;

use martello_testkit::Reply;

/// How often which fault meets a request: shares of all requests, from 0 to 1, that together are at most 1. None by default.
///
/// Which request meets which is decided by the planner's seed and the request's number.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Faults {
    /// A load balancer answers 503 with a body of 16 KiB; nothing is done.
    pub unavailable: f64,
    /// The work is done, and a load balancer answers 504.
    pub late: f64,
    /// The work is done, and the connection is reset before the answer.
    pub reset: f64,
    /// The connection is reset before the work is done.
    pub lost: f64,
    /// The work is done, and the answer's body comes in small pieces over some 100 ms.
    pub slow: f64,
    /// The work is done, and the connection closes in the middle of the answer's body.
    pub cut: f64,
}

impl Faults {
    /// No faults.
    #[must_use]
    pub fn none() -> Self {
        Self::default()
    }

    /// One request in ten meets a fault, of any kind.
    #[must_use]
    pub fn bad_network() -> Self {
        Self { unavailable: 0.03, late: 0.02, reset: 0.02, lost: 0.01, slow: 0.01, cut: 0.01 }
    }

    pub(crate) fn pick(&self, random: &mut Rng) -> Option<Fault> {
        let mut lot = random.f64();
        let shares = [
            (Fault::Unavailable, self.unavailable),
            (Fault::Late, self.late),
            (Fault::Reset, self.reset),
            (Fault::Lost, self.lost),
            (Fault::Slow, self.slow),
            (Fault::Cut, self.cut),
        ];
        shares.into_iter().find_map(|(fault, share)| {
            lot -= share;
            (lot < 0.0).then_some(fault)
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

    /// What becomes of an answer of so many bytes.
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

    /// The status that goes out, if one does.
    pub(crate) fn status(self, status: u16) -> Option<u16> {
        match self {
            Self::Unavailable => Some(503),
            Self::Late => Some(504),
            Self::Reset | Self::Lost => None,
            Self::Slow | Self::Cut => Some(status),
        }
    }
}

/// A body so large that a client which does not read it loses the connection.
pub(crate) fn unavailable() -> Reply {
    Reply::status(503).body(vec![b'-'; 16 * 1024])
}
