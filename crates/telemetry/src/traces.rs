//! Spans: sampled by configuration, exported in batches from a thread of their own.

use std::time::Duration;

use anyhow::ensure;
use opentelemetry::trace::TracerProvider as _;
use opentelemetry_sdk::{
    Resource,
    trace::{BatchConfigBuilder, BatchSpanProcessor, Sampler, SdkTracer, SdkTracerProvider, SpanExporter},
};
use tracing::{Subscriber, level_filters::LevelFilter};
use tracing_subscriber::{
    Layer,
    filter::{Filtered, Targets},
    registry::LookupSpan,
};

use crate::logs::EXPORTER_CRATES;

/// Spans that wait for the exporter; above it new ones are dropped. About 1 KiB each.
const QUEUE_MAX: usize = 8 * 1024;
/// Spans in one export.
const BATCH_MAX: usize = 1024;
/// How long a finished span waits for company.
const BATCH_DELAY: Duration = Duration::from_secs(1);

/// A provider that follows the parent's decision, and records `sample_ratio` of the traces that begin here.
pub(crate) fn provider(
    resource: &Resource,
    exporter: impl SpanExporter + 'static,
    sample_ratio: f64,
) -> anyhow::Result<SdkTracerProvider> {
    ensure!(
        (0.0..=1.0).contains(&sample_ratio),
        "telemetry.sample_ratio is {sample_ratio}; it must be between 0.0 and 1.0"
    );
    let batches = BatchConfigBuilder::default()
        .with_max_queue_size(QUEUE_MAX)
        .with_max_export_batch_size(BATCH_MAX)
        .with_scheduled_delay(BATCH_DELAY)
        .build();
    Ok(SdkTracerProvider::builder()
        .with_resource(resource.clone())
        .with_sampler(Sampler::ParentBased(Box::new(Sampler::TraceIdRatioBased(sample_ratio))))
        .with_span_processor(BatchSpanProcessor::builder(exporter).with_batch_config(batches).build())
        .build())
}

/// The layer that makes OpenTelemetry spans of `tracing`'s: those of level `info` and above, whatever the log level is,
/// so that a quiet log does not end the traces.
pub(crate) fn layer<S>(
    provider: &SdkTracerProvider,
    service: &'static str,
) -> Filtered<tracing_opentelemetry::OpenTelemetryLayer<S, SdkTracer>, Targets, S>
where
    S: Subscriber + for<'span> LookupSpan<'span>,
{
    let exporters = EXPORTER_CRATES.iter().map(|name| (*name, LevelFilter::OFF));
    tracing_opentelemetry::layer()
        .with_tracer(provider.tracer(service))
        .with_location(false)
        .with_threads(false)
        .with_target(false)
        .with_tracked_inactivity(false)
        .with_filter(Targets::new().with_default(LevelFilter::INFO).with_targets(exporters))
}
