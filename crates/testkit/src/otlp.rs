//! An OTLP receiver that keeps what it gets: gRPC on one port, HTTP with protobuf bodies on another.

mod received;
mod service;

use std::{
    net::{Ipv4Addr, SocketAddr},
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::{Router, body::Bytes, http::StatusCode, routing::post};
use opentelemetry_proto::tonic::collector::{
    logs::v1::{ExportLogsServiceRequest, logs_service_server::LogsServiceServer},
    metrics::v1::{ExportMetricsServiceRequest, metrics_service_server::MetricsServiceServer},
    trace::v1::{ExportTraceServiceRequest, trace_service_server::TraceServiceServer},
};
use prost::Message;
use tokio::{net::TcpListener, task::JoinSet};
use tonic::transport::{Server, server::TcpIncoming};

use received::Received;
pub use received::{ReceivedLog, ReceivedSpan, SpanRef};
use service::Collector;

use crate::eventually;

/// Larger than any batch of a test.
const BODY_MAX_BYTES: usize = 64 << 20;

/// A receiver of one test. Its servers end when it is dropped.
#[derive(Debug)]
pub struct OtlpReceiver {
    received: Arc<Mutex<Received>>,
    grpc: SocketAddr,
    http: SocketAddr,
    _servers: JoinSet<()>,
}

impl OtlpReceiver {
    /// Starts one on free ports.
    pub async fn start() -> Self {
        let received = Arc::new(Mutex::new(Received::default()));
        let mut servers = JoinSet::new();
        let (listener, grpc) = listen().await;
        let serving = grpc_server(&received).serve_with_incoming(TcpIncoming::from(listener));
        servers.spawn(async move { serving.await.expect("the gRPC server serves") });
        let (listener, http) = listen().await;
        let router = http_router(&received);
        servers.spawn(async move { axum::serve(listener, router).await.expect("the HTTP server serves") });
        Self { received, grpc, http, _servers: servers }
    }

    /// `http://127.0.0.1:PORT` for protocol `grpc`.
    pub fn endpoint_grpc(&self) -> String {
        format!("http://{}", self.grpc)
    }

    /// `http://127.0.0.1:PORT` for protocol `http`; exporters append `/v1/traces` and so on.
    pub fn endpoint_http(&self) -> String {
        format!("http://{}", self.http)
    }

    /// Every span so far, in the order of arrival.
    pub fn spans(&self) -> Vec<ReceivedSpan> {
        self.lock().spans.clone()
    }

    /// Every log record so far, in the order of arrival.
    pub fn logs(&self) -> Vec<ReceivedLog> {
        self.lock().logs.clone()
    }

    /// The names of the metrics so far, each once, sorted.
    pub fn metric_names(&self) -> Vec<String> {
        self.lock().metrics.iter().cloned().collect()
    }

    /// Forgets what came so far.
    pub fn clear(&self) {
        *self.lock() = Received::default();
    }

    /// Waits for a span that fits, at most 20 seconds: exporters send in batches.
    ///
    /// # Panics
    /// With `what` and the names of the spans that did come.
    pub async fn wait_for(&self, what: &str, fits: impl Fn(&ReceivedSpan) -> bool) -> ReceivedSpan {
        let arrived = || self.spans().iter().map(|span| span.name.clone()).collect::<Vec<_>>();
        let found = async || self.spans().into_iter().find(&fits);
        let limit = Duration::from_secs(20);
        tokio::select! {
            span = eventually(what, limit * 2, found) => span,
            () = tokio::time::sleep(limit) => panic!("no span within {limit:?}: {what}; there are {:?}", arrived()),
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Received> {
        self.received.lock().expect("no holder of the lock panics")
    }
}

async fn listen() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a free port");
    let address = listener.local_addr().expect("a bound socket has an address");
    (listener, address)
}

fn grpc_server(received: &Arc<Mutex<Received>>) -> tonic::transport::server::Router {
    let collector = Collector(Arc::clone(received));
    Server::builder()
        .add_service(TraceServiceServer::new(collector.clone()).max_decoding_message_size(BODY_MAX_BYTES))
        .add_service(MetricsServiceServer::new(collector.clone()).max_decoding_message_size(BODY_MAX_BYTES))
        .add_service(LogsServiceServer::new(collector).max_decoding_message_size(BODY_MAX_BYTES))
}

fn http_router(received: &Arc<Mutex<Received>>) -> Router {
    let accept = |keep: fn(&mut Received, Bytes) -> Result<(), prost::DecodeError>| {
        let received = Arc::clone(received);
        post(move |body: Bytes| async move {
            let mut received = received.lock().expect("no holder of the lock panics");
            // An empty answer is the encoding of a full success.
            keep(&mut received, body).map_or(StatusCode::BAD_REQUEST, |()| StatusCode::OK)
        })
    };
    Router::new()
        .route(
            "/v1/traces",
            accept(|received, body| {
                ExportTraceServiceRequest::decode(body).map(|request| received.keep_spans(request))
            }),
        )
        .route(
            "/v1/metrics",
            accept(|received, body| {
                ExportMetricsServiceRequest::decode(body).map(|request| received.keep_metrics(request))
            }),
        )
        .route(
            "/v1/logs",
            accept(|received, body| {
                ExportLogsServiceRequest::decode(body).map(|request| received.keep_logs(request))
            }),
        )
        .layer(axum::extract::DefaultBodyLimit::max(BODY_MAX_BYTES))
}
