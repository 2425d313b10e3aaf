//! What types cannot say: limits, values that need or exclude each other, and what a role requires.

use std::collections::BTreeSet;

use crate::{
    EdgeProvider, Nats, Origin, Problem, Role, Settings,
    key::{self, Kind},
};

/// Shorter secrets can be guessed, or are placeholders.
const SECRET_MIN: usize = 16;
/// Verify tokens are typed in by hand, and prove nothing but that the endpoint is ours.
const VERIFY_TOKEN_MIN: usize = 8;
/// Whoever guesses one can try all CPFs.
const INDEX_KEY_MIN: usize = 32;
const MAKE_A_SECRET: &str = "make one with `openssl rand -hex 32`";

/// Contradictions, which stop the process; and doubts, which it reports and lives with.
pub(crate) fn check(settings: &Settings, role: Role) -> (Vec<Problem>, Vec<String>) {
    let mut findings = Findings { settings, problems: Vec::new(), doubts: Vec::new() };
    findings.limits();
    findings.telemetry();
    findings.nats(&settings.nats);
    findings.postgres(role);
    findings.edge(role);
    findings.consumers(role);
    findings.outgoing(role);
    findings.hook(role);
    (findings.problems, findings.doubts)
}

struct Findings<'a> {
    settings: &'a Settings,
    problems: Vec<Problem>,
    doubts: Vec<String>,
}

impl Findings<'_> {
    fn problem(&mut self, path: &str, text: impl Into<String>) {
        let origin = self.settings.origins.get(path).unwrap_or(&Origin::Default);
        self.problems.push(Problem::of(path, origin, text));
    }

    fn problem_if(&mut self, wrong: bool, path: &str, text: &str) {
        if wrong {
            self.problem(path, text);
        }
    }

    /// Two settings that mean something only together.
    fn together(&mut self, left: (&str, bool), right: (&str, bool)) {
        match (left, right) {
            ((path, true), (missing, false)) | ((missing, false), (path, true)) => {
                self.problem(path, format!("needs {missing} ({}) beside it", key::variable(missing)));
            }
            _ => {}
        }
    }

    fn limits(&mut self) {
        for entry in self.settings.entries() {
            let zero = entry.value == 0;
            let kind = key::find(&entry.key).map(|key| &key.kind);
            self.problem_if(
                zero && kind == Some(&Kind::Integer),
                &entry.key,
                "`0` is not valid: expected at least 1",
            );
        }
    }

    fn telemetry(&mut self) {
        let telemetry = &self.settings.telemetry;
        let ratio = telemetry.sample_ratio;
        if !(0.0..=1.0).contains(&ratio) {
            self.problem("telemetry.sample_ratio", format!("`{ratio}` is not valid: expected 0.0 to 1.0"));
        }
        let endpoint = telemetry.otlp_endpoint.as_deref();
        if endpoint.is_some_and(|url| !has_scheme(url, &["http", "https"])) {
            self.problem("telemetry.otlp_endpoint", "expected a URL such as http://127.0.0.1:4317");
        }
        let nameless = telemetry.otlp_headers.iter().any(|header| !header.expose().contains('='));
        self.problem_if(nameless, "telemetry.otlp_headers", "expected name=value in every element");
    }

    fn nats(&mut self, nats: &Nats) {
        self.problem_if(
            nats.urls.is_empty(),
            "nats.urls",
            "expected at least one URL such as nats://127.0.0.1:4222",
        );
        let foreign = |url: &String| url.contains("://") && !has_scheme(url, &["nats", "tls"]);
        self.problem_if(
            nats.urls.iter().any(foreign),
            "nats.urls",
            "expected URLs nats://host:port or tls://host:port",
        );
        let monitoring = nats.monitoring_url.as_deref();
        self.problem_if(
            monitoring.is_some_and(|url| !has_scheme(url, &["http", "https"])),
            "nats.monitoring_url",
            "expected a URL such as http://127.0.0.1:8222",
        );
        let replicas = nats.replicas;
        if ![0, 1, 3, 5].contains(&replicas) {
            self.problem("nats.replicas", format!("`{replicas}` is not valid: expected 1, 3 or 5"));
        }
        let logins = [
            ("nats.nkey_seed", nats.nkey_seed.is_some()),
            ("nats.credentials_file", nats.credentials_file.is_some()),
            ("nats.token", nats.token.is_some()),
            ("nats.user", nats.user.is_some()),
        ];
        let set: Vec<_> = logins.into_iter().filter(|(_, set)| *set).map(|(path, _)| path).collect();
        if let [first, others @ ..] = set.as_slice()
            && !others.is_empty()
        {
            self.problem(first, format!("excludes {}: log in one way", others.join(", ")));
        }
        self.together(("nats.user", nats.user.is_some()), ("nats.password", nats.password.is_some()));
        self.together(
            ("nats.tls_cert_file", nats.tls_cert_file.is_some()),
            ("nats.tls_key_file", nats.tls_key_file.is_some()),
        );
    }

    fn postgres(&mut self, role: Role) {
        match &self.settings.postgres.url {
            Some(url) if !has_scheme(url.expose(), &["postgres", "postgresql"]) => {
                self.problem("postgres.url", "expected a URL postgres://user:password@host:port/database");
            }
            None if role.stores() => {
                self.problem(
                    "postgres.url",
                    "is missing: expected postgres://user:password@host:port/database",
                );
            }
            _ => {}
        }
    }

    fn edge(&mut self, role: Role) {
        let edge = &self.settings.edge;
        let tls = edge.tls_cert_file.is_some();
        self.together(("edge.tls_cert_file", tls), ("edge.tls_key_file", edge.tls_key_file.is_some()));
        self.problem_if(
            !edge.tls_client_ca_files.is_empty() && !tls,
            "edge.tls_client_ca_files",
            "needs edge.tls_cert_file and edge.tls_key_file: client certificates are checked only where TLS ends",
        );
        self.problem_if(
            edge.metrics_listen == Some(edge.listen) && edge.listen.port() != 0,
            "edge.metrics_listen",
            "is the same address as edge.listen: leave it out to serve /metrics there",
        );
        for (name, provider) in &edge.providers {
            self.provider(name, provider, role);
            self.handshake(name, provider, role);
            self.delivery(name, provider);
        }
        if role != Role::Edge {
            return;
        }
        let (drain, publish) =
            (self.settings.lifecycle.drain_timeout_ms, self.settings.nats.publish_timeout_ms);
        self.problem_if(
            drain < publish,
            "lifecycle.drain_timeout_ms",
            "is shorter than nats.publish_timeout_ms: a request in flight could not finish",
        );
        self.problem_if(
            !(2..=1000).contains(&self.settings.nats.publish_batch_max),
            "nats.publish_batch_max",
            "expected 2 to 1000, which is the most that a server takes",
        );
        if edge.require_https && !tls && edge.trusted_proxies.is_empty() {
            self.doubts.push(
                "edge.require_https refuses every request: the edge has no certificate (edge.tls_cert_file) and trusts \
                 no proxy that could have one (edge.trusted_proxies)"
                    .to_owned(),
            );
        }
        if !edge.providers.values().any(|provider| provider.enabled) {
            self.doubts.push("no provider is enabled: the edge has nothing to receive".to_owned());
        }
    }

    fn provider(&mut self, name: &str, provider: &EdgeProvider, role: Role) {
        let path = |key: &str| format!("edge.providers.{name}.{key}");
        let secrets: Vec<_> = provider.secrets.iter().map(crate::Secret::expose).collect();
        if provider.enabled && secrets.is_empty() && role == Role::Edge {
            let text = format!(
                "is missing: {name} is enabled and never open; {MAKE_A_SECRET}, or set {}=false",
                key::variable(&path("enabled"))
            );
            self.problem(&path("secrets"), text);
        }
        if secrets.iter().any(|secret| secret.chars().count() < SECRET_MIN) {
            self.problem(
                &path("secrets"),
                format!("is too short: expected at least {SECRET_MIN} characters; {MAKE_A_SECRET}"),
            );
        }
        let visible = |secret: &&str| {
            secret.bytes().all(|byte| (0x20..=0x7e).contains(&byte)) && secret.trim() == *secret
        };
        self.problem_if(
            !secrets.iter().all(visible),
            &path("secrets"),
            "holds what no HTTP header can carry: expected visible ASCII, no space at the ends",
        );
        let distinct: BTreeSet<_> = secrets.iter().collect();
        self.problem_if(distinct.len() < secrets.len(), &path("secrets"), "holds one secret twice");
        let edge = &self.settings.edge;
        self.problem_if(
            provider.client_certificate_cn.is_some()
                && edge.tls_client_ca_files.is_empty()
                && edge.trusted_proxies.is_empty(),
            &path("client_certificate_cn"),
            "needs edge.tls_client_ca_files, or edge.trusted_proxies that check client certificates",
        );
    }

    fn delivery(&mut self, name: &str, provider: &EdgeProvider) {
        /// What Bright Data sends by webhook, at most.
        const BODY_MAX_BYTES: usize = 1 << 30;
        /// What the broker takes in one message, without room for the headers.
        const PART_MAX_BYTES: usize = 900_000;
        let path = |key: &str| format!("edge.providers.{name}.{key}");
        let delivery = &provider.delivery;
        if key::find(&path("delivery.csv")).is_none() {
            self.problem_if(
                provider.body_max_bytes > self.settings.edge.bodies_max_bytes,
                &path("body_max_bytes"),
                "is above edge.bodies_max_bytes: one such body would always be one too many",
            );
            return;
        }
        self.problem_if(
            provider.body_max_bytes > BODY_MAX_BYTES,
            &path("body_max_bytes"),
            &format!("is above {BODY_MAX_BYTES}, the most that is ever sent"),
        );
        self.problem_if(
            delivery.part_max_bytes > PART_MAX_BYTES,
            &path("delivery.part_max_bytes"),
            &format!("is above {PART_MAX_BYTES}, what fits a message"),
        );
        self.problem_if(
            delivery.part_max_bytes > delivery.record_max_bytes,
            &path("delivery.record_max_bytes"),
            "is smaller than delivery.part_max_bytes",
        );
        let too_short = |secret: &crate::Secret| secret.expose().trim().chars().count() < SECRET_MIN;
        self.problem_if(
            delivery.hmac_secrets.iter().any(too_short),
            &path("delivery.hmac_secrets"),
            &format!("is too short: expected at least {SECRET_MIN} characters; {MAKE_A_SECRET}"),
        );
    }

    fn handshake(&mut self, name: &str, provider: &EdgeProvider, role: Role) {
        let path = |key: &str| format!("edge.providers.{name}.{key}");
        let tokens = &provider.verify_tokens;
        let too_short = tokens.iter().any(|token| token.expose().trim().chars().count() < VERIFY_TOKEN_MIN);
        self.problem_if(
            too_short,
            &path("verify_tokens"),
            &format!("is too short: expected at least {VERIFY_TOKEN_MIN} characters; {MAKE_A_SECRET}"),
        );
        let has_handshake = key::find(&path("verify_tokens")).is_some();
        if role == Role::Edge && provider.enabled && has_handshake && tokens.is_empty() {
            self.doubts.push(format!(
                "{} is empty: {name}'s handshake will be refused, so its callback URL cannot be set",
                path("verify_tokens")
            ));
        }
        if role == Role::Edge && !provider.enabled && !provider.secrets.is_empty() {
            self.doubts.push(format!(
                "{} are set, but its endpoints do not exist: set {}=true",
                path("secrets"),
                key::variable(&path("enabled"))
            ));
        }
    }

    fn outgoing(&mut self, role: Role) {
        const BASE: &str = "expected a URL https://host (http:// for localhost and bare addresses only)";
        let (graph, api) = (&self.settings.instagram.graph, &self.settings.brightdata.api);
        self.problem_if(!is_safe_base(&graph.base_url), "instagram.graph.base_url", BASE);
        self.problem_if(!is_safe_base(&api.base_url), "brightdata.api.base_url", BASE);
        let (c2s, people) = (&self.settings.c2s.api, &self.settings.people);
        let poll = &self.settings.c2s.poll;
        self.problem_if(
            poll.lookback_minutes <= poll.interval_minutes,
            "c2s.poll.lookback_minutes",
            "is not longer than c2s.poll.interval_minutes: what changed between two polls would be missed",
        );
        let enricher = &self.settings.c2s.enricher;
        self.problem_if(
            enricher.consumer.batch_max != 1,
            "c2s.enricher.consumer.batch_max",
            "expected 1: leads are enriched one by one",
        );
        self.problem_if(
            enricher.confirm_after_ms <= c2s.timeout_ms,
            "c2s.enricher.confirm_after_ms",
            "is not longer than c2s.api.timeout_ms: a call could still be under way",
        );
        if role == Role::C2s && enricher.enabled && c2s.token.is_some() {
            let missing =
                "is missing: c2s.api.token is set, so leads are enriched, and whose they are is kept sealed";
            self.problem_if(self.settings.seal.keys.is_empty(), "seal.keys", missing);
            self.problem_if(people.index_keys.is_empty(), "people.index_keys", missing);
        }
        let too_short = |key: &crate::Secret| key.expose().trim().len() < INDEX_KEY_MIN;
        self.problem_if(
            people.index_keys.iter().any(too_short),
            "people.index_keys",
            &format!("is too short: expected at least {INDEX_KEY_MIN} characters; {MAKE_A_SECRET}"),
        );
        self.problem_if(!is_safe_base(&c2s.base_url), "c2s.api.base_url", BASE);
        self.problem_if(!is_safe_base(&people.work.base_url), "people.work.base_url", BASE);
        let diretrix = people.diretrix.base_url.as_deref();
        self.problem_if(diretrix.is_some_and(|url| !is_safe_base(url)), "people.diretrix.base_url", BASE);
        self.together(
            ("people.diretrix.user", people.diretrix.user.is_some()),
            ("people.diretrix.password", people.diretrix.password.is_some()),
        );
        let public = api.public_url.as_deref();
        self.problem_if(
            public.is_some_and(|url| !has_scheme(url, &["http", "https"])),
            "brightdata.api.public_url",
            "expected a URL such as https://hooks.example.com",
        );
        let is_version = |text: &str| {
            text.strip_prefix('v').is_some_and(|rest| {
                !rest.is_empty() && rest.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.')
            })
        };
        self.problem_if(
            !is_version(&graph.version),
            "instagram.graph.version",
            "expected a version such as v23.0",
        );
        self.problem_if(
            graph.usage_stop_percent > 100,
            "instagram.graph.usage_stop_percent",
            "expected at most 100",
        );
        let outbound = &self.settings.outbound;
        self.problem_if(
            outbound.retry_base_ms > outbound.retry_max_ms,
            "outbound.retry_base_ms",
            "is longer than outbound.retry_max_ms",
        );
    }

    fn hook(&mut self, role: Role) {
        const ATTEMPTS_MAX: u32 = 11;
        const TIMEOUT_MAX_MS: u64 = 60_000;
        let (hook, delivery) = (&self.settings.zapier.hook, &self.settings.zapier.delivery);
        let url = hook.url.as_ref().map(|url| url.expose().trim());
        let is_safe = |url: &str| {
            if delivery.require_https { is_safe_base(url) } else { has_scheme(url, &["http", "https"]) }
        };
        self.problem_if(
            url.is_some_and(|url| !is_safe(url)),
            "zapier.hook.url",
            "expected a URL https://host/path (http:// for localhost and bare addresses only, or with zapier.delivery.require_https = false)",
        );
        self.problem_if(
            hook.enabled && url.is_none() && role == Role::Zapier,
            "zapier.hook.enabled",
            "is true, but zapier.hook.url says nowhere to send to",
        );
        let secret = hook.secret.as_ref().map(|secret| secret.expose().trim());
        self.problem_if(
            secret.is_some_and(|secret| secret.chars().count() < SECRET_MIN),
            "zapier.hook.secret",
            &format!("is too short: expected at least {SECRET_MIN} characters; {MAKE_A_SECRET}"),
        );
        let is_name = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
        self.problem_if(
            hook.signature_header.is_empty() || !hook.signature_header.bytes().all(is_name),
            "zapier.hook.signature_header",
            "expected the name of a header: letters, digits and -",
        );
        self.problem_if(
            hook.attempts_max > ATTEMPTS_MAX,
            "zapier.hook.attempts_max",
            &format!("expected at most {ATTEMPTS_MAX}: ten retries"),
        );
        self.problem_if(
            hook.timeout_ms > TIMEOUT_MAX_MS,
            "zapier.hook.timeout_ms",
            &format!("expected at most {TIMEOUT_MAX_MS}"),
        );
        self.problem_if(
            hook.retry_base_ms > hook.retry_max_ms,
            "zapier.hook.retry_base_ms",
            "is longer than zapier.hook.retry_max_ms",
        );
        if role == Role::Zapier && hook.enabled && secret.is_none() {
            self.doubts.push("zapier.hook.secret is not set: what is sent is not signed".to_owned());
        }
        if role == Role::Zapier && url.is_some() && !hook.enabled {
            self.doubts.push(
                "zapier.hook.url is set, but nothing is sent there: set WEIR_ZAPIER__HOOK__ENABLED=true"
                    .to_owned(),
            );
        }
    }

    fn consumers(&mut self, role: Role) {
        let settings = self.settings;
        for (path, owner, consumer) in [
            ("c2s.leads", Role::C2s, &settings.c2s.leads),
            ("c2s.enricher.consumer", Role::C2s, &settings.c2s.enricher.consumer),
            ("instagram.handler", Role::Instagram, &settings.instagram.handler),
            ("brightdata.processor", Role::BrightData, &settings.brightdata.processor),
            ("dead_letters.recorder", Role::DeadLetters, &settings.dead_letters.recorder),
            ("zapier.sessions", Role::Zapier, &settings.zapier.sessions),
            ("zapier.dispatcher", Role::Zapier, &settings.zapier.dispatcher),
        ] {
            self.problem_if(
                consumer.retry_base_ms > consumer.retry_max_ms,
                &format!("{path}.retry_base_ms"),
                &format!("is longer than {path}.retry_max_ms"),
            );
            self.problem_if(
                consumer.breaker.share_percent > 100,
                &format!("{path}.breaker.share_percent"),
                "expected at most 100",
            );
            self.problem_if(
                consumer.breaker.pause_seconds > consumer.breaker.pause_max_seconds,
                &format!("{path}.breaker.pause_seconds"),
                &format!("is longer than {path}.breaker.pause_max_seconds"),
            );
            // The enricher keeps its place between calls, so what a drain cuts off is resumed.
            let may_be_cut_off = path == "c2s.enricher.consumer";
            self.problem_if(
                !may_be_cut_off
                    && role == owner
                    && settings.lifecycle.drain_timeout_ms < consumer.handle_timeout_ms,
                "lifecycle.drain_timeout_ms",
                &format!("is shorter than {path}.handle_timeout_ms: a batch in flight could not finish"),
            );
        }
    }
}

/// Whether this may be called with a secret: HTTPS, or plain HTTP to this machine or to a bare address.
fn is_safe_base(url: &str) -> bool {
    let host = |rest: &str| {
        let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
        let host = authority.rsplit_once(':').map_or(authority, |(host, _)| host).to_owned();
        host == "localhost" || host.trim_matches(['[', ']']).parse::<std::net::IpAddr>().is_ok()
    };
    has_scheme(url, &["https"]) || url.strip_prefix("http://").is_some_and(host)
}

/// Whether the text is a URL of one of these schemes, with something behind it.
fn has_scheme(url: &str, schemes: &[&str]) -> bool {
    url.split_once("://").is_some_and(|(scheme, rest)| {
        schemes.contains(&scheme)
            && !rest.trim_start_matches('/').is_empty()
            && !rest.contains(char::is_whitespace)
    })
}
