//! Connections: accepting them, their limits, and their end. A loop of our own on hyper, because a bound on open
//! connections, a drain during which probes are still answered, and a close that lets the caller read its refusal are
//! not what ready-made servers do.

mod connection;
mod share;

use std::{
    future::Future,
    net::SocketAddr,
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use axum::{Router, http::HeaderMap};
use contract::code;
use futures::FutureExt as _;
use lifecycle::Shutdown;
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore},
};
use tokio_rustls::TlsAcceptor;
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tracing::warn;

use crate::{
    address::Proxies,
    metrics::{Metrics, NO_PROVIDER},
    server::share::Shares,
};

/// Wait after a failed accept, such as one that found no free file descriptor.
const ACCEPT_RETRY: Duration = Duration::from_millis(100);

/// Limits of connections.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    pub(crate) connections_max: usize,
    pub(crate) header_timeout: Duration,
    pub(crate) headers_max_bytes: usize,
}

/// The other end of a connection.
#[derive(Debug, Clone)]
pub(crate) struct Peer {
    pub(crate) address: SocketAddr,
    tls: bool,
    /// Common name of the client's certificate, which TLS has verified.
    pub(crate) certificate_cn: Option<Arc<str>>,
    unread: Arc<AtomicBool>,
}

impl Peer {
    pub(crate) fn is_https(&self, proxies: &Proxies, headers: &HeaderMap) -> bool {
        self.tls || proxies.says_https(self.address.ip(), headers)
    }

    /// Notes that the caller was answered while it may still be sending.
    pub(crate) fn expect_more_than_was_read(&self) {
        self.unread.store(true, Ordering::Relaxed);
    }
}

/// Serves one router on one listener.
#[derive(Clone)]
pub(crate) struct Server {
    router: Router,
    tls: Option<TlsAcceptor>,
    limits: Limits,
    shares: Arc<Shares>,
    metrics: Arc<Metrics>,
    shutdown: Shutdown,
}

impl Server {
    pub(crate) fn new(
        router: Router,
        tls: Option<TlsAcceptor>,
        limits: Limits,
        proxies: Arc<Proxies>,
        metrics: Arc<Metrics>,
        shutdown: Shutdown,
    ) -> Self {
        let shares = Arc::new(Shares::new(limits.connections_max, proxies));
        Self { router, tls, limits, shares, metrics, shutdown }
    }

    /// Serves until the drain is over: until the connections from before it are done, and `work` too. In the meantime
    /// new connections are still taken, so that readiness is asked and answered; deliveries on them are refused.
    pub(crate) async fn serve(self, listener: TcpListener, work: impl Future<Output = ()>) {
        let room = Arc::new(Semaphore::new(self.limits.connections_max));
        let before = Connections { keep_alive: true, ..Connections::default() };
        self.accept_until(&listener, &room, &before, self.shutdown.draining()).await;
        let after = Connections::default();
        let done = async { tokio::join!(before.finish(), work) };
        self.accept_until(&listener, &room, &after, done.map(drop)).await;
        drop(listener);
        after.finish().await;
    }

    async fn accept_until(
        &self,
        listener: &TcpListener,
        room: &Arc<Semaphore>,
        connections: &Connections,
        end: impl Future<Output = ()>,
    ) {
        let mut end = pin!(end);
        loop {
            let (stream, address, permit) = tokio::select! {
                biased;
                () = &mut end => return,
                accepted = accept(listener, room) => accepted,
            };
            let Some(share) = self.shares.take(address.ip()) else {
                self.metrics.refused(NO_PROVIDER, code::OVERLOADED);
                continue;
            };
            let (server, end) = (self.clone(), connections.end.clone());
            let keep_alive = connections.keep_alive;
            connections.tasks.spawn(async move {
                server.connection(stream, address, &end, keep_alive).await;
                drop((permit, share));
            });
        }
    }
}

/// Connections that are ended together.
#[derive(Default)]
struct Connections {
    tasks: TaskTracker,
    /// Each is closed once it has answered what it was asked.
    end: CancellationToken,
    keep_alive: bool,
}

impl Connections {
    async fn finish(&self) {
        self.end.cancel();
        self.tasks.close();
        self.tasks.wait().await;
    }
}

/// The next connection, once there is room for it; until then it waits in the listener's backlog.
async fn accept(
    listener: &TcpListener,
    room: &Arc<Semaphore>,
) -> (TcpStream, SocketAddr, OwnedSemaphorePermit) {
    let permit = room.clone().acquire_owned().await.expect("the semaphore is never closed");
    loop {
        match listener.accept().await {
            Ok((stream, address)) => return (stream, address, permit),
            Err(error) => {
                warn!(%error, "connection not accepted");
                tokio::time::sleep(ACCEPT_RETRY).await;
            }
        }
    }
}
