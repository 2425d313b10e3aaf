//! The client of one destination.

use std::time::Duration;

use config::Outbound;
use contract::metric;
use opentelemetry::metrics::Histogram;
use reqwest::redirect;

use crate::{Answer, BuildError, Download, Error, Request, circuit::Circuits, guard::Guard, repeat};

/// Calls one destination. Clones share its connections.
#[derive(Debug, Clone)]
pub struct Client {
    pub(crate) http: reqwest::Client,
    pub(crate) guard: Guard,
    pub(crate) settings: Outbound,
    /// Name of the destination in spans and metrics.
    pub(crate) destination: &'static str,
    pub(crate) duration: Histogram<f64>,
    pub(crate) circuits: Circuits,
}

impl Client {
    /// A client for the destination of this name (`graph-api`), which labels its spans and metrics.
    ///
    /// # Errors
    /// The machine's trust store cannot be read.
    pub fn new(destination: &'static str, settings: &Outbound) -> Result<Self, BuildError> {
        // Another call may have installed it before, which is as good.
        rustls::crypto::ring::default_provider().install_default().ok();
        let guard = Guard::new(&settings.allowed_networks);
        let http = reqwest::Client::builder()
            .connect_timeout(settings.connect_timeout())
            .redirect(redirect::Policy::none())
            // A proxy would resolve the name itself, past the guard.
            .no_proxy()
            .dns_resolver(std::sync::Arc::new(guard.clone()))
            .user_agent(concat!("weir/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(BuildError)?;
        let duration = telemetry::meter()
            .f64_histogram(metric::HTTP_CLIENT_REQUEST_DURATION)
            .with_unit("s")
            .with_description("Time of one attempt to call another company.")
            .build();
        let circuits = Circuits::new(destination, settings);
        Ok(Self { http, guard, settings: settings.clone(), destination, duration, circuits })
    }

    /// Asks, and asks again while that makes sense: see [`Verdict`](crate::Verdict) and [`Repeat`](crate::Repeat).
    ///
    /// Returns the last answer, whatever its status: a 503 is returned when the attempts are used up, or when the other
    /// side asks for a longer wait than `outbound.retry_max_ms`. Proved by `a_500_is_tried_again_and_a_400_is_not`.
    ///
    /// # Errors
    /// There is no answer, or none that may be read.
    pub async fn send(&self, request: &Request) -> Result<Answer, Error> {
        repeat::until_settled(&self.settings, request, |resend| self.attempt(request, resend)).await
    }

    /// Asks once.
    ///
    /// # Errors
    /// There is no answer, or none that may be read.
    pub async fn send_once(&self, request: &Request) -> Result<Answer, Error> {
        self.attempt(request, 0).await
    }

    /// Tells something, once. The status is the whole answer: a body that is too large, breaks off or never ends changes
    /// nothing of it, for telling it again would be telling it twice. Proved by
    /// `a_status_is_an_answer_whatever_becomes_of_its_body`.
    ///
    /// # Errors
    /// There is no answer.
    pub async fn tell(&self, request: &Request) -> Result<Answer, Error> {
        self.tell_once(request).await
    }

    /// How long what requests call by this name ([`Request::circuit`]) still rests; none: it may be called. For who pays
    /// for a call before making it.
    pub fn rests(&self, circuit: &str) -> Option<Duration> {
        self.circuits.rests(circuit)
    }

    /// Asks for something large, which is read in pieces. Until it begins this is like [`Self::send`]; an answer with
    /// another status than 200 is read whole.
    ///
    /// # Errors
    /// There is no answer, or none that may be read.
    pub async fn download(&self, request: &Request, max_bytes: u64) -> Result<Download, Error> {
        repeat::until_settled(&self.settings, request, |resend| self.begin(request, max_bytes, resend)).await
    }

    pub(crate) fn timeout_of(&self, request: &Request) -> Duration {
        request.timeout.unwrap_or_else(|| self.settings.timeout())
    }
}
