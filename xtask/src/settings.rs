//! What `up` tells Weir when nobody else did: made-up secrets, and the simulators in the place of the outside systems.

use std::collections::BTreeMap;

use crate::{environment::Environment, local::Kept};

/// Settings by name, as the environment has them.
pub(crate) type Settings = BTreeMap<String, String>;

/// The secrets of each provider's webhooks.
pub(crate) const C2S_SECRETS: &str = "WEIR_EDGE__PROVIDERS__C2S__SECRETS";
pub(crate) const INSTAGRAM_SECRETS: &str = "WEIR_EDGE__PROVIDERS__INSTAGRAM__SECRETS";
pub(crate) const BRIGHTDATA_SECRETS: &str = "WEIR_EDGE__PROVIDERS__BRIGHTDATA__SECRETS";
pub(crate) const USAGE_SECRETS: &str = "WEIR_EDGE__PROVIDERS__USAGE__SECRETS";
/// The keys with which simulated APIs are called.
pub(crate) const GRAPH_APP_SECRET: &str = "WEIR_INSTAGRAM__GRAPH__APP_SECRET";
pub(crate) const BRIGHTDATA_KEY: &str = "WEIR_BRIGHTDATA__API__KEY";
pub(crate) const C2S_TOKEN: &str = "WEIR_C2S__API__TOKEN";
pub(crate) const C2S_URL: &str = "WEIR_C2S__API__BASE_URL";

/// One setting that `up` may have to answer for.
struct Answer {
    setting: &'static str,
    /// Variables of the older systems that stand for it.
    older: &'static [&'static str],
    value: Value,
}

/// Our answer.
enum Value {
    Fixed(&'static str),
    /// The secret that we made up under this name, as the only one of a list.
    SecretList(&'static str),
    /// The secret that we made up under this name.
    Secret(&'static str),
    /// A key for secrets at rest.
    SealKey,
    /// Address of the simulator of this name, with a path.
    Simulator(&'static str, &'static str),
    /// Address of the edge.
    Edge,
}

const fn answer(setting: &'static str, older: &'static [&'static str], value: Value) -> Answer {
    Answer { setting, older, value }
}

const ANSWERS: &[Answer] = &[
    answer(C2S_SECRETS, &["WEBHOOK_SECRET"], Value::SecretList("c2s")),
    answer("WEIR_EDGE__PROVIDERS__INSTAGRAM__ENABLED", &[], Value::Fixed("true")),
    answer(INSTAGRAM_SECRETS, &["INSTAGRAM_APP_SECRET", "APP_SECRET"], Value::SecretList("instagram")),
    answer(
        "WEIR_EDGE__PROVIDERS__INSTAGRAM__VERIFY_TOKENS",
        &["META_VERIFY_TOKEN"],
        Value::SecretList("instagram-verify"),
    ),
    answer("WEIR_EDGE__PROVIDERS__BRIGHTDATA__ENABLED", &[], Value::Fixed("true")),
    answer(BRIGHTDATA_SECRETS, &["BRIGHTDATA_WEBHOOK_TOKEN"], Value::SecretList("brightdata")),
    answer("WEIR_SEAL__KEYS", &[], Value::SealKey),
    // The simulators are on this machine.
    answer("WEIR_OUTBOUND__ALLOWED_NETWORKS", &[], Value::Fixed("127.0.0.0/8")),
    answer("WEIR_INSTAGRAM__GRAPH__BASE_URL", &["GRAPH_API_BASE_URL"], Value::Simulator("graph", "")),
    answer(GRAPH_APP_SECRET, &[], Value::Secret("instagram")),
    answer("WEIR_BRIGHTDATA__API__BASE_URL", &[], Value::Simulator("brightdata", "")),
    answer(BRIGHTDATA_KEY, &[], Value::Secret("brightdata-key")),
    answer("WEIR_BRIGHTDATA__API__PUBLIC_URL", &[], Value::Edge),
    answer("WEIR_EDGE__PROVIDERS__USAGE__ENABLED", &[], Value::Fixed("true")),
    answer(USAGE_SECRETS, &[], Value::SecretList("usage")),
    answer(C2S_URL, &["C2S_BASE_URL", "C2S_GATEWAY_URL"], Value::Simulator("c2s", "/integration")),
    answer(C2S_TOKEN, &["C2S_TOKEN"], Value::Secret("simulated-token")),
    answer("WEIR_PEOPLE__WORK__BASE_URL", &[], Value::Simulator("work", "/api")),
    answer("WEIR_PEOPLE__WORK__TOKEN", &["WORK_API"], Value::Secret("simulated-token")),
    answer("WEIR_PEOPLE__DIRETRIX__BASE_URL", &[], Value::Simulator("diretrix", "")),
    answer("WEIR_PEOPLE__DIRETRIX__USER", &[], Value::Fixed("weir")),
    answer("WEIR_PEOPLE__DIRETRIX__PASSWORD", &[], Value::Secret("simulated-token")),
    answer("WEIR_PEOPLE__INDEX_KEYS", &[], Value::SecretList("people-index")),
    answer(
        "WEIR_ZAPIER__HOOK__URL",
        &["ZAPIER_WEBHOOK_URL"],
        Value::Simulator("zapier", "/hooks/catch/1234567/sim0hook/"),
    ),
    answer("WEIR_ZAPIER__HOOK__ENABLED", &["ENABLE_WEBHOOK"], Value::Fixed("true")),
    answer("WEIR_ZAPIER__HOOK__SECRET", &[], Value::Secret("zapier-hook")),
];

/// The outside systems that are simulated, by the flag that says where.
pub(crate) const SIMULATORS: &[(&str, &str)] = &[
    ("graph", "--graph-listen"),
    ("brightdata", "--brightdata-listen"),
    ("c2s", "--c2s-listen"),
    ("work", "--work-listen"),
    ("diretrix", "--diretrix-listen"),
    ("zapier", "--zapier-listen"),
];

/// What was given under any name, else ours.
pub(crate) fn settings(
    environment: &Environment,
    kept: &mut Kept,
    edge_url: &str,
) -> anyhow::Result<Settings> {
    let mut settings = Settings::new();
    for Answer { setting, older, value } in ANSWERS {
        // From a file that we do not read.
        if environment.get(&format!("{setting}_FILE")).is_some() {
            continue;
        }
        let given = environment.get(setting).or_else(|| {
            let (_, secret) = environment.first(older)?;
            // The older names have one secret, commas included.
            Some(if matches!(value, Value::SecretList(_)) { one(&secret) } else { secret })
        });
        let value = match given {
            Some(given) => given,
            None => ours(value, kept, edge_url)?,
        };
        settings.insert((*setting).to_owned(), value);
    }
    Ok(settings)
}

fn ours(value: &Value, kept: &mut Kept, edge_url: &str) -> anyhow::Result<String> {
    Ok(match value {
        Value::Fixed(text) => (*text).to_owned(),
        Value::SecretList(name) => one(&kept.secret(name)?),
        Value::Secret(name) => kept.secret(name)?,
        Value::SealKey => format!("local:{}", kept.seal_key()?),
        Value::Simulator(name, path) => {
            format!("http://127.0.0.1:{}{path}", kept.port(&format!("simulated-{name}"))?)
        }
        Value::Edge => edge_url.to_owned(),
    })
}

/// A list of one.
fn one(secret: &str) -> String {
    serde_json::json!([secret]).to_string()
}

/// The first of a list setting: `a,b` or `["a","b"]`.
pub(crate) fn first(list: &str) -> Option<String> {
    if list.trim_start().starts_with('[') {
        let list: Vec<String> = serde_json::from_str(list).ok()?;
        return list.into_iter().next();
    }
    list.split(',').next().map(|secret| secret.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_of_a_list_is_found_in_both_forms() {
        assert_eq!(first(r#"["one, and a comma","two"]"#).as_deref(), Some("one, and a comma"));
        assert_eq!(first("one, two").as_deref(), Some("one"));
    }

    #[test]
    fn what_is_made_up_stays_the_same() {
        let mut kept = Kept::default();
        let first = settings(&Environment::default(), &mut kept, "http://127.0.0.1:8000").unwrap();
        let again = settings(&Environment::default(), &mut kept, "http://127.0.0.1:8000").unwrap();
        assert_eq!(first, again);
        assert_ne!(first.get(C2S_SECRETS), first.get(BRIGHTDATA_SECRETS));
        assert!(first.contains_key("WEIR_SEAL__KEYS"));
    }
}
