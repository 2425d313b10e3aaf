//! Log lines on standard error (standard output belongs to what a command answers), and log records to the collector.

use std::{fmt, io::IsTerminal as _, time::Duration};

use anyhow::Context as _;
use config::LogFormat;
use opentelemetry::trace::{SpanContext, TraceContextExt as _};
use opentelemetry_appender_tracing::layer::OpenTelemetryTracingBridge;
use opentelemetry_sdk::{
    Resource,
    logs::{BatchConfigBuilder, BatchLogProcessor, LogExporter, SdkLoggerProvider},
};
use tracing::{Event, Level, Metadata, Subscriber};
use tracing_subscriber::{
    EnvFilter, Layer,
    filter::{FilterExt as _, filter_fn},
    fmt::{FmtContext, FormatEvent, FormatFields, format},
    registry::LookupSpan,
};

/// Crates that the exporters are made of. Exporting what they say would make more of it.
pub(crate) const EXPORTER_CRATES: [&str; 11] = [
    "h2",
    "hyper",
    "hyper_rustls",
    "hyper_util",
    "opentelemetry",
    "opentelemetry-otlp",
    "opentelemetry_sdk",
    "reqwest",
    "rustls",
    "tonic",
    "tower",
];

/// Rules that stand before the configured level, so that it may override them: the exporters' crates are only heard when
/// named. The exporter itself never is, because it warns of each failed export, which [`crate::watched`] does once.
const BEFORE: &str = "h2=warn,hyper=warn,hyper_rustls=warn,hyper_util=warn,opentelemetry=warn,\
                      opentelemetry-otlp=off,opentelemetry_sdk=warn,reqwest=warn,rustls=warn,tonic=warn,tower=warn";

/// Log records that wait for the exporter; above it new ones are dropped.
const QUEUE_MAX: usize = 4 * 1024;
/// How long a record waits for company.
const BATCH_DELAY: Duration = Duration::from_secs(1);

fn filter(log: &config::Log) -> anyhow::Result<EnvFilter> {
    let rules = format!("{BEFORE},{}", log.level);
    EnvFilter::builder().parse(rules).with_context(|| format!("log.level {:?} is not a filter", log.level))
}

/// Spans that are for traces alone, one or more for every event: lines that are written in them say themselves what they
/// are about. To format the fields of each for a line that hardly ever comes was a seventh of what a delivery costs the
/// edge.
const TRACED_ONLY: [&str; 4] = ["edge.ingest", "process", "publish", "statement"];

fn is_traced_only(metadata: &Metadata<'_>) -> bool {
    metadata.is_span() && TRACED_ONLY.contains(&metadata.name())
}

/// Ends the spans that are for traces alone where there are none. The layers' own filters do not: a span that all of them
/// pass over is made and kept all the same.
pub(crate) fn without_traces<S: Subscriber>() -> impl Layer<S> {
    filter_fn(|metadata| !is_traced_only(metadata))
}

/// Whether anything may be said at all, whatever the level: at `trace` the NATS client prints its password or token, and
/// whole messages (proved by `no_secret_is_logged_even_at_trace`); and once exporting has ended, the SDK says so again for
/// each line.
fn may_be_said(metadata: &Metadata<'_>) -> bool {
    let nats_protocol = metadata.target() == "async_nats::connection" && *metadata.level() == Level::TRACE;
    !nats_protocol && !is_traced_only(metadata) && !metadata.name().ends_with(".AfterShutdown")
}

/// The layer that writes log lines.
pub(crate) fn output_layer<S>(log: &config::Log) -> anyhow::Result<Box<dyn Layer<S> + Send + Sync>>
where
    S: Subscriber + for<'span> LookupSpan<'span>,
{
    let terminal = std::io::stderr().is_terminal();
    let json = match log.format {
        LogFormat::Json => true,
        LogFormat::Pretty => false,
        LogFormat::Auto => !terminal,
    };
    let lines = tracing_subscriber::fmt::layer().with_writer(std::io::stderr).with_ansi(terminal);
    let filter = filter(log)?.and(filter_fn(may_be_said));
    Ok(if json {
        let plain = format().json().flatten_event(true).with_current_span(false).with_span_list(true);
        let fields = format::JsonFields::new();
        lines.fmt_fields(fields).event_format(Traced(plain)).with_filter(filter).boxed()
    } else {
        lines.with_filter(filter).boxed()
    })
}

/// A JSON line that begins with the ids of the trace and span it belongs to.
struct Traced<F>(F);

impl<S, N, F> FormatEvent<S, N> for Traced<F>
where
    S: Subscriber + for<'span> LookupSpan<'span>,
    N: for<'writer> FormatFields<'writer> + 'static,
    F: FormatEvent<S, N>,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, N>,
        mut writer: format::Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let span = opentelemetry::Context::map_current(|context| context.span().span_context().clone());
        if !SpanContext::is_valid(&span) {
            return self.0.format_event(context, writer, event);
        }
        let mut line = String::with_capacity(512);
        self.0.format_event(context, format::Writer::new(&mut line), event)?;
        let rest = line.strip_prefix('{').unwrap_or(&line);
        write!(writer, r#"{{"trace_id":"{}","span_id":"{}",{rest}"#, span.trace_id(), span.span_id())
    }
}

/// A provider that exports log records in batches from a thread of its own.
pub(crate) fn provider(resource: &Resource, exporter: impl LogExporter + 'static) -> SdkLoggerProvider {
    let batches = BatchConfigBuilder::default()
        .with_max_queue_size(QUEUE_MAX)
        .with_scheduled_delay(BATCH_DELAY)
        .build();
    SdkLoggerProvider::builder()
        .with_resource(resource.clone())
        .with_log_processor(BatchLogProcessor::builder(exporter).with_batch_config(batches).build())
        .build()
}

/// The layer that makes log records of events, the same ones as are written, without those of the exporters.
pub(crate) fn export_layer<S>(
    provider: &SdkLoggerProvider,
    log: &config::Log,
) -> anyhow::Result<Box<dyn Layer<S> + Send + Sync>>
where
    S: Subscriber + for<'span> LookupSpan<'span>,
{
    let mut filter = filter(log)?;
    for name in EXPORTER_CRATES {
        filter =
            filter.add_directive(format!("{name}=off").parse().context("an exporter's name is no filter")?);
    }
    Ok(OpenTelemetryTracingBridge::new(provider).with_filter(filter.and(filter_fn(may_be_said))).boxed())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_level_that_is_no_filter_is_named() {
        let log = |level: &str| config::Log { level: level.to_owned(), format: LogFormat::Json };
        let error = filter(&log("info,bus=loud")).unwrap_err().to_string();
        assert_eq!(error, "log.level \"info,bus=loud\" is not a filter");
        for level in ["off", "info", "debug,async_nats=trace,h2=debug"] {
            filter(&log(level)).unwrap();
        }
    }
}
