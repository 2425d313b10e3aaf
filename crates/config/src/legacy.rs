//! Names of variables that the older systems used, and names in common use. They are fallbacks: the file and the
//! `WEIR_…` names win. Some had two meanings; here the role of the process decides. This table is the documentation too.

use figment::value::Value;

use crate::{
    Origin, Problem, Role, environment, key,
    source::{Given, Sources},
};

/// One such name.
#[derive(Debug, Clone, Copy)]
pub struct OldName {
    /// The variable.
    pub name: &'static str,
    /// The processes that read it.
    pub roles: &'static [Role],
    /// The setting it stands for; `None`: nothing in this version.
    pub path: Option<&'static str>,
    /// What it meant, and means here.
    pub meaning: &'static str,
    standing: Standing,
}

/// How a process speaks of the name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Standing {
    /// In common use, and no news to anybody.
    Common,
    /// Works, and its use is reported so that it can be replaced.
    Old,
    /// Has no effect, which whoever set it must hear.
    Unsupported,
}

/// Meta's client certificates, switched on and off.
const ENABLE_MTLS: &str = "WEBHOOK_ENABLE_MTLS";
const MTLS_ROOT: &str = "WEBHOOK_MTLS_ROOT_CERT_PATH";
/// Common name of Meta's client certificate.
const META_COMMON_NAME: &str = "client.webhooks.fbclientcerts.com";

/// Who sends usage reports on.
const ZAPIER: &[Role] = &[Role::Zapier, Role::Operator];
/// Names whose numbers were of another unit.
const RETRIES: &str = "WEBHOOK_MAX_RETRIES";
const TIMEOUT_SECONDS: &str = "WEBHOOK_TIMEOUT_SECONDS";
const RETRY_SECONDS: &str = "WEBHOOK_RETRY_DELAY_SECONDS";

/// Every such name. Of two that stand for one setting, the first wins.
pub const OLD_NAMES: &[OldName] = &[
    common("NATS_URL", &Role::ALL, "nats.urls", "The broker, or several separated by commas."),
    common("DATABASE_URL", &Role::ALL, "postgres.url", "The database."),
    old("DB_URL", &Role::ALL, "postgres.url", "The database, as the C2S service named it."),
    old("LOG_LEVEL", &Role::ALL, "log.level", "Log level, also in Python's words (INFO, WARNING, CRITICAL)."),
    old(
        "REQUIRE_HTTPS",
        &[Role::Edge, Role::Operator],
        "edge.require_https",
        "At the edge: refuse plain HTTP.",
    ),
    old(
        "WEBHOOK_SECRET",
        &[Role::Edge, Role::Operator],
        "edge.providers.c2s.secrets",
        "At the edge: the token that Contact2Sale sends (one secret, commas included). \
         The Zapier service signed its own calls with a variable of the same name: that meaning is not the edge's.",
    ),
    old(
        "BRIGHTDATA_WEBHOOK_TOKEN",
        &[Role::Edge, Role::Operator],
        "edge.providers.brightdata.secrets",
        "The token that Bright Data sends (one token, commas included).",
    ),
    old(
        "WEBHOOK_MAX_TIMESTAMP_AGE",
        &[Role::Edge],
        "edge.providers.brightdata.delivery.timestamp_max_age_seconds",
        "At the edge: how far the timestamp of a delivery of Bright Data's may be from now, seconds.",
    ),
    old(
        "WEBHOOK_RATE_LIMIT",
        &[Role::Edge],
        "edge.providers.brightdata.rate_per_minute",
        "At the edge: requests per minute for Bright Data's endpoints, no other provider's. \
         The Zapier service limited its own calls per hour with a variable of the same name: that meaning is not the edge's.",
    ),
    old(
        "WEBHOOK_ALLOWED_IPS",
        &[Role::Edge],
        "edge.providers.brightdata.allowed_ips",
        "At the edge: addresses and networks that may send to Bright Data's endpoints, no other provider's. \
         The Zapier service listed internal networks under the same name: that meaning is not the edge's.",
    ),
    old(
        "INSTAGRAM_APP_SECRET",
        &[Role::Edge],
        "edge.providers.instagram.secrets",
        "At the edge: the secret with which Meta signs what it sends.",
    ),
    old(
        "APP_SECRET",
        &[Role::Edge, Role::Operator],
        "edge.providers.instagram.secrets",
        "The same, as the other older system named it.",
    ),
    old(
        "META_VERIFY_TOKEN",
        &[Role::Edge, Role::Operator],
        "edge.providers.instagram.verify_tokens",
        "The verify token of the handshake (one token, commas included).",
    ),
    old(
        ENABLE_MTLS,
        &[Role::Edge],
        "edge.providers.instagram.client_certificate_cn",
        "true: require Meta's client certificate, client.webhooks.fbclientcerts.com.",
    ),
    old(
        MTLS_ROOT,
        &[Role::Edge],
        "edge.tls_client_ca_files",
        "The CA of Meta's client certificate, where the edge ends TLS itself; nothing unless WEBHOOK_ENABLE_MTLS is true.",
    ),
    OldName {
        name: "enableSignatureVerification",
        roles: &Role::ALL,
        path: None,
        meaning: "No effect: signatures are always verified.",
        standing: Standing::Unsupported,
    },
    common(
        "GRAPH_API_BASE_URL",
        &Role::ALL,
        "instagram.graph.base_url",
        "Meta's Graph API (InstantChat: `baseUrl`).",
    ),
    common(
        "GRAPH_API_VERSION",
        &Role::ALL,
        "instagram.graph.version",
        "Its version (InstantChat: `graphApiVersion`).",
    ),
    old("INSTAGRAM_APP_ID", &Role::ALL, "instagram.graph.app_id", "Our app at Meta."),
    old(
        "INSTAGRAM_APP_SECRET",
        &[Role::Operator],
        "instagram.graph.app_secret",
        "For the operator's calls to Meta: the secret that proves them.",
    ),
    common(
        "BRIGHTDATA_API_TOKEN",
        &Role::ALL,
        "brightdata.api.key",
        "Bright Data's API key (the name in Bright Data's own client).",
    ),
    old(
        "BRIGHTDATA_BASE_URL",
        &Role::ALL,
        "brightdata.api.public_url",
        "Where Bright Data reaches the edge; jobs are triggered with it.",
    ),
    old("ZAPIER_WEBHOOK_URL", ZAPIER, "zapier.hook.url", "The hook that usage reports are sent on to."),
    old("ENABLE_WEBHOOK", ZAPIER, "zapier.hook.enabled", "Whether anything is sent there."),
    old(
        "WEBHOOK_SECRET",
        &[Role::Zapier],
        "zapier.hook.secret",
        "For the Zapier service: the secret that signs what it sends. At the edge the same name is Contact2Sale's token.",
    ),
    old("WEBHOOK_SIGNATURE_HEADER", ZAPIER, "zapier.hook.signature_header", "Header of that signature."),
    old("WEBHOOK_SIGNATURE_ALGORITHM", ZAPIER, "zapier.hook.signature_algorithm", "sha256 or sha1."),
    old(
        RETRIES,
        ZAPIER,
        "zapier.hook.attempts_max",
        "Retries after the first attempt, 0 to 10; the setting counts the first one, too.",
    ),
    old(
        TIMEOUT_SECONDS,
        ZAPIER,
        "zapier.hook.timeout_ms",
        "How long one attempt may take, in seconds (1 to 60).",
    ),
    old(RETRY_SECONDS, ZAPIER, "zapier.hook.retry_base_ms", "First wait before a retry, in seconds."),
    old(
        "WEBHOOK_RATE_LIMIT",
        &[Role::Zapier],
        "zapier.hook.rate_count",
        "For the Zapier service: events sent per window. At the edge the same name limits Bright Data's requests.",
    ),
    old("WEBHOOK_RATE_WINDOW", ZAPIER, "zapier.hook.rate_window_seconds", "That window, in seconds."),
    old("WEBHOOK_BURST_ALLOWANCE", ZAPIER, "zapier.hook.rate_burst", "How many of them may go at once."),
    old(
        "REQUIRE_HTTPS",
        &[Role::Zapier],
        "zapier.delivery.require_https",
        "For the Zapier service: of its hooks.",
    ),
    OldName {
        name: "WEBHOOK_ALLOWED_IPS",
        roles: &[Role::Zapier],
        path: None,
        meaning: "No effect for the Zapier service, which takes no requests: \
            set edge.providers.usage.allowed_ips at the edge.",
        standing: Standing::Unsupported,
    },
    common(
        "OTEL_EXPORTER_OTLP_ENDPOINT",
        &Role::ALL,
        "telemetry.otlp_endpoint",
        "OTLP collector (OpenTelemetry's own name).",
    ),
    common(
        "OTEL_EXPORTER_OTLP_PROTOCOL",
        &Role::ALL,
        "telemetry.otlp_protocol",
        "grpc or http/protobuf (OpenTelemetry's own name).",
    ),
    common(
        "OTEL_TRACES_SAMPLER_ARG",
        &Role::ALL,
        "telemetry.sample_ratio",
        "Share of new traces recorded, 0.0 to 1.0 (OpenTelemetry's own name).",
    ),
    OldName {
        name: "SENTRY_DSN",
        roles: &Role::ALL,
        path: None,
        meaning: "No effect: errors are reported through OTLP; set telemetry.otlp_endpoint.",
        standing: Standing::Unsupported,
    },
    common("C2S_TOKEN", &[Role::C2s, Role::Operator], "c2s.api.token", "Contact2Sale's API token."),
    old("C2S_BASE_URL", &[Role::C2s, Role::Operator], "c2s.api.base_url", "Contact2Sale's API."),
    old(
        "C2S_GATEWAY_URL",
        &[Role::C2s, Role::Operator],
        "c2s.api.base_url",
        "The gateway before Contact2Sale's API, where there is one.",
    ),
    old("WORK_API", &[Role::C2s, Role::Operator], "people.work.token", "The Work API's token."),
];

const fn common(
    name: &'static str,
    roles: &'static [Role],
    path: &'static str,
    meaning: &'static str,
) -> OldName {
    OldName { name, roles, path: Some(path), meaning, standing: Standing::Common }
}

const fn old(
    name: &'static str,
    roles: &'static [Role],
    path: &'static str,
    meaning: &'static str,
) -> OldName {
    OldName { name, roles, path: Some(path), meaning, standing: Standing::Old }
}

/// The values that old names give to this role, for settings that nobody gives by their new name.
pub(crate) fn read(
    sources: &Sources,
    role: Role,
    newer: &[Given],
    problems: &mut Vec<Problem>,
    notices: &mut Vec<String>,
) -> Vec<Given> {
    let mut values: Vec<Given> = Vec::new();
    for old in OLD_NAMES.iter().filter(|old| old.roles.contains(&role)) {
        let text = match sources.variable(old.name) {
            Ok(Some(text)) => text,
            Ok(None) => continue,
            Err(problem) => {
                problems.push(problem);
                continue;
            }
        };
        let Some(key) = old.path.and_then(key::find) else {
            notices.push(unsupported(old));
            continue;
        };
        if !is_switched_on(old.name, sources) {
            continue;
        }
        let origin = Origin::OldName(old.name);
        let converted = convert(old.name, key, text);
        let winner = newer.iter().chain(&values).find(|given| given.path == key.path);
        match (converted, winner) {
            (Err(_), Some(_)) => {}
            (Ok(value), Some(winner)) => {
                if !same(&value, &winner.value) {
                    notices.push(format!(
                        "{} has no effect: {} is set",
                        old.name,
                        winner.origin.name_of(&key.path)
                    ));
                }
            }
            (Err(reason), None) => {
                problems.push(Problem::bad_value(key, &origin, &Value::from(text), reason));
            }
            (Ok(value), None) => {
                if old.standing == Standing::Old {
                    notices.push(format!("{} is an older name: write {} instead", old.name, key.variable));
                }
                values.push(Given { path: key.path.clone(), value, origin });
            }
        }
    }
    values
}

fn unsupported(old: &OldName) -> String {
    format!("{}: {}", old.name, old.meaning)
}

/// Whether the name means anything: Meta's client certificates were a switch and a file.
fn is_switched_on(name: &str, sources: &Sources) -> bool {
    let switch = || match sources.variable(ENABLE_MTLS) {
        Ok(Some(text)) => environment::flag(text.trim()) != Some(false),
        _ => false,
    };
    ![ENABLE_MTLS, MTLS_ROOT].contains(&name) || switch()
}

/// The old name's value in the new setting's terms. The reason of an error is shown, so it must not quote the value.
fn convert(name: &str, key: &key::Key, text: &str) -> Result<Value, Option<&'static str>> {
    let text = text.trim();
    match name {
        // Was one secret, so a comma in it is part of it.
        "WEBHOOK_SECRET"
        | "BRIGHTDATA_WEBHOOK_TOKEN"
        | "INSTAGRAM_APP_SECRET"
        | "APP_SECRET"
        | "META_VERIFY_TOKEN"
            if key.kind == key::Kind::List =>
        {
            Ok(Value::from(vec![Value::from(text)]))
        }
        ENABLE_MTLS => match environment::flag(text) {
            Some(true) => Ok(Value::from(META_COMMON_NAME)),
            _ => Err(Some("expected true or false")),
        },
        RETRIES => number(text).and_then(|retries| retries.checked_add(1)).map(Value::from).ok_or(None),
        TIMEOUT_SECONDS | RETRY_SECONDS => {
            number(text).and_then(|seconds| seconds.checked_mul(1_000)).map(Value::from).ok_or(None)
        }
        "LOG_LEVEL" => Ok(Value::from(match text.to_ascii_lowercase().as_str() {
            "warning" => "warn".to_owned(),
            "critical" | "fatal" => "error".to_owned(),
            level => level.to_owned(),
        })),
        "OTEL_EXPORTER_OTLP_PROTOCOL" => match text {
            "grpc" => Ok(Value::from("grpc")),
            "http/protobuf" | "http" => Ok(Value::from("http")),
            _ => Err(Some("expected grpc or http/protobuf")),
        },
        _ => environment::parse(key, text).ok_or(None),
    }
}

fn number(text: &str) -> Option<u64> {
    text.parse().ok()
}

/// Whether two spellings give one value, so that `a` and `["a"]` are no contradiction.
fn same(left: &Value, right: &Value) -> bool {
    let flat = |value: &Value| match value {
        Value::Array(_, elements) => {
            let texts: Vec<_> = elements.iter().filter_map(Value::as_str).collect();
            Some(texts.join(","))
        }
        other => other.as_str().map(str::to_owned),
    };
    left == right || flat(left).is_some_and(|left| Some(left) == flat(right))
}
