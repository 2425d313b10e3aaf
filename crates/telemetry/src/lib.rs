//! Traces, metrics and logs of a process, by OpenTelemetry.
//!
//! One call sets up all three. Without a collector nothing leaves the process, spans are not even recorded, and
//! `/metrics` still works. A collector that is away costs one warning for each of the three, never a request: what
//! cannot be exported is dropped. Proved by `a_collector_that_is_away_neither_spams_nor_blocks`.
//!
//! The standard `OTEL_RESOURCE_ATTRIBUTES` adds to the resource; everything else is in the section `telemetry`.

mod collector;
mod logs;
mod metrics;
mod process;
pub mod propagation;
mod resource;
mod traces;
mod watched;

use std::time::Duration;

use anyhow::Context as _;
use opentelemetry::{global, metrics::Meter};
use opentelemetry_sdk::{
    logs::SdkLoggerProvider, metrics::SdkMeterProvider, propagation::TraceContextPropagator,
    trace::SdkTracerProvider,
};
use tracing_subscriber::{layer::SubscriberExt as _, util::SubscriberInitExt as _};

pub use metrics::MetricsHandle;

use crate::collector::Collector;

/// How long the last flush may take, all signals together.
const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(5);

/// Sets up traces, metrics and logs of the process: the global subscriber, tracer, meter and propagator.
///
/// `service` becomes `service.name`. Call it once, before any instrument is made, inside the Tokio runtime (the gRPC
/// exporter needs it).
///
/// # Errors
/// A setting means nothing (the error names its key), or a subscriber is already there.
pub fn init(
    service: &'static str,
    telemetry: &config::Telemetry,
    log: &config::Log,
) -> anyhow::Result<Telemetry> {
    let collector = Collector::from_config(telemetry)?;
    let resource = resource::describe(service, &telemetry.environment);

    let exporter = collector.as_ref().filter(|_| telemetry.export_metrics);
    let exporter = exporter.map(Collector::metrics).transpose()?;
    let interval = Duration::from_millis(telemetry.metrics_interval_ms);
    let (meter, metrics) = metrics::provider(&resource, exporter, interval)?;

    let tracer = collector
        .as_ref()
        .map(|collector| traces::provider(&resource, collector.spans()?, telemetry.sample_ratio))
        .transpose()?;
    let logger = collector
        .as_ref()
        .filter(|_| telemetry.export_logs)
        .map(|collector| anyhow::Ok(logs::provider(&resource, collector.logs()?)))
        .transpose()?;

    // The order matters: the trace layer makes the context that the two log layers read.
    let subscriber = tracing_subscriber::registry()
        .with(tracer.as_ref().map(|provider| traces::layer(provider, service)))
        .with(logger.as_ref().map(|provider| logs::export_layer(provider, log)).transpose()?)
        .with(logs::output_layer(log)?);
    let set_up = match &tracer {
        Some(_) => subscriber.try_init(),
        // No layer where there is none: that would have every line ask again whether it may be said.
        None => subscriber.with(logs::without_traces()).try_init(),
    };
    set_up.context("telemetry is already set up in this process")?;

    global::set_text_map_propagator(TraceContextPropagator::new());
    global::set_meter_provider(meter.clone());
    process::observe(&self::meter());
    if let Some(tracer) = &tracer {
        global::set_tracer_provider(tracer.clone());
    }
    Ok(Telemetry { tracer, logger, meter, metrics })
}

/// The meter on which Weir's instruments are made. Names are in `contract::metric`.
pub fn meter() -> Meter {
    global::meter("weir")
}

/// What [`init`] set up; keep it until the process ends.
#[derive(Debug)]
#[must_use = "without shutdown the last spans, metrics and logs are lost"]
pub struct Telemetry {
    tracer: Option<SdkTracerProvider>,
    logger: Option<SdkLoggerProvider>,
    meter: SdkMeterProvider,
    metrics: MetricsHandle,
}

impl Telemetry {
    /// What `/metrics` answers with.
    pub fn handle(&self) -> MetricsHandle {
        self.metrics.clone()
    }

    /// Exports what is left and stops. Takes five seconds at most, whatever the collector does. Proved by
    /// `a_collector_that_is_away_neither_spams_nor_blocks` and `a_collector_that_never_answers_does_not_hold_the_process`.
    pub async fn shutdown(self) {
        let Self { tracer, logger, meter, metrics: _ } = self;
        let flushes = [
            tracer.map(|provider| flush("traces", move || provider.shutdown_with_timeout(SHUTDOWN_TIMEOUT))),
            logger.map(|provider| flush("logs", move || provider.shutdown_with_timeout(SHUTDOWN_TIMEOUT))),
            Some(flush("metrics", move || meter.shutdown_with_timeout(SHUTDOWN_TIMEOUT))),
        ];
        let all = async {
            for flushed in flushes.into_iter().flatten() {
                // An error means that the thread is gone, which is as good as done.
                flushed.await.ok();
            }
        };
        if tokio::time::timeout(SHUTDOWN_TIMEOUT, all).await.is_err() {
            tracing::warn!("telemetry collector did not take the last data in time; it is lost");
        }
    }
}

/// Runs a blocking flush on a thread of its own: a task of the runtime's blocking pool would hold up the end of the
/// process for as long as the collector likes.
fn flush<E: std::fmt::Display>(
    signal: &'static str,
    run: impl FnOnce() -> Result<(), E> + Send + 'static,
) -> tokio::sync::oneshot::Receiver<()> {
    let (done, flushed) = tokio::sync::oneshot::channel();
    std::thread::spawn(move || {
        if let Err(error) = run() {
            tracing::debug!(signal, %error, "last export failed");
        }
        done.send(()).ok();
    });
    flushed
}
