//! What a worker writes of the requests that it sends.

use std::{
    fmt::Debug,
    sync::{Arc, Mutex, Once},
};

use http::Request;
use martello_body::Body;
use martello_outbox::{MemoryStore, Outbox};
use tracing::{
    Event, Subscriber,
    field::{Field, Visit},
};
use tracing_subscriber::{
    Registry,
    layer::{Context, Layer, SubscriberExt},
};

use crate::support::{Answer, Api, broken, put, status, work};

/// How the attempts were told, with the outcome and the status of each.
#[derive(Clone, Default)]
struct Told(Arc<Mutex<Vec<String>>>);

impl<S: Subscriber> Layer<S> for Told {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let mut line = Line::default();
        event.record(&mut line);
        if line.message.starts_with("a stored request was") {
            let level = event.metadata().level();
            self.0.lock().unwrap().push(format!("{level} {}:{}", line.message, line.fields));
        }
    }
}

#[derive(Default)]
struct Line {
    message: String,
    fields: String,
}

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        match field.name() {
            "message" => self.message = format!("{value:?}"),
            "outcome" | "http.response.status_code" => self.fields += &format!(" {value:?}"),
            _ => {}
        }
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.record_debug(field, &format_args!("{value}"));
    }
}

async fn told(request: Request<Body>, answers: impl IntoIterator<Item = Answer>) -> Vec<String> {
    // With a subscriber for the whole process, no test that runs at this moment makes `tracing` believe that
    // nobody listens.
    static PROCESS: Once = Once::new();
    PROCESS.call_once(|| tracing::subscriber::set_global_default(Registry::default()).unwrap());
    let told = Told::default();
    let _listening = tracing::subscriber::set_default(Registry::default().with(told.clone()));
    let outbox = Outbox::new(MemoryStore::new());
    let _worker = work(&outbox, &Api::answering(answers));
    outbox.enqueue(request).await.unwrap().ended().await.unwrap();
    told.0.lock().unwrap().drain(..).collect()
}

#[tokio::test(start_paused = true)]
async fn a_delete_that_finds_nothing_is_told_as_delivered_only_after_a_lost_answer() {
    let delete = || Request::delete("https://api.example/orders/1").body(Body::empty()).unwrap();
    assert_eq!(
        told(delete(), [broken(), status(404)]).await,
        [
            "INFO a stored request was not delivered: ambiguous",
            "DEBUG a stored request was delivered: rejected 404",
        ]
    );
    assert_eq!(
        told(delete(), [status(404)]).await,
        ["INFO a stored request was not delivered: rejected 404"]
    );
}

#[tokio::test(start_paused = true)]
async fn each_attempt_is_told_as_it_ended() {
    assert_eq!(
        told(put("/orders/1"), [status(503), status(200)]).await,
        [
            "INFO a stored request was not delivered: unavailable 503",
            "DEBUG a stored request was delivered: success 200",
        ]
    );
}
