//! Encrypts request bodies before they are stored, with an AEAD (RFC 8439). The file alone does not reveal
//! them.
//!
//! ```text
//! cargo run --example sealing
//! ```

use std::{error::Error, io::Write};

use bytes::Bytes;
use chacha20poly1305::{
    ChaCha20Poly1305, KeyInit, Nonce,
    aead::{Aead, Generate, Key, Payload},
};
use http::Request;
use hyper_util::{client::legacy::Client, rt::TokioExecutor};
use martello::{
    Body, Outbox, Stack,
    outbox::{EntryId, Sealing, State},
    sqlite::SqliteStore,
};
use martello_testkit::Server;
use tower::Layer;

const NONCE: usize = 12;

/// Encrypts each body with a new nonce, and stores the nonce before the ciphertext. The entry's id is
/// associated data, so that a body cannot be moved to another entry.
fn sealing(key: &Key<ChaCha20Poly1305>) -> Sealing {
    let sealer = ChaCha20Poly1305::new(key);
    let opener = sealer.clone();
    let seal = move |id: EntryId, body: Bytes| {
        let nonce = Nonce::generate();
        let sealed = sealer.encrypt(&nonce, Payload { msg: &body, aad: id.as_bytes() });
        let sealed = sealed.map_err(|_| "the body is too long to encrypt")?;
        Ok([nonce.as_slice(), &sealed].concat().into())
    };
    let open = move |id: EntryId, body: Bytes| {
        let (nonce, sealed) =
            body.split_at_checked(NONCE).ok_or("the stored body is shorter than a nonce")?;
        let nonce = Nonce::try_from(nonce)?;
        let opened = opener.decrypt(&nonce, Payload { msg: sealed, aad: id.as_bytes() });
        Ok(opened.map_err(|_| "the key is wrong, or the stored body was changed")?.into())
    };
    Sealing::new(seal, open)
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let api = Server::start().await?;
    let directory = tempfile::tempdir()?;
    let file = directory.path().join("outbox.db");

    // In production, load the key from your secret store.
    let key = Key::<ChaCha20Poly1305>::generate();
    let outbox = Outbox::builder(SqliteStore::open(&file).await?).sealing(sealing(&key)).build()?;
    let http = Client::builder(TokioExecutor::new()).build_http::<Body>();

    let order = Request::put(api.uri("/patients/17")).body(Body::from("diagnosis: none of your business"))?;
    let ticket = outbox.enqueue(order).await?;
    let mut stored = Vec::new();
    for file in std::fs::read_dir(directory.path())? {
        stored.extend(std::fs::read(file?.path())?);
    }
    if stored.windows(9).any(|bytes| bytes == b"diagnosis") {
        return Err("the file contains the plain body".into());
    }

    let worker = outbox.worker(Stack::new().without_retry().build()?.layer(http)).start();
    let state = ticket.ended().await?.state;
    worker.shutdown().await;
    let received = api.requests().into_iter().map(|request| request.body).collect::<Vec<_>>();
    writeln!(
        std::io::stdout(),
        "{state}: the API received {received:?}, and the file contains only ciphertext"
    )?;
    if state != State::Done || received != ["diagnosis: none of your business"] {
        return Err("the API did not receive the original body".into());
    }
    Ok(())
}
