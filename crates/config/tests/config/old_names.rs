//! The older systems' variables: fallbacks whose meaning depends on the role.

use config::{OLD_NAMES, Role};

use crate::{SECRET, error, load, load_file};

#[test]
fn an_old_name_is_used_where_the_new_one_is_not() {
    let settings = load(
        Role::Operator,
        &[
            ("NATS_URL", "nats://one:4222,nats://two:4222"),
            ("DB_URL", "postgres://old/weir"),
            ("LOG_LEVEL", "WARNING"),
            ("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf"),
            ("OTEL_TRACES_SAMPLER_ARG", "0.25"),
        ],
    )
    .unwrap();
    assert_eq!(settings.nats.urls.0, ["nats://one:4222", "nats://two:4222"]);
    assert_eq!(settings.postgres.url.as_ref().unwrap().expose(), "postgres://old/weir");
    assert_eq!(settings.log.level, "warn");
    assert_eq!(settings.telemetry.otlp_protocol, config::OtlpProtocol::Http);
    assert!((settings.telemetry.sample_ratio - 0.25).abs() < f64::EPSILON);
    assert_eq!(
        settings.notices(),
        [
            "DB_URL is an older name: write WEIR_POSTGRES__URL instead",
            "LOG_LEVEL is an older name: write WEIR_LOG__LEVEL instead"
        ],
        "names in common use are no news"
    );
}

#[test]
fn the_new_name_wins_wherever_it_stands() {
    let variables = [("DATABASE_URL", "postgres://common/weir"), ("DB_URL", "postgres://old/weir")];
    let settings = load_file("[postgres]\nurl = \"postgres://new/weir\"", &variables).unwrap();
    assert_eq!(settings.postgres.url.as_ref().unwrap().expose(), "postgres://new/weir");
    assert_eq!(
        settings.notices(),
        [
            "DATABASE_URL has no effect: postgres.url in weir.toml is set",
            "DB_URL has no effect: postgres.url in weir.toml is set"
        ]
    );

    let settings = load(Role::Operator, &variables).unwrap();
    assert_eq!(settings.postgres.url.as_ref().unwrap().expose(), "postgres://common/weir");

    let same = [("NATS_URL", "nats://one:4222"), ("WEIR_NATS__URLS", r#"["nats://one:4222"]"#)];
    assert!(load(Role::Operator, &same).unwrap().notices().is_empty(), "the same value twice is no news");
}

#[test]
fn webhook_secret_is_the_c2s_token_at_the_edge_and_nothing_to_the_lead_store() {
    let secret = format!("{SECRET},with,commas");
    let variables = [("WEBHOOK_SECRET", secret.as_str()), ("WEIR_POSTGRES__URL", "postgres://db/weir")];
    let edge = load(Role::Edge, &variables).unwrap();
    let secrets = &edge.edge.providers["c2s"].secrets;
    assert_eq!(secrets.iter().map(config::Secret::expose).collect::<Vec<_>>(), [secret.as_str()]);
    assert!(load(Role::C2s, &variables).unwrap().edge.providers["c2s"].secrets.is_empty());
}

#[test]
fn inbound_limits_are_bright_datas_and_no_other_providers() {
    let variables = [
        ("WEIR_EDGE__PROVIDERS__C2S__SECRETS", SECRET),
        ("WEIR_EDGE__PROVIDERS__BRIGHTDATA__ENABLED", "true"),
        ("BRIGHTDATA_WEBHOOK_TOKEN", "a-token-with,commas"),
        ("WEBHOOK_RATE_LIMIT", "100"),
        ("WEBHOOK_ALLOWED_IPS", "192.0.2.0/24,192.0.2.7"),
        ("WEBHOOK_MAX_TIMESTAMP_AGE", "60"),
    ];
    let settings = load(Role::Edge, &variables).unwrap();
    let (c2s, brightdata) = (&settings.edge.providers["c2s"], &settings.edge.providers["brightdata"]);
    assert!(c2s.allowed_ips.is_empty() && c2s.rate_per_minute != 100);
    assert_eq!(
        brightdata.secrets.iter().map(config::Secret::expose).collect::<Vec<_>>(),
        ["a-token-with,commas"]
    );
    assert_eq!((brightdata.allowed_ips.len(), brightdata.rate_per_minute), (2, 100));
    assert_eq!(brightdata.delivery.timestamp_max_age_seconds, 60);
    assert_eq!(settings.notices().len(), 4, "{:?}", settings.notices());
}

const INSTAGRAM: &str = "WEIR_EDGE__PROVIDERS__INSTAGRAM__ENABLED";

#[test]
fn metas_secrets_and_tokens_are_known_by_both_older_systems_names() {
    let variables =
        |name| [("WEIR_EDGE__PROVIDERS__C2S__ENABLED", "false"), (INSTAGRAM, "true"), (name, SECRET)];
    for name in ["INSTAGRAM_APP_SECRET", "APP_SECRET"] {
        let settings = load(Role::Edge, &variables(name)).unwrap();
        let secrets = &settings.edge.providers["instagram"].secrets;
        assert_eq!(secrets.iter().map(config::Secret::expose).collect::<Vec<_>>(), [SECRET], "{name}");
        let no_token =
            |notice: &String| notice.starts_with("edge.providers.instagram.verify_tokens is empty");
        assert!(settings.notices().iter().any(no_token), "{:?}", settings.notices());
    }
    let settings = load(Role::Operator, &[("META_VERIFY_TOKEN", "one,token")]).unwrap();
    let tokens = &settings.edge.providers["instagram"].verify_tokens;
    assert_eq!(tokens.iter().map(config::Secret::expose).collect::<Vec<_>>(), ["one,token"]);
    let error = error(load(Role::Edge, &variables("META_VERIFY_TOKEN")));
    assert!(error.contains("edge.providers.instagram.secrets") && error.contains("is missing"), "{error}");
}

#[test]
fn metas_client_certificate_is_required_where_the_older_switch_says_so() {
    let load = |switch: &str| {
        let variables = [
            ("WEIR_EDGE__PROVIDERS__C2S__SECRETS", SECRET),
            ("WEIR_EDGE__TLS_CERT_FILE", "edge.pem"),
            ("WEIR_EDGE__TLS_KEY_FILE", "edge.key"),
            ("WEBHOOK_ENABLE_MTLS", switch),
            ("WEBHOOK_MTLS_ROOT_CERT_PATH", "/etc/weir/meta-outbound-api-ca-2025-12.pem"),
        ];
        load(Role::Edge, &variables).map(|settings| {
            let name = settings.edge.providers["instagram"].client_certificate_cn.clone();
            (name, settings.edge.tls_client_ca_files.len())
        })
    };
    assert_eq!(load("true").unwrap(), (Some("client.webhooks.fbclientcerts.com".to_owned()), 1));
    for off in ["false", ""] {
        assert_eq!(load(off).unwrap(), (None, 0));
    }
    assert!(error(load("perhaps").map(|_| unreachable!())).contains("WEBHOOK_ENABLE_MTLS"));
}

#[test]
fn a_secret_of_a_provider_that_is_off_is_a_notice() {
    let variables = [("WEIR_EDGE__PROVIDERS__C2S__SECRETS", SECRET), ("APP_SECRET", SECRET)];
    let settings = load(Role::Edge, &variables).unwrap();
    let off = |notice: &String| notice.contains("set WEIR_EDGE__PROVIDERS__INSTAGRAM__ENABLED=true");
    assert!(settings.notices().iter().any(off), "{:?}", settings.notices());
}

#[test]
fn names_without_effect_are_reported() {
    let settings = load(Role::Operator, &[("SENTRY_DSN", "https://k@sentry/1"), ("C2S_TOKEN", "x")]).unwrap();
    assert_eq!(settings.notices().len(), 1);
    assert!(settings.notices()[0].contains("telemetry.otlp_endpoint"));
}

#[test]
fn an_error_in_an_old_name_names_the_old_name() {
    for (role, name, value, expected) in [
        (Role::Operator, "NATS_URL", "http://broker", "expected URLs nats://"),
        (Role::Operator, "OTEL_EXPORTER_OTLP_PROTOCOL", "http/json", "expected grpc or http/protobuf"),
        (Role::Operator, "OTEL_TRACES_SAMPLER_ARG", "half", "`half` is not valid: expected a number"),
        (Role::Operator, "REQUIRE_HTTPS", "perhaps", "expected true or false"),
        (Role::Edge, "WEBHOOK_SECRET", "short", "expected at least 16 characters"),
    ] {
        let text = error(load(role, &[(name, value)]));
        assert!(text.starts_with(&format!("configuration: {name}: ")), "{text}");
        assert!(text.contains(expected), "{text}");
    }
}

#[test]
fn every_old_name_says_what_it_means() {
    for old in OLD_NAMES {
        assert!(old.meaning.ends_with('.'), "{}", old.name);
        // A name with two meanings has one for each role.
        for role in old.roles {
            let same = |other: &&config::OldName| other.name == old.name && other.roles.contains(role);
            assert_eq!(OLD_NAMES.iter().filter(same).count(), 1, "{} for {role}", old.name);
        }
    }
}

#[test]
fn the_zapier_services_names_mean_its_hook_and_nothing_at_the_edge() {
    let variables = [
        ("DATABASE_URL", "postgres://weir@localhost/weir"),
        ("ZAPIER_WEBHOOK_URL", "https://hooks.zapier.com/hooks/catch/1234567/abcdefg/"),
        ("ENABLE_WEBHOOK", "true"),
        ("WEBHOOK_SECRET", SECRET),
        ("WEBHOOK_SIGNATURE_HEADER", "X-Signature"),
        ("WEBHOOK_SIGNATURE_ALGORITHM", "sha1"),
        ("WEBHOOK_MAX_RETRIES", "0"),
        ("WEBHOOK_TIMEOUT_SECONDS", "7"),
        ("WEBHOOK_RETRY_DELAY_SECONDS", "60"),
        ("WEBHOOK_RATE_LIMIT", "50"),
        ("WEBHOOK_RATE_WINDOW", "600"),
        ("WEBHOOK_BURST_ALLOWANCE", "5"),
        ("REQUIRE_HTTPS", "true"),
    ];
    let settings = load(Role::Zapier, &variables).unwrap();
    let hook = &settings.zapier.hook;
    assert_eq!(hook.secret.as_ref().map(config::Secret::expose), Some(SECRET));
    assert!(hook.enabled && hook.url.is_some() && settings.zapier.delivery.require_https);
    assert_eq!((hook.signature_header.as_str(), hook.signature_algorithm.as_str()), ("X-Signature", "sha1"));
    assert_eq!((hook.attempts_max, hook.timeout_ms, hook.retry_base_ms), (1, 7_000, 60_000));
    assert_eq!((hook.rate_count, hook.rate_window_seconds, hook.rate_burst), (50, 600, 5));
    assert!(!settings.edge.require_https && settings.edge.providers["c2s"].secrets.is_empty());

    let edge = load(Role::Edge, &variables).unwrap();
    assert!(edge.zapier.hook.url.is_none() && edge.zapier.hook.secret.is_none());
    assert_eq!(edge.zapier.hook.rate_count, 100);
    let listed = [variables[0], ("WEBHOOK_ALLOWED_IPS", "10.0.0.0/8")];
    let settings = load(Role::Zapier, &listed).unwrap();
    assert!(settings.outbound.allowed_networks.is_empty(), "a list of who may send opens nothing");
    let told = |notice: &String| notice.contains("edge.providers.usage.allowed_ips");
    assert!(settings.notices().iter().any(told), "{:?}", settings.notices());

    let mut plain = variables;
    plain[1].1 = "http://hooks.example.com/x";
    let error = error(load(Role::Zapier, &plain));
    assert!(error.contains("ZAPIER_WEBHOOK_URL") && !error.contains("hooks.example.com"), "{error}");
    plain[1].1 = "http://127.0.0.1:8080/x";
    assert!(load(Role::Zapier, &plain).is_ok());
}
