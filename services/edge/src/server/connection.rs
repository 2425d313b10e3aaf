//! One connection: TLS, HTTP/1.1, and a close that the caller survives.

use std::{
    future::poll_fn,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use axum::{body::Body, extract::Request};
use contract::code;
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _},
    net::TcpStream,
};
use tokio_io_timeout::TimeoutStream;
use tokio_util::sync::CancellationToken;
use tracing::debug;

use super::{Peer, Server};
use crate::{certificate, http, metrics::NO_PROVIDER};

/// The smallest buffer that hyper takes.
const BUFFER_MIN: usize = 8 * 1024;
/// How long a caller may take nothing of its answer. Without an end to it, one that never reads would hold its connection
/// and every drain (proved by `a_caller_that_does_not_read_its_answers_is_cut_off`).
const WRITE_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a caller that was refused may go on sending before the connection is cut: closing it at once would destroy
/// the answer on its way (a reset overtakes it).
const LINGER: Duration = Duration::from_secs(2);

impl Server {
    /// Serves one connection until its peer closes it, or, once `end` is called, until it has answered.
    pub(super) async fn connection(
        &self,
        stream: TcpStream,
        address: SocketAddr,
        end: &CancellationToken,
        keep_alive: bool,
    ) {
        if let Err(error) = stream.set_nodelay(true) {
            debug!(%error, "connection is gone");
            return;
        }
        let peer =
            Peer { address, tls: false, certificate_cn: None, unread: Arc::new(AtomicBool::new(false)) };
        let Some(acceptor) = &self.tls else { return self.http(stream, peer, end, keep_alive).await };
        let handshake = tokio::time::timeout(self.limits.header_timeout, acceptor.accept(stream));
        let handshake = tokio::select! {
            handshake = handshake => handshake,
            () = end.cancelled() => return,
        };
        match handshake {
            Ok(Ok(stream)) => {
                let certificates = stream.get_ref().1.peer_certificates().unwrap_or_default();
                let certificate_cn =
                    certificates.first().and_then(|certificate| certificate::common_name(certificate));
                let peer = Peer { tls: true, certificate_cn: certificate_cn.map(Arc::from), ..peer };
                self.http(stream, peer, end, keep_alive).await;
            }
            Ok(Err(error)) => debug!(%error, "TLS handshake failed"),
            Err(_) => debug!("TLS handshake timed out"),
        }
    }

    async fn http<IO: AsyncRead + AsyncWrite + Unpin + Send + 'static>(
        &self,
        io: IO,
        peer: Peer,
        end: &CancellationToken,
        keep_alive: bool,
    ) {
        let (router, unread) = (self.router.clone(), peer.unread.clone());
        let service = service_fn(move |request: hyper::Request<Incoming>| {
            let mut request: Request = request.map(Body::new);
            request.extensions_mut().insert(peer.clone());
            Box::pin(http::answer(router.clone(), request))
        });
        let protocol = self.protocol(keep_alive);
        let mut io = TimeoutStream::new(io);
        io.set_write_timeout(Some(WRITE_TIMEOUT));
        let mut connection = protocol.serve_connection(TokioIo::new(Box::pin(io)), service);
        let mut is_ending = false;
        let result = loop {
            tokio::select! {
                result = poll_fn(|cx| connection.poll_without_shutdown(cx)) => break result,
                () = end.cancelled(), if !is_ending => {
                    is_ending = true;
                    std::pin::Pin::new(&mut connection).graceful_shutdown();
                }
                () = self.shutdown.aborted() => return,
            }
        };
        let refused = match result {
            Ok(()) => unread.load(Ordering::Relaxed),
            Err(error) => self.broken(&error),
        };
        let io = connection.into_parts().io.into_inner();
        tokio::select! {
            () = close(io, refused) => {}
            () = self.shutdown.aborted() => {}
        }
    }

    fn protocol(&self, keep_alive: bool) -> http1::Builder {
        let mut builder = http1::Builder::new();
        builder
            .keep_alive(keep_alive)
            .timer(TokioTimer::new())
            .header_read_timeout(self.limits.header_timeout)
            .max_header_size(self.limits.headers_max_bytes)
            .max_buf_size(self.limits.headers_max_bytes.max(BUFFER_MIN));
        builder
    }

    /// Counts a connection that broke; whether its end is a refusal that the caller should get to read.
    fn broken(&self, error: &hyper::Error) -> bool {
        debug!(%error, "connection broke");
        if error.is_timeout() {
            self.metrics.refused(NO_PROVIDER, code::TIMEOUT);
        } else if error.is_parse() {
            self.metrics.refused(NO_PROVIDER, code::MALFORMED);
        }
        error.is_parse()
    }
}

/// Says that we are done, and reads what a refused caller still sends into nothing, for a while.
async fn close<IO: AsyncRead + AsyncWrite + Unpin>(mut io: IO, refused: bool) {
    let closing = async {
        io.shutdown().await?;
        if refused {
            // On the heap: on the stack it would be a part of every connection's task.
            let mut nothing = vec![0_u8; 16 * 1024];
            while io.read(&mut nothing).await? > 0 {}
        }
        Ok::<_, std::io::Error>(())
    };
    if !matches!(tokio::time::timeout(LINGER, closing).await, Ok(Ok(()))) {
        debug!("connection was cut");
    }
}

#[cfg(test)]
mod tests;
