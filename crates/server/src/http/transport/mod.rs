//! From a listening socket to the router: TLS, HTTP/1.1 and HTTP/2, limits against slow and greedy clients, an orderly end.
//!
//! INVARIANT: a connection that does not move is closed: nobody holds a place by waiting (see [`activity`]).
//! INVARIANT: what stands in `X-Forwarded-For`, `X-Forwarded-Proto` and their kin reaches a handler only from a trusted proxy.
//! INVARIANT: a panic in a handler is an answer 500 of that request, and nothing else.

mod activity;
mod address;
mod body;
mod connection;
mod headers;
mod io;
mod places;
mod request;
mod tls;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, mpsc, watch};

pub use address::{Arrival, Scheme};
pub use headers::harden;
pub use tls::TlsState;

use crate::app::rates::Rates;
use crate::config::{Limits, Listen};
use places::Places;

/// Pause after the system refused a connection, for lack of file descriptors as a rule.
const REFUSED_PAUSE: Duration = Duration::from_millis(100);

/// How connections are taken.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// What a caller may use at most.
    pub limits: Limits,
    /// Whose word about the caller's address counts.
    pub listen: Listen,
    /// Certificate and key; without them connections are not encrypted.
    pub tls: Option<Arc<TlsState>>,
    /// How often an address may call.
    pub rates: Arc<Rates>,
}

/// What all connections share.
struct Shared {
    router: Router,
    settings: Settings,
    places: Arc<Places>,
}

/// How far the end of the server is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Running,
    /// Running requests end; no connection takes another one.
    Stopping,
    /// The grace is over.
    Ended,
}

/// Serves until `stop` is ready; then refuses new connections, lets running requests end, and closes what is left after the grace.
pub async fn serve(listener: TcpListener, router: Router, settings: Settings, stop: impl Future<Output = ()>) {
    let grace = settings.limits.grace();
    let places = Places::new(&settings.limits);
    let shared = Arc::new(Shared { router, settings, places });
    let (phase, phases) = watch::channel(Phase::Running);
    // Each connection holds a sender: when all are gone, so are the connections.
    let (held, mut gone) = mpsc::channel::<()>(1);
    accept_until(&shared, &listener, &phases, &held, stop).await;
    drop(listener);
    drop(held);
    phase.send_replace(Phase::Stopping);
    if tokio::time::timeout(grace, gone.recv()).await.is_err() {
        tracing::warn!(connections = shared.places.taken(), "requests were still running after the signal to stop");
        phase.send_replace(Phase::Ended);
        gone.recv().await;
    }
}

async fn accept_until(shared: &Arc<Shared>, listener: &TcpListener, phases: &watch::Receiver<Phase>, held: &mpsc::Sender<()>, stop: impl Future<Output = ()>) {
    let mut stop = std::pin::pin!(stop);
    loop {
        let next = async {
            let place = shared.places.wait().await?;
            Some((accept(listener).await, place))
        };
        let ((stream, peer), place) = tokio::select! {
            taken = next => match taken {
                Some(taken) => taken,
                None => return,
            },
            () = &mut stop => return,
        };
        spawn(shared, stream, peer, place, phases.clone(), held.clone());
    }
}

/// The next connection. What the system refuses is tried again: a server that ends because it has no file descriptor left helps nobody.
async fn accept(listener: &TcpListener) -> (TcpStream, SocketAddr) {
    loop {
        match listener.accept().await {
            Ok(taken) => return taken,
            Err(error) => {
                use std::io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
                // These are about the one connection, which is gone.
                if !matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset) {
                    tracing::warn!(%error, "cannot take a connection");
                    tokio::time::sleep(REFUSED_PAUSE).await;
                }
            }
        }
    }
}

fn spawn(shared: &Arc<Shared>, stream: TcpStream, peer: SocketAddr, place: OwnedSemaphorePermit, mut phases: watch::Receiver<Phase>, held: mpsc::Sender<()>) {
    let peer = peer.ip().to_canonical();
    let trusted = shared.settings.listen.trusts(peer);
    let Some(of_address) = shared.places.of_address(peer, trusted) else {
        tracing::debug!(%peer, "an address has too many connections");
        return;
    };
    let shared = Arc::clone(shared);
    tokio::spawn(async move {
        let mut ended = phases.clone();
        tokio::select! {
            () = connection::serve(&shared, stream, peer, &mut phases) => {}
            // The sender lives as long as the server.
            _ = ended.wait_for(|phase| *phase == Phase::Ended) => {}
        }
        drop((of_address, place, held));
    });
}
