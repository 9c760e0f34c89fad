//! The state of the planner, behind one lock.

use std::time::{Duration, SystemTime};

use fastrand::Rng;
use http::Method;
use tokio::time::Instant;

use super::{
    Exchange, Faults, Planning,
    answer::Answer,
    entities::Entities,
    exchange::Exchanges,
    faults::{self, Fault},
    plannings::Plannings,
    stamp::Stamp,
    tokens::Tokens,
};
use martello_testkit::{Received, Reply};

pub(crate) const LIST: &str = "/planning/v1/plannings";
pub(crate) const TOKEN: &str = "/oauth2/token";

#[derive(Default)]
pub(crate) struct State {
    pub(crate) seed: u64,
    pub(crate) latency: Duration,
    pub(crate) clock_ahead: Duration,
    pub(crate) clock_behind: Duration,
    pub(crate) faults: Faults,
    pub(crate) tokens: Option<Tokens>,
    pub(crate) entities: Entities,
    pub(crate) plannings: Plannings,
    /// How late the planning of an order is listed, at most; `None` creates no plannings.
    pub(crate) plans_orders: Option<Duration>,
    pub(crate) exchanges: Exchanges,
    /// The planner is down from the request with this number on.
    pub(crate) down_from: Option<u64>,
    received: u64,
}

impl State {
    /// The time of the planner's clock.
    pub(crate) fn now(&self) -> SystemTime {
        let now = SystemTime::now() + self.clock_ahead;
        now.checked_sub(self.clock_behind).unwrap_or(now)
    }

    pub(crate) fn answer(&mut self, request: &Received) -> Reply {
        self.received += 1;
        let number = self.received;
        let mut random = Rng::with_seed(self.seed.wrapping_add(number));
        let tracking_id = uuid(&mut random);
        let path = request.uri.path();
        if request.method == Method::PUT {
            *self.entities.receipts.entry(path.to_owned()).or_default() += 1;
        }
        let now = Stamp::of(self.now());
        let down = self.down_from.is_some_and(|from| number >= from);
        let fault = self.faults.pick(&mut random);
        let (reply, status, performed) = match fault {
            _ if down => (faults::unavailable(), Some(503), false),
            Some(fault) if fault.is_before_the_work() => {
                (fault.spoil(Reply::ok(), 0), fault.status(0), false)
            }
            fault => self.serve(request, now, fault, random.u64(..)),
        };
        let exchange = Exchange {
            number,
            tracking_id: tracking_id.clone(),
            method: request.method.clone(),
            path: path.to_owned(),
            status,
            performed,
        };
        self.exchanges.add(exchange);
        reply
            .header("trackingid", tracking_id)
            .header("date", httpdate::fmt_http_date(now.time()))
            .delay(self.latency)
    }

    fn serve(
        &mut self,
        request: &Received,
        now: Stamp,
        fault: Option<Fault>,
        nonce: u64,
    ) -> (Reply, Option<u16>, bool) {
        let answer = self.route(request, now, nonce);
        let (reply, status) = (answer.reply(), answer.status);
        let performed = status < 400;
        match fault {
            Some(fault) => (fault.spoil(reply, answer.body.len()), fault.status(status), performed),
            None => (reply, Some(status), performed),
        }
    }

    fn route(&mut self, request: &Received, now: Stamp, nonce: u64) -> Answer {
        let path = request.uri.path();
        if let Some(tokens) = &mut self.tokens {
            if path == TOKEN && request.method == Method::POST {
                return tokens.issue(request, nonce);
            }
            if !tokens.allows(request) {
                let answer = Answer::error(401, "the token is missing, unknown, or has expired");
                return answer.header("www-authenticate", r#"Bearer error="invalid_token""#);
            }
        }
        match request.method {
            Method::GET if path == LIST => self.plannings.list(request.uri.query().unwrap_or_default(), now),
            Method::GET => self.entities.get(path),
            Method::PUT => self.put(request, now, nonce),
            _ => Answer::error(405, "only GET and PUT are allowed").header("allow", "GET, PUT"),
        }
    }

    fn put(&mut self, request: &Received, now: Stamp, nonce: u64) -> Answer {
        let path = request.uri.path();
        let before = self.entities.held.get(path).map(|entity| entity.version);
        let answer = self.entities.put(path, request);
        let Some((entity, lateness)) = self.entities.held.get(path).zip(self.plans_orders) else {
            return answer;
        };
        if before != Some(entity.version) {
            let late = lateness.mul_f64(Rng::with_seed(nonce).f64());
            let id = path.rsplit('/').next().unwrap_or_default().to_owned();
            let planning =
                Planning { order: Some(entity.body.clone()), ..Planning::new(id, now.time(), now.time()) };
            self.release(planning, late);
        }
        answer
    }

    pub(crate) fn release(&mut self, planning: Planning, after: Duration) {
        self.plannings.release(planning, Instant::now() + after);
    }
}

fn uuid(random: &mut Rng) -> String {
    let (high, low) = (random.u64(..), random.u64(..));
    let (first, second, third) = (high >> 32, high >> 16 & 0xffff, high & 0x0fff);
    format!(
        "{first:08x}-{second:04x}-4{third:03x}-{:04x}-{:012x}",
        low >> 50 | 0x8000,
        low & 0xffff_ffff_ffff
    )
}
