//! An edge inside the test, on a broker of its own.

use std::{net::SocketAddr, time::Duration};

use bus::{Bus, Publisher, Topology};
use config::{List, Secret, Settings};
use edge::{Edge, Open};
use lifecycle::Shutdown;
use reqwest::{Client, RequestBuilder, Response, StatusCode};
use serde_json::Value;
use testkit::Broker;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
};

pub(crate) const PATH: &str = "/api/v1/webhooks/c2s";
pub(crate) const SECRET: &str = "the-c2s-secret-of-tests-1";
pub(crate) const OLDER_SECRET: &str = "the-c2s-secret-of-tests-0";
pub(crate) const LEAD: &str =
    r#"{"id":"lead-12345","hook_action":"lead.created","attributes":{"updated_at":"2026-01-20T10:00:00Z"}}"#;
/// Everything that is awaited in these tests happens well within it.
pub(crate) const SOON: Duration = Duration::from_secs(20);
/// How long a publish may wait here, so that tests of its failure are quick.
pub(crate) const PUBLISH_TIMEOUT: Duration = Duration::from_millis(700);

pub(crate) struct Harness {
    pub(crate) broker: Broker,
    pub(crate) bus: Bus,
    pub(crate) shutdown: Shutdown,
    pub(crate) address: SocketAddr,
    pub(crate) private_address: SocketAddr,
    pub(crate) client: Client,
}

/// An answer, read.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: reqwest::header::HeaderMap,
    pub(crate) body: Value,
}

impl Answer {
    pub(crate) async fn of(response: Response) -> Self {
        let (status, headers) = (response.status(), response.headers().clone());
        let text = response.text().await.unwrap();
        let body = serde_json::from_str(&text).unwrap_or(Value::String(text));
        Self { status, headers, body }
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// Fails unless this is a problem document with `status` and `code`.
    #[track_caller]
    pub(crate) fn assert_problem(&self, status: u16, code: &str) {
        assert_eq!(self.status.as_u16(), status, "{self:?}");
        assert_eq!(self.header("content-type"), "application/problem+json", "{self:?}");
        assert_eq!(self.body["code"], code, "{self:?}");
        assert_eq!(self.body["status"], status, "{self:?}");
        assert_eq!(self.body["request_id"], self.header("x-request-id"), "{self:?}");
    }

    /// Fails unless this is 200 with these counts.
    #[track_caller]
    pub(crate) fn assert_counts(&self, received: u64, processed: u64, duplicates: u64) {
        assert_eq!(self.status, StatusCode::OK, "{self:?}");
        let expected = serde_json::json!({
            "status": "received", "received": received, "processed": processed, "duplicates": duplicates,
        });
        assert_eq!(self.body, expected);
    }
}

impl Harness {
    pub(crate) async fn start() -> Self {
        Self::with(|_| {}).await
    }

    pub(crate) async fn with(configure: impl FnOnce(&mut config::Edge)) -> Self {
        let broker = Broker::start().await;
        let nats = config::Nats {
            publish_timeout_ms: u64::try_from(PUBLISH_TIMEOUT.as_millis()).unwrap(),
            ..broker.config()
        };
        let bus = bus::connect(&nats, "edge-test").await.unwrap();
        Topology::embedded().apply(&bus, 1).await.unwrap();
        let mut settings = settings();
        configure(&mut settings);
        let shutdown = Shutdown::default();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let metrics_listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let private_address = metrics_listener.local_addr().unwrap();
        let open = Open {
            listener,
            metrics_listener: Some(metrics_listener),
            publisher: Publisher::new(&bus, &nats),
            health: edge::health(&bus, &shutdown),
            metrics: telemetry::MetricsHandle::noop(),
        };
        let edge = Edge::new(&settings).unwrap();
        edge.verify(&bus).await.unwrap();
        edge.start(open, &shutdown).unwrap();
        Self { broker, bus, shutdown, address, private_address, client: client() }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// A POST with the right token.
    pub(crate) fn signed(&self, body: impl Into<reqwest::Body>) -> RequestBuilder {
        self.client.post(self.url(PATH)).header("X-Webhook-Token", SECRET).body(body)
    }

    pub(crate) async fn post(&self, body: impl Into<reqwest::Body>) -> Answer {
        Answer::of(self.signed(body).send().await.unwrap()).await
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        Answer::of(self.client.get(self.url(path)).send().await.unwrap()).await
    }

    /// Events on the stream.
    pub(crate) async fn stored(&self) -> u64 {
        self.bus.jetstream().get_stream("C2S").await.unwrap().cached_info().state.messages
    }

    /// Headers and body of the newest event with this subject.
    pub(crate) async fn last(&self, subject: &str) -> (std::collections::HashMap<String, String>, String) {
        let stream = self.bus.jetstream().get_stream("C2S").await.unwrap();
        let message = stream.get_last_raw_message_by_subject(subject).await.unwrap();
        let headers = message.headers.iter().map(|(name, values)| (name.to_string(), values[0].to_string()));
        (headers.collect(), String::from_utf8(message.payload.to_vec()).unwrap())
    }

    /// Writes `bytes` on a connection of its own and reads until the other end closes.
    pub(crate) async fn raw(&self, bytes: &[u8]) -> String {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        stream.write_all(bytes).await.ok();
        read_to_end(&mut stream).await
    }
}

impl Drop for Harness {
    fn drop(&mut self) {
        self.shutdown.abort();
    }
}

/// What arrives until the other end closes.
pub(crate) async fn read_to_end(stream: &mut TcpStream) -> String {
    let mut answer = Vec::new();
    tokio::time::timeout(SOON, stream.read_to_end(&mut answer)).await.expect("the connection is closed").ok();
    String::from_utf8_lossy(&answer).into_owned()
}

/// The defaults with two live secrets.
pub(crate) fn settings() -> config::Edge {
    let mut settings = Settings::for_tests().edge;
    let c2s = settings.providers.get_mut("c2s").unwrap();
    c2s.enabled = true;
    c2s.secrets = List(vec![Secret::from(SECRET), Secret::from(OLDER_SECRET)]);
    settings
}

pub(crate) fn c2s(settings: &mut config::Edge) -> &mut config::EdgeProvider {
    settings.providers.get_mut("c2s").unwrap()
}

pub(crate) fn client() -> Client {
    // A second installation is an error that means that there is one.
    rustls::crypto::ring::default_provider().install_default().ok();
    Client::builder().redirect(reqwest::redirect::Policy::none()).timeout(SOON).no_proxy().build().unwrap()
}

pub(crate) fn lead(id: &str, updated_at: &str) -> String {
    format!(r#"{{"id":"{id}","attributes":{{"updated_at":"{updated_at}"}}}}"#)
}
