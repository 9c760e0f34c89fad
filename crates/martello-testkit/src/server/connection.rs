//! Serves the requests of one connection, one after the other.

use std::{io, sync::Arc};

use http::Method;
use tokio::net::TcpStream;

use super::{
    Reply,
    reply::{At, End},
    request::{Head, Unreadable},
    response::{Pieces, interim},
    state::{InFlight, Shared},
    wire::Wire,
};

/// What happens to the connection after an exchange.
enum Then {
    NextRequest,
    Close,
    Abandon,
    Reset,
    /// A 101 ended HTTP on this connection: stay silent until the peer leaves.
    Silence,
}

pub(super) async fn serve(stream: TcpStream, number: usize, shared: Arc<Shared>) {
    let mut wire = Wire::new(stream);
    loop {
        match exchange(&mut wire, number, &shared).await {
            Ok(Then::NextRequest) => {}
            Ok(Then::Close) => return wire.close().await,
            Ok(Then::Reset) => return drop(wire.reset()),
            Ok(Then::Silence) => return wire.departure().await,
            Ok(Then::Abandon) | Err(Unreadable::Gone) => return,
            Err(Unreadable::Refuse(status)) => {
                let refusal = Reply::status(status).close_connection();
                for piece in Pieces::of(&refusal, &Method::GET) {
                    let _ = wire.write(&piece).await;
                }
                return wire.close().await;
            }
        }
    }
}

async fn exchange(wire: &mut Wire, number: usize, shared: &Arc<Shared>) -> Result<Then, Unreadable> {
    let mut head = Head::read(wire, number).await?;
    let (mut in_flight, scripted) = shared.arrived(&mut head.request);
    let early = scripted.as_ref().is_some_and(|reply| reply.at != At::BodyRead);
    if !early {
        head.invite_body(wire).await?;
        read_body(&mut head, wire, shared).await?;
    }
    let mut reply = scripted.unwrap_or_else(|| shared.handle(&head.request));
    announce(wire, &reply).await?;
    let mut then = ending(&reply, head.keep_alive);
    if early
        && matches!(then, Then::NextRequest)
        && !reply.interim.contains(&100)
        && head.withholds_body(wire)
    {
        // RFC 9110 §10.1.1: the client may or may not send the body, so the next bytes are ambiguous. Close.
        reply = reply.close_connection();
        then = Then::Close;
    }
    answer(wire, &mut in_flight, &reply, &head.request.method).await?;
    // A reply that writes no byte has not ended the request in the count; dropping this does.
    drop(in_flight);
    if early && matches!(then, Then::NextRequest) && read_body(&mut head, wire, shared).await.is_err() {
        // The response is already sent.
        then = Then::Close;
    }
    Ok(then)
}

async fn read_body(head: &mut Head, wire: &mut Wire, shared: &Shared) -> Result<(), Unreadable> {
    let read = head.read_body(wire).await;
    shared.body_read(&head.request);
    read
}

/// Sends the interim responses, and waits for the delay.
async fn announce(wire: &mut Wire, reply: &Reply) -> io::Result<()> {
    for status in &reply.interim {
        wire.write(&interim(*status)).await?;
    }
    wire.pause(reply.delay).await
}

async fn answer(wire: &mut Wire, in_flight: &mut InFlight, reply: &Reply, method: &Method) -> io::Result<()> {
    let mut pieces = Pieces::of(reply, method).peekable();
    while let Some(piece) = pieces.next() {
        if pieces.peek().is_none() && reply.end != End::Stall {
            in_flight.finish(&wire.stream, piece).await?;
        } else {
            wire.write(&piece).await?;
        }
        if let Some((_, every)) = reply.pace.filter(|_| pieces.peek().is_some()) {
            wire.pause(every).await?;
        }
    }
    if reply.end == End::Stall {
        wire.departure().await;
    }
    Ok(())
}

fn ending(reply: &Reply, keep_alive: bool) -> Then {
    match reply.end {
        End::Reset => Then::Reset,
        End::Stall => Then::Abandon,
        End::Close if reply.at == At::NeverReadBody => Then::Abandon,
        End::KeepAlive if reply.status == 101 => Then::Silence,
        End::KeepAlive if keep_alive => Then::NextRequest,
        End::Close | End::KeepAlive => Then::Close,
    }
}
