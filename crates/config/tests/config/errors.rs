//! Every error names its key the way it was written.

use config::Role;

use crate::{SECRET, error, load, load_file};

#[test]
fn every_kind_of_error_names_its_key_and_what_is_expected() {
    for (variable, value, expected) in [
        ("WEIR_EDGE__LISTEN", "8000", "`8000` is not valid"),
        ("WEIR_EDGE__LISEN", "0.0.0.0:80", "no such setting; did you mean WEIR_EDGE__LISTEN?"),
        ("WEIR_EDGE_LISTEN", "0.0.0.0:80", "no such setting; did you mean WEIR_EDGE__LISTEN?"),
        ("WEIR_Edge__Listen", "0.0.0.0:80", "no such setting; did you mean WEIR_EDGE__LISTEN?"),
        ("WEIR_NONSENSE", "1", "no such setting"),
        ("WEIR_EDGE__PROVIDERS__C3S__ENABLED", "true", "no such setting"),
        ("WEIR_EDGE__RATE_BURST", "many", "`many` is not valid: expected a whole number of at least 1"),
        ("WEIR_EDGE__RATE_BURST", "-1", "`-1` is not valid: expected a whole number of at least 1"),
        ("WEIR_EDGE__RATE_BURST", "0", "`0` is not valid: expected at least 1"),
        ("WEIR_EDGE__RATE_BURST", "99999999999", "`99999999999` is not valid: expected a whole number"),
        ("WEIR_EDGE__REQUIRE_HTTPS", "maybe", "`maybe` is not valid: expected true or false"),
        ("WEIR_EDGE__TRUSTED_PROXIES", "10.0.0.0/8,proxy", "`proxy`: expected an address such as"),
        ("WEIR_EDGE__TRUSTED_PROXIES", "[10.0.0.1", "expected a list"),
        ("WEIR_LOG__FORMAT", "xml", "`xml` is not valid: expected one of auto, json, pretty"),
        ("WEIR_TELEMETRY__SAMPLE_RATIO", "1.5", "`1.5` is not valid: expected 0.0 to 1.0"),
        ("WEIR_TELEMETRY__SAMPLE_RATIO", "nan", "expected 0.0 to 1.0"),
        ("WEIR_TELEMETRY__OTLP_ENDPOINT", "127.0.0.1:4317", "expected a URL such as http://"),
        ("WEIR_NATS__REPLICAS", "2", "`2` is not valid: expected 1, 3 or 5"),
        ("WEIR_NATS__URLS", "http://broker:4222", "expected URLs nats://"),
        ("WEIR_NATS__MONITORING_URL", "127.0.0.1:8222", "expected a URL such as http://"),
        ("WEIR_NATS__USER", "weir", "needs nats.password (WEIR_NATS__PASSWORD) beside it"),
        (
            "WEIR_EDGE__TLS_CERT_FILE",
            "edge.pem",
            "needs edge.tls_key_file (WEIR_EDGE__TLS_KEY_FILE) beside it",
        ),
        ("WEIR_EDGE__TLS_CLIENT_CA_FILES", "ca.pem", "needs edge.tls_cert_file"),
        ("WEIR_EDGE__METRICS_LISTEN", "0.0.0.0:8000", "is the same address as edge.listen"),
        ("WEIR_POSTGRES__URL", "mysql://db/weir", "expected a URL postgres://"),
        ("WEIR_POSTGRES__URL_FILE", "absent", "cannot read the file absent"),
        ("WEIR_EDGE__LISTEN_FILE", "listen", "no such setting"),
        ("WEIR_C2S__LEADS__RETRY_BASE_MS", "900000", "is longer than c2s.leads.retry_max_ms"),
        ("WEIR_EDGE__PROVIDERS__C2S__SECRETS", "short", "openssl rand -hex 32"),
        ("WEIR_CONFIG", "absent.toml", "cannot read the file absent.toml"),
    ] {
        let text = error(load(Role::Operator, &[(variable, value)]));
        assert!(text.starts_with(&format!("configuration: {variable}: ")), "{text}");
        assert!(text.contains(expected), "{variable}: {text}");
    }
}

#[test]
fn a_key_of_the_file_is_named_with_the_file() {
    for (toml, expected) in [
        ("[edge]\nlisten = 8000", "edge.listen in weir.toml: `8000` is not valid"),
        ("[edge]\nlisen = \"a\"", "edge.lisen in weir.toml: no such setting; did you mean edge.listen?"),
        ("edge = 5", "edge in weir.toml: this is a section: write [edge]"),
        ("[edge.listen]\nport = 1", "edge.listen in weir.toml: "),
        ("[edge.providers.c3s]\nenabled = true", "edge.providers.c3s in weir.toml: no such setting"),
        (
            "[nats]\ntoken = 123456",
            "nats.token in weir.toml: expected text (the value is a secret and not shown)",
        ),
        ("[edge]\ntrusted_proxies = [1.5]", "`[1.5]` is not valid: expected a list of texts"),
        ("[nats]\nurls = []", "nats.urls in weir.toml: expected at least one URL"),
        ("log.level = \"info\"\nlog.level", "weir.toml line 2: not valid TOML"),
    ] {
        let text = error(load_file(toml, &[]));
        assert!(text.contains(expected), "{text}");
    }
}

#[test]
fn everything_wrong_is_told_at_once() {
    let file = "[edge]\nlisten = \"nowhere\"\nlisen = 1\nrate_burst = 0";
    let variables = [("WEIR_LOG__FORMAT", "xml"), ("WEIR_NATS__REPLICAS", "4"), ("WEIR_NONSENSE", "1")];
    let text = error(load_file(file, &variables));
    assert!(text.starts_with("configuration: 6 problems\n"), "{text}");
    for key in [
        "edge.listen in",
        "edge.lisen in",
        "edge.rate_burst in",
        "WEIR_LOG__FORMAT",
        "WEIR_NATS__REPLICAS",
        "WEIR_NONSENSE",
    ] {
        assert!(text.contains(&format!("\n  - {key}")), "{key}: {text}");
    }
}

#[test]
fn a_role_requires_what_it_cannot_work_without() {
    let text = error(load(Role::C2s, &[]));
    assert!(text.contains("postgres.url (WEIR_POSTGRES__URL in the environment): is missing"), "{text}");
    let text = error(load(Role::Edge, &[]));
    assert!(text.contains("(WEIR_EDGE__PROVIDERS__C2S__SECRETS in the environment): is missing"), "{text}");
    assert!(text.contains("openssl rand -hex 32"), "{text}");

    assert!(load(Role::Operator, &[]).is_ok());
    assert!(load(Role::Edge, &[("WEIR_EDGE__PROVIDERS__C2S__ENABLED", "false")]).is_ok());
    assert!(load(Role::Edge, &[("WEIR_EDGE__PROVIDERS__C2S__SECRETS", SECRET)]).is_ok());
}

#[test]
fn a_drain_must_leave_time_for_what_is_in_flight() {
    let drain = ("WEIR_LIFECYCLE__DRAIN_TIMEOUT_MS", "3000");
    for (role, given, other) in [
        (Role::Edge, ("WEIR_EDGE__PROVIDERS__C2S__SECRETS", SECRET), "nats.publish_timeout_ms"),
        (Role::C2s, ("WEIR_POSTGRES__URL", "postgres://db/weir"), "c2s.leads.handle_timeout_ms"),
    ] {
        let text = error(load(role, &[drain, given]));
        assert!(text.contains("WEIR_LIFECYCLE__DRAIN_TIMEOUT_MS: is shorter than"), "{text}");
        assert!(text.contains(other), "{text}");
    }
}

#[test]
fn ways_to_log_in_exclude_each_other() {
    let text = error(load(
        Role::Operator,
        &[("WEIR_NATS__NKEY_SEED", SECRET), ("WEIR_NATS__CREDENTIALS_FILE", "nats.creds")],
    ));
    assert!(text.contains("WEIR_NATS__NKEY_SEED: excludes nats.credentials_file"), "{text}");
}

#[test]
fn what_would_refuse_every_request_is_a_notice() {
    let settings = load(
        Role::Edge,
        &[("WEIR_EDGE__REQUIRE_HTTPS", "true"), ("WEIR_EDGE__PROVIDERS__C2S__SECRETS", SECRET)],
    )
    .unwrap();
    assert!(
        settings.notices().iter().any(|notice| notice.contains("edge.require_https refuses every request"))
    );
}

#[test]
fn a_secret_is_not_sent_in_plain_text_to_a_strangers_name() {
    for (url, is_valid) in [
        ("https://graph.facebook.com", true),
        ("http://127.0.0.1:4000", true),
        ("http://localhost:4000", true),
        ("http://[::1]:4000", true),
        ("http://graph.instagram.com", false),
        ("http://localhost.example.com", false),
        ("graph.instagram.com", false),
    ] {
        for variable in ["WEIR_INSTAGRAM__GRAPH__BASE_URL", "WEIR_BRIGHTDATA__API__BASE_URL"] {
            assert_eq!(load(Role::Operator, &[(variable, url)]).is_ok(), is_valid, "{variable} {url}");
        }
    }
}
