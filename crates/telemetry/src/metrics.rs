//! Metrics: one provider, read by Prometheus at `/metrics` and, if configured, exported by OTLP too.

use std::time::Duration;

use anyhow::Context as _;
use opentelemetry_sdk::{
    Resource,
    metrics::{
        Aggregation, Instrument, InstrumentKind, PeriodicReader, SdkMeterProvider, Stream,
        exporter::PushMetricExporter,
    },
};

/// Bounds of every histogram of seconds: those that the semantic conventions advise, and 30 s, which operators alert on.
const SECONDS: [f64; 15] =
    [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0, 30.0];

/// Gives the metrics of the process as Prometheus text; clones are the same handle.
#[derive(Clone, Debug)]
pub struct MetricsHandle(prometheus::Registry);

impl MetricsHandle {
    /// A handle without metrics, for tests of services that set up no telemetry.
    pub fn noop() -> Self {
        Self(prometheus::Registry::new())
    }

    /// The metrics now, in the Prometheus text format (`text/plain; version=0.0.4`).
    pub fn render(&self) -> String {
        prometheus::TextEncoder::new().encode_to_string(&self.0.gather()).unwrap_or_else(|error| {
            tracing::error!(error = &error as &dyn std::error::Error, "cannot write metrics");
            String::new()
        })
    }
}

/// The provider of the process and the handle that reads it.
pub(crate) fn provider(
    resource: &Resource,
    exporter: Option<impl PushMetricExporter>,
    interval: Duration,
) -> anyhow::Result<(SdkMeterProvider, MetricsHandle)> {
    let registry = prometheus::Registry::new();
    // All instruments are made on one meter, so its name on every series would tell nothing.
    let reader = opentelemetry_prometheus::exporter()
        .with_registry(registry.clone())
        .scope_info_enabled(false)
        .build()
        .context("cannot set up /metrics")?;
    let mut builder = SdkMeterProvider::builder()
        .with_resource(resource.clone())
        .with_reader(reader)
        .with_view(bounds_of_seconds);
    if let Some(exporter) = exporter {
        builder = builder.with_reader(PeriodicReader::builder(exporter).with_interval(interval).build());
    }
    Ok((builder.build(), MetricsHandle(registry)))
}

fn bounds_of_seconds(instrument: &Instrument) -> Option<Stream> {
    if instrument.kind() != InstrumentKind::Histogram || instrument.unit() != "s" {
        return None;
    }
    let aggregation =
        Aggregation::ExplicitBucketHistogram { boundaries: SECONDS.to_vec(), record_min_max: true };
    Stream::builder().with_aggregation(aggregation).build().ok()
}

#[cfg(test)]
mod tests {
    use opentelemetry::{KeyValue, metrics::MeterProvider as _};

    use super::*;
    use crate::watched::Watched;

    type NoExporter = Option<Watched<opentelemetry_otlp::MetricExporter>>;

    #[test]
    fn metrics_without_a_collector_are_still_there_for_prometheus() {
        let resource = Resource::builder_empty().with_service_name("weir-test").build();
        let (provider, handle) = provider(&resource, NoExporter::None, Duration::from_mins(1)).unwrap();
        let meter = provider.meter("weir");
        meter.u64_counter("weir_edge_events").build().add(3, &[KeyValue::new("provider", "c2s")]);
        let duration = meter.f64_histogram("messaging.process.duration").with_unit("s").build();
        duration.record(12.0, &[]);

        let text = handle.render();
        assert!(text.contains("weir_edge_events_total{provider=\"c2s\"} 3"), "{text}");
        assert!(text.contains("messaging_process_duration_seconds_bucket{le=\"10\"} 0"), "{text}");
        assert!(text.contains("messaging_process_duration_seconds_bucket{le=\"30\"} 1"), "{text}");
        assert!(text.contains("target_info{service_name=\"weir-test\"} 1"), "{text}");
        assert_eq!(MetricsHandle::noop().render(), "");
    }
}
