//! A secret is in no error, no `Debug`, nothing that serialises.

use config::{Role, keys};

use crate::{SECRET, load, load_file};

#[test]
fn no_secret_is_ever_shown() {
    let url = format!("nats://weir:{SECRET}@broker:4222");
    let given = [
        ("WEIR_NATS__URLS", url.as_str()),
        ("WEIR_NATS__TOKEN", SECRET),
        ("WEIR_POSTGRES__URL", "postgres://weir:hunter2-db@db/weir"),
        ("WEIR_EDGE__PROVIDERS__C2S__SECRETS", SECRET),
        ("WEIR_TELEMETRY__OTLP_HEADERS", "api-key=hunter2"),
        ("WEIR_TELEMETRY__OTLP_ENDPOINT", "https://weir:hunter2@collector:4317"),
    ];
    let settings = load(Role::Edge, &given).unwrap();
    let entries = serde_json::to_string(&settings.entries()).unwrap();
    for shown in [format!("{settings:?}"), serde_json::to_string(&settings).unwrap(), entries] {
        assert!(!shown.contains("hunter2"), "{shown}");
        assert!(shown.contains("[redacted]"));
    }
    assert_eq!(settings.nats.urls[0], url, "the value itself is whole");
}

#[test]
fn no_error_quotes_a_secret() {
    // Every secret setting, each with values that some check or parser refuses, in the environment and in the file.
    let secret_keys: Vec<_> = keys().iter().filter(|key| key.secret).collect();
    assert!(secret_keys.len() >= 5);
    for key in secret_keys {
        let (section, name) = key.path.rsplit_once('.').unwrap();
        for bad in ["hunter2\u{7f}", "[hunter2", "[\"hunter2"] {
            if let Err(error) = load(Role::Edge, &[(key.variable.as_str(), bad)]) {
                assert!(!format!("{error} {error:?}").contains("hunter2"), "{error}");
            }
        }
        for bad in
            ["{ hunter2 = 1 }", "[{ hunter2 = 1 }]", "\"hunter2\" hunter2", "[[\"hunter2\"]]", "hunter2"]
        {
            let error = load_file(&format!("[{section}]\n{name} = {bad}"), &[]).unwrap_err();
            assert!(!format!("{error} {error:?}").contains("hunter2"), "{error}");
        }
    }
    for (variable, bad) in [
        ("WEIR_POSTGRES__URI", "postgres://weir:hunter2@db/weir"),
        ("WEIR_NATS__URLS", "http://weir:hunter2@broker"),
        ("WEIR_NATS__URLS", "[nats://weir:hunter2@broker"),
        ("WEIR_TELEMETRY__OTLP_ENDPOINT", "ftp://weir:hunter2@collector"),
        ("NATS_URL", "http://weir:hunter2@broker"),
        ("DATABASE_URL", "mysql://weir:hunter2@db/weir"),
        ("WEBHOOK_SECRET", "hunter2"),
    ] {
        let error = load(Role::Edge, &[(variable, bad)]).unwrap_err();
        assert!(!format!("{error} {error:?}").contains("hunter2"), "{error}");
    }
}
