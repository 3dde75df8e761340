//! One connection, from its handshake to its end.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::http::Request;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::MissedTickBehavior;

use super::activity::{Activity, Verdict};
use super::address::Scheme;
use super::io::Counted;
use super::{Phase, Shared, request};
use crate::config::Limits;

/// Longest time between two looks at a connection.
const LOOK: Duration = Duration::from_secs(1);
/// Largest buffer for the head of an HTTP/1.1 request; the exact limits are checked when it is read. Also what is read of a body at once.
const HEAD_BUFFER: usize = 192 * 1024;
/// Streams that a client may open and reset before the server has answered (CVE-2023-44487); above, the connection is closed.
const PENDING_RESETS: usize = 20;
/// Resets that the client's own errors may make the server send (CVE-2025-8671).
const OWN_RESETS: usize = 128;
/// HTTP/2 pings tell a dead peer from a silent one.
const PING: Duration = Duration::from_secs(20);

/// Serves a connection until it ends, is too slow, or the server stops.
pub(super) async fn serve(shared: &Arc<Shared>, stream: TcpStream, peer: IpAddr, phases: &mut watch::Receiver<Phase>) {
    // Answers are whole when they are sent; waiting to fill packets only delays them.
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%peer, %error, "a connection was gone at once");
        return;
    }
    let Some(tls) = &shared.settings.tls else { return run(shared, stream, peer, Scheme::Http, phases).await };
    let handshake = tls.acceptor().accept(stream);
    match tokio::time::timeout(shared.settings.limits.header_time(), handshake).await {
        Ok(Ok(stream)) => run(shared, stream, peer, Scheme::Https, phases).await,
        Ok(Err(error)) => tracing::debug!(%peer, %error, "a TLS handshake failed"),
        Err(_) => tracing::debug!(%peer, "a TLS handshake was too slow"),
    }
}

async fn run<S>(shared: &Arc<Shared>, stream: S, peer: IpAddr, scheme: Scheme, phases: &mut watch::Receiver<Phase>)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let limits = shared.settings.limits;
    let activity = Arc::new(Activity::new());
    let stream = TokioIo::new(Counted::new(stream, Arc::clone(&activity)));
    let service = {
        let (shared, activity) = (Arc::clone(shared), Arc::clone(&activity));
        service_fn(move |request: Request<Incoming>| request::answer(Arc::clone(&shared), Arc::clone(&activity), peer, scheme, request))
    };
    let builder = builder(&limits);
    let mut connection = std::pin::pin!(builder.serve_connection(stream, service));
    let mut looks = tokio::time::interval(LOOK);
    looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut closing = false;
    loop {
        tokio::select! {
            ended = connection.as_mut() => {
                if let Err(error) = ended {
                    tracing::debug!(%peer, %error, "a connection broke");
                }
                return;
            }
            _ = looks.tick() => match activity.verdict(&limits) {
                Verdict::Fine => {}
                Verdict::Idle if closing => {}
                Verdict::Idle => {
                    closing = true;
                    connection.as_mut().graceful_shutdown();
                }
                Verdict::Slow => {
                    tracing::debug!(%peer, "a connection was too slow");
                    return;
                }
            },
            phase = phases.wait_for(|phase| *phase != Phase::Running), if !closing => {
                drop(phase);
                closing = true;
                connection.as_mut().graceful_shutdown();
            }
        }
    }
}

fn builder(limits: &Limits) -> Builder<TokioExecutor> {
    let mut builder = Builder::new(TokioExecutor::new());
    // Slow heads are a matter of `activity`: hyper's own timer would also close connections that only rest.
    builder.http1().timer(TokioTimer::new()).header_read_timeout(None).max_buf_size(HEAD_BUFFER);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(limits.streams)
        .max_header_list_size(u32::try_from(limits.header_bytes).unwrap_or(u32::MAX))
        .max_pending_accept_reset_streams(PENDING_RESETS)
        .max_local_error_reset_streams(OWN_RESETS)
        .keep_alive_interval(PING)
        .keep_alive_timeout(PING);
    builder
}
