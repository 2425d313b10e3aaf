//! The OTLP collector: where it is, and the exporters that send to it.

use std::{collections::HashMap, time::Duration};

use anyhow::{Context as _, bail, ensure};
use config::OtlpProtocol;
use http::{HeaderMap, HeaderName, HeaderValue, Uri, uri::Scheme};
use opentelemetry_otlp::{
    LogExporter, MetricExporter, Protocol, SpanExporter, WithExportConfig, WithHttpConfig, WithTonicConfig,
    tonic_types::{metadata::MetadataMap, transport::ClientTlsConfig},
};

use crate::watched::Watched;

/// How long one export may take, its repeats included.
const EXPORT_TIMEOUT: Duration = Duration::from_secs(3);

/// How to reach the collector.
pub(crate) struct Collector {
    endpoint: String,
    headers: HeaderMap,
    transport: Transport,
}

enum Transport {
    Grpc { tls: bool },
    Http(reqwest::blocking::Client),
}

impl Collector {
    /// The configured collector, if there is one.
    pub(crate) fn from_config(config: &config::Telemetry) -> anyhow::Result<Option<Self>> {
        let endpoint = config.otlp_endpoint.as_deref().unwrap_or_default().trim().trim_end_matches('/');
        if endpoint.is_empty() {
            return Ok(None);
        }
        let uri: Uri = endpoint.parse().context("telemetry.otlp_endpoint is not an address")?;
        let tls = uri.scheme() == Some(&Scheme::HTTPS);
        ensure!(
            tls || uri.scheme() == Some(&Scheme::HTTP),
            "telemetry.otlp_endpoint must begin with http:// or https://"
        );
        let transport = match config.otlp_protocol {
            OtlpProtocol::Grpc => {
                // Without a runtime the channel would panic.
                tokio::runtime::Handle::try_current()
                    .context("OTLP over gRPC needs a Tokio runtime at start")?;
                Transport::Grpc { tls }
            }
            OtlpProtocol::Http => Transport::Http(blocking_client()?),
        };
        let headers = headers(&config.otlp_headers)?;
        Ok(Some(Self { endpoint: endpoint.to_owned(), headers, transport }))
    }

    pub(crate) fn spans(&self) -> anyhow::Result<Watched<SpanExporter>> {
        let builder = SpanExporter::builder();
        let exporter = match &self.transport {
            Transport::Grpc { tls } => self.grpc(builder.with_tonic(), *tls).build(),
            Transport::Http(client) => self.http(builder.with_http(), client, "traces").build(),
        };
        Ok(Watched::new("traces", exporter.context("telemetry.otlp_endpoint: no trace exporter")?))
    }

    pub(crate) fn metrics(&self) -> anyhow::Result<Watched<MetricExporter>> {
        let builder = MetricExporter::builder();
        let exporter = match &self.transport {
            Transport::Grpc { tls } => self.grpc(builder.with_tonic(), *tls).build(),
            Transport::Http(client) => self.http(builder.with_http(), client, "metrics").build(),
        };
        Ok(Watched::new("metrics", exporter.context("telemetry.otlp_endpoint: no metrics exporter")?))
    }

    pub(crate) fn logs(&self) -> anyhow::Result<Watched<LogExporter>> {
        let builder = LogExporter::builder();
        let exporter = match &self.transport {
            Transport::Grpc { tls } => self.grpc(builder.with_tonic(), *tls).build(),
            Transport::Http(client) => self.http(builder.with_http(), client, "logs").build(),
        };
        Ok(Watched::new("logs", exporter.context("telemetry.otlp_endpoint: no log exporter")?))
    }

    fn grpc<B>(&self, builder: B, tls: bool) -> B
    where
        B: WithTonicConfig + WithExportConfig,
    {
        let builder = builder
            .with_endpoint(&self.endpoint)
            .with_timeout(EXPORT_TIMEOUT)
            .with_metadata(MetadataMap::from_headers(self.headers.clone()));
        if tls { builder.with_tls_config(ClientTlsConfig::new().with_enabled_roots()) } else { builder }
    }

    /// The client is always ours: left to choose, the exporter would take an asynchronous one as soon as any crate
    /// enables it, and panic on the batch thread, where no runtime is.
    fn http<B>(&self, builder: B, client: &reqwest::blocking::Client, signal: &str) -> B
    where
        B: WithHttpConfig + WithExportConfig,
    {
        let text = |value: &HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
        let headers = self.headers.iter().map(|(name, value)| (name.to_string(), text(value)));
        builder
            .with_http_client(client.clone())
            .with_protocol(Protocol::HttpBinary)
            .with_endpoint(format!("{}/v1/{signal}", self.endpoint))
            .with_timeout(EXPORT_TIMEOUT)
            .with_headers(headers.collect::<HashMap<_, _>>())
    }
}

/// Reads `name=value` words. The error tells which word is wrong, never what it holds.
fn headers(words: &[config::Secret]) -> anyhow::Result<HeaderMap> {
    let mut headers = HeaderMap::new();
    for (index, word) in words.iter().enumerate() {
        let parsed = word.expose().split_once('=').and_then(|(name, value)| {
            Some((name.trim().parse::<HeaderName>().ok()?, HeaderValue::from_str(value.trim()).ok()?))
        });
        let Some((name, mut value)) = parsed else {
            bail!("telemetry.otlp_headers: element {} is not name=value", index + 1);
        };
        value.set_sensitive(true);
        headers.append(name, value);
    }
    Ok(headers)
}

/// A blocking client may not be made on a thread of the runtime.
fn blocking_client() -> anyhow::Result<reqwest::blocking::Client> {
    // Without a process-wide provider the builder panics, even for http://. An error means that there is one already.
    rustls::crypto::ring::default_provider().install_default().ok();
    let build = || {
        reqwest::blocking::Client::builder()
            .timeout(EXPORT_TIMEOUT)
            .redirect(reqwest::redirect::Policy::none())
            .build()
    };
    let client = std::thread::spawn(build).join();
    client
        .ok()
        .context("the thread that makes the OTLP client panicked")?
        .context("cannot make the OTLP client")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_that_is_not_one_is_named_by_its_place_and_never_shown() {
        let words = ["api-key=abc", "hunter2"].map(config::Secret::from);
        let error = headers(&words).unwrap_err().to_string();
        assert_eq!(error, "telemetry.otlp_headers: element 2 is not name=value");
        let headers = headers(&words[..1]).unwrap();
        assert_eq!(headers["api-key"], "abc");
        assert!(headers["api-key"].is_sensitive());
    }
}
