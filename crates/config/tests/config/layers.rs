//! Which layer wins, and how values are written in each.

use config::{Origin, Role, Sources, load_from};

use crate::{SECRET, load, load_file};

#[test]
fn the_environment_wins_over_the_file_and_the_file_over_the_defaults() {
    let file = "[log]\nlevel = \"debug\"\nformat = \"json\"\n[edge]\nrate_burst = 7";
    let settings = load_file(file, &[("WEIR_LOG__LEVEL", "trace")]).unwrap();
    assert_eq!(settings.log.level, "trace");
    assert_eq!(settings.log.format, config::LogFormat::Json);
    assert_eq!(settings.edge.rate_burst, 7);
    assert_eq!(settings.edge.listen.port(), 8000);

    let origin = |path: &str| settings.entries().into_iter().find(|entry| entry.key == path).unwrap().origin;
    assert_eq!(origin("log.level"), Origin::Variable("WEIR_LOG__LEVEL".to_owned()));
    assert_eq!(origin("log.format"), Origin::File("weir.toml".into()));
    assert_eq!(origin("edge.listen"), Origin::Default);
}

#[test]
fn a_list_in_the_environment_is_words_or_an_array() {
    for text in ["10.0.0.0/8,192.0.2.7", " 10.0.0.0/8 , 192.0.2.7 ,", r#"["10.0.0.0/8","192.0.2.7"]"#] {
        let settings = load(Role::Operator, &[("WEIR_EDGE__TRUSTED_PROXIES", text)]).unwrap();
        let proxies: Vec<_> = settings.edge.trusted_proxies.iter().map(ToString::to_string).collect();
        assert_eq!(proxies, ["10.0.0.0/8", "192.0.2.7"], "{text}");
    }
    let settings =
        load_file("[edge]\ntrusted_proxies = [\"10.0.0.0/8\"]", &[("WEIR_EDGE__TRUSTED_PROXIES", "[]")]);
    assert!(settings.unwrap().edge.trusted_proxies.is_empty(), "an empty array empties the list");
}

#[test]
fn the_environments_text_is_read_as_the_kind_of_its_key() {
    let settings = load(
        Role::Operator,
        &[
            ("WEIR_NATS__TOKEN", "0123456789"),
            ("WEIR_TELEMETRY__ENVIRONMENT", "true"),
            ("WEIR_EDGE__REQUIRE_HTTPS", "yes"),
            ("WEIR_TELEMETRY__SAMPLE_RATIO", "1"),
            ("WEIR_EDGE__PROVIDERS__C2S__SECRETS", "01234567890123456789"),
            ("WEIR_EDGE__PROVIDERS__C2S__CLIENT_CERTIFICATE_CN", ""),
        ],
    )
    .unwrap();
    assert_eq!(settings.nats.token.unwrap().expose(), "0123456789", "a secret of digits stays text");
    assert_eq!(settings.telemetry.environment, "true");
    assert!(settings.edge.require_https);
    assert!((settings.telemetry.sample_ratio - 1.0).abs() < f64::EPSILON);
    let c2s = &settings.edge.providers["c2s"];
    assert_eq!(c2s.secrets[0].expose(), "01234567890123456789");
    assert_eq!(c2s.client_certificate_cn, None, "an empty variable is absent");
    assert!(c2s.enabled, "the other settings of a provider keep their defaults");
}

#[test]
fn a_secret_may_be_a_file() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("url"), "postgres://weir:pw@db/weir\n").unwrap();
    std::fs::write(folder.path().join("secrets"), format!("{SECRET}-new\n\n{SECRET}-old\n")).unwrap();
    let files = [("WEIR_POSTGRES__URL_FILE", "url"), ("WEIR_EDGE__PROVIDERS__C2S__SECRETS_FILE", "secrets")];
    let settings = load_from(Role::Edge, &Sources::for_tests(files, folder.path())).unwrap();
    assert_eq!(settings.postgres.url.unwrap().expose(), "postgres://weir:pw@db/weir");
    let secrets = &settings.edge.providers["c2s"].secrets;
    assert_eq!(
        secrets.iter().map(config::Secret::expose).collect::<Vec<_>>(),
        [format!("{SECRET}-new"), format!("{SECRET}-old")]
    );
}

#[test]
fn the_file_is_the_one_that_is_named() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("weir.toml"), "log.level = \"debug\"").unwrap();
    std::fs::write(folder.path().join("other.toml"), "log.level = \"trace\"").unwrap();
    let sources = Sources::for_tests([("WEIR_CONFIG", "other.toml")], folder.path());
    let level = |sources: &Sources| load_from(Role::Operator, sources).unwrap().log.level;
    assert_eq!(level(&sources), "trace");
    assert_eq!(level(&sources.with_file(Some("weir.toml".into()))), "debug", "the command line wins");
}
