//! A route planner's API on a real socket, in this process, that misbehaves from a seed.

use std::{
    collections::BTreeMap,
    io,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use crate::{order, summary::Summary};
use http::Uri;
use martello_testkit::{Received, Reply, Server};
use serde_json::Value;

/// The request at which everything goes down, until somebody repairs it.
const OUTAGE_AT: usize = 160;

/// What a planner does to a request that it receives in good health.
#[derive(Clone, Copy)]
enum Fault {
    /// A load balancer has no server at hand.
    Unavailable,
    /// The same, and says when to come back.
    Busy,
    /// A load balancer gives up on a server that does the work all the same.
    Timeout,
    /// The connection is reset after the work was done.
    Reset,
    /// The answer comes in small pieces.
    SlowBody,
}

#[derive(Default)]
struct Books {
    /// By business id: the body as it was written.
    orders: BTreeMap<String, String>,
    /// By business id: each request received, with its Trackingid and whether it was answered.
    log: BTreeMap<String, Vec<(String, bool)>>,
    faults: BTreeMap<usize, Fault>,
    received: usize,
    repaired: bool,
}

pub(crate) struct Planner {
    server: Server,
    books: Arc<Mutex<Books>>,
}

impl Planner {
    pub(crate) async fn start(seed: u64) -> io::Result<Self> {
        let mut random = fastrand::Rng::with_seed(seed);
        let faults = faults(&mut random);
        let books = Arc::new(Mutex::new(Books { faults, ..Books::default() }));
        let shared = Arc::clone(&books);
        let server = Server::with(move |request| {
            shared.lock().unwrap_or_else(PoisonError::into_inner).answer(request, &mut random)
        });
        Ok(Self { server: server.await?, books })
    }

    pub(crate) fn uri(&self, path: &str) -> Uri {
        self.server.uri(path)
    }

    /// Ends the outage.
    pub(crate) fn repair(&self) {
        self.books.lock().unwrap_or_else(PoisonError::into_inner).repaired = true;
    }

    pub(crate) fn most_in_flight(&self) -> usize {
        self.server.most_in_flight()
    }

    /// What differs between the server's books and what was reported: nothing, if all is well.
    pub(crate) fn check(&self, orders: &[&str], summary: &Summary) -> Vec<String> {
        let books = self.books.lock().unwrap_or_else(PoisonError::into_inner);
        let mut wrong = Vec::new();
        // Both in the order of their ids.
        let held: Vec<Option<Value>> =
            books.orders.values().map(|line| serde_json::from_str(line).ok()).collect();
        let meant = orders.iter().map(|line| order::corrected(line).ok());
        let sent: Vec<Option<Value>> =
            meant.map(|line| line.and_then(|line| serde_json::from_str(&line).ok())).collect();
        if held != sent {
            wrong.push(format!("{} orders were sent and {} are held", sent.len(), held.len()));
        }
        let most = self.most_in_flight();
        if most > 5 {
            wrong.push(format!("{most} requests were in flight at once"));
        }
        let reported = summary.attempts();
        for (order, log) in &books.log {
            // The id of a request whose connection was lost never reached the caller.
            let received: Vec<_> = log.iter().map(|(id, answered)| answered.then_some(id.clone())).collect();
            if reported.get(order.as_str()) != Some(&received) {
                wrong.push(format!(
                    "{order}: received {received:?}, reported {:?}",
                    reported.get(order.as_str())
                ));
            }
        }
        if reported.len() != books.log.len() {
            wrong.push(format!("{} orders reported, {} seen", reported.len(), books.log.len()));
        }
        wrong
    }
}

/// Which order meets which fault, counted as they come in. A fault meets an order once: its second attempt goes
/// through, unless everything is down.
fn faults(random: &mut fastrand::Rng) -> BTreeMap<usize, Fault> {
    use Fault::{Busy, Reset, SlowBody, Timeout, Unavailable};
    let kinds = [Unavailable, Unavailable, Unavailable, Timeout, Timeout, Reset, Busy, SlowBody, SlowBody];
    let mut at = random.choose_multiple(5..OUTAGE_AT, kinds.len());
    random.shuffle(&mut at);
    at.into_iter().zip(kinds).collect()
}

impl Books {
    fn answer(&mut self, request: &Received, random: &mut fastrand::Rng) -> Reply {
        let id = format!("{:08x}-{:016x}", random.u32(..), random.u64(..));
        let order = request.uri.path().trim_start_matches("/orders/").to_owned();
        self.received += 1;
        let fault =
            if self.log.contains_key(&order) { None } else { self.faults.remove(&(self.log.len() + 1)) };
        let (reply, done, answered) = self.decide(fault, &request.body);
        let known = self.orders.contains_key(&order);
        self.log.entry(order.clone()).or_default().push((id.clone(), answered));
        if done {
            self.orders.insert(order, String::from_utf8_lossy(&request.body).into_owned());
        }
        let reply = match reply {
            Some(reply) => reply,
            None => Reply::status(if known { 200 } else { 201 }).body(request.body.clone()),
        };
        reply.header("trackingid", id)
    }

    /// The reply if it is not the order itself, whether the order is written, and whether an answer goes out.
    fn decide(&mut self, fault: Option<Fault>, body: &[u8]) -> (Option<Reply>, bool, bool) {
        if self.received >= OUTAGE_AT && !self.repaired {
            return (Some(Reply::status(503)), false, true);
        }
        if !order::is_right(&String::from_utf8_lossy(body)) {
            let error = r#"{"error": "the delivery window ends before it starts"}"#;
            return (Some(Reply::status(422).body(error)), false, true);
        }
        let large = vec![b'-'; 64 * 1024];
        match fault {
            None => (None, true, true),
            Some(Fault::Unavailable) => (Some(Reply::status(503).body(large)), false, true),
            Some(Fault::Busy) => (Some(Reply::status(503).header("retry-after", "1")), false, true),
            Some(Fault::Timeout) => {
                (Some(Reply::status(504).delay(Duration::from_millis(200)).body(large)), true, true)
            }
            Some(Fault::Reset) => (Some(Reply::reset()), true, false),
            Some(Fault::SlowBody) => {
                let slow = Reply::ok().body(vec![b' '; 64]).trickle(8, Duration::from_millis(50));
                (Some(slow), true, true)
            }
        }
    }
}
