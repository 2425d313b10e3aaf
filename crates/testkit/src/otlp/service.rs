//! The gRPC services of a collector.

use std::sync::{Arc, Mutex};

use opentelemetry_proto::tonic::collector::{
    logs::v1::{ExportLogsServiceRequest, ExportLogsServiceResponse, logs_service_server::LogsService},
    metrics::v1::{
        ExportMetricsServiceRequest, ExportMetricsServiceResponse, metrics_service_server::MetricsService,
    },
    trace::v1::{ExportTraceServiceRequest, ExportTraceServiceResponse, trace_service_server::TraceService},
};
use tonic::{Request, Response, Status, async_trait};

use super::received::Received;

/// Keeps whatever comes.
#[derive(Debug, Clone)]
pub(super) struct Collector(pub(super) Arc<Mutex<Received>>);

impl Collector {
    fn keep(&self, keep: impl FnOnce(&mut Received)) {
        keep(&mut self.0.lock().expect("no holder of the lock panics"));
    }
}

#[async_trait]
impl TraceService for Collector {
    async fn export(
        &self,
        request: Request<ExportTraceServiceRequest>,
    ) -> Result<Response<ExportTraceServiceResponse>, Status> {
        self.keep(|received| received.keep_spans(request.into_inner()));
        Ok(Response::new(ExportTraceServiceResponse::default()))
    }
}

#[async_trait]
impl MetricsService for Collector {
    async fn export(
        &self,
        request: Request<ExportMetricsServiceRequest>,
    ) -> Result<Response<ExportMetricsServiceResponse>, Status> {
        self.keep(|received| received.keep_metrics(request.into_inner()));
        Ok(Response::new(ExportMetricsServiceResponse::default()))
    }
}

#[async_trait]
impl LogsService for Collector {
    async fn export(
        &self,
        request: Request<ExportLogsServiceRequest>,
    ) -> Result<Response<ExportLogsServiceResponse>, Status> {
        self.keep(|received| received.keep_logs(request.into_inner()));
        Ok(Response::new(ExportLogsServiceResponse::default()))
    }
}
