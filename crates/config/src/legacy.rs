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
    /// Belongs to a service of a later version.
    Later,
}

/// Every such name. Of two that stand for one setting, the first wins.
pub const OLD_NAMES: &[OldName] = &[
    common("NATS_URL", &Role::ALL, "nats.urls", "The broker, or several separated by commas."),
    common("DATABASE_URL", &Role::ALL, "postgres.url", "The database."),
    old("DB_URL", &Role::ALL, "postgres.url", "The database, as the C2S service named it."),
    old("LOG_LEVEL", &Role::ALL, "log.level", "Log level, also in Python's words (INFO, WARNING, CRITICAL)."),
    old("REQUIRE_HTTPS", &Role::ALL, "edge.require_https", "Refuse plain HTTP."),
    old(
        "WEBHOOK_SECRET",
        &[Role::Edge, Role::Operator],
        "edge.providers.c2s.secrets",
        "At the edge: the token that Contact2Sale sends (one secret, commas included). \
         The Zapier service signed its own calls with a variable of the same name: that meaning is not the edge's.",
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
    later("C2S_TOKEN", "Contact2Sale's API token: for the enricher, which this version does not have."),
    later("WORK_API", "The Work API's token: for the enricher, which this version does not have."),
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

const fn later(name: &'static str, meaning: &'static str) -> OldName {
    OldName { name, roles: &[], path: None, meaning, standing: Standing::Later }
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
    match old.path {
        // Its provider is not one of this version's. Its own setting begins to exist with the provider.
        Some(path) => {
            let setting = key::variable(path).replace("__BRIGHTDATA__", "__<PROVIDER>__");
            format!(
                "{} has no effect: it is Bright Data's, which this version does not serve; for another provider set {setting}",
                old.name
            )
        }
        None => format!("{}: {}", old.name, old.meaning),
    }
}

/// The old name's value in the new setting's terms. The reason of an error is shown, so it must not quote the value.
fn convert(name: &str, key: &key::Key, text: &str) -> Result<Value, Option<&'static str>> {
    let text = text.trim();
    match name {
        // Was one secret, so a comma in it is part of it.
        "WEBHOOK_SECRET" => Ok(Value::from(vec![Value::from(text)])),
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
