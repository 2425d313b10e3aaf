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
fn inbound_limits_were_bright_datas_and_do_not_leak_to_other_providers() {
    let variables = [
        ("WEIR_EDGE__PROVIDERS__C2S__SECRETS", SECRET),
        ("WEBHOOK_RATE_LIMIT", "100"),
        ("WEBHOOK_ALLOWED_IPS", "192.0.2.0/24"),
    ];
    let settings = load(Role::Edge, &variables).unwrap();
    assert!(settings.edge.providers["c2s"].allowed_ips.is_empty());
    assert_eq!(settings.notices().len(), 2);
    for (notice, setting) in settings.notices().iter().zip(["RATE_PER_MINUTE", "ALLOWED_IPS"]) {
        assert!(notice.contains("has no effect"), "{notice}");
        assert!(notice.ends_with(&format!("WEIR_EDGE__PROVIDERS__<PROVIDER>__{setting}")), "{notice}");
    }
}

#[test]
fn names_without_effect_are_reported_and_names_of_later_services_are_not() {
    let settings =
        load(Role::Operator, &[("SENTRY_DSN", "https://k@sentry/1"), ("WORK_API", "x"), ("C2S_TOKEN", "x")]);
    let settings = settings.unwrap();
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
        assert_eq!(OLD_NAMES.iter().filter(|other| other.name == old.name).count(), 1, "{}", old.name);
    }
}
