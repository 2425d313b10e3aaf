//! Wrong settings stop a program before it binds, and name the key.

use e2e::{Process, SECRET};

#[tokio::test]
async fn a_wrong_unknown_or_missing_setting_stops_the_program_and_is_named() {
    let folder = tempfile::TempDir::new().unwrap();
    let secret = ("WEIR_EDGE__PROVIDERS__C2S__SECRETS", SECRET);
    for (program, environment, named) in [
        ("weir-edge", vec![], "edge.providers.c2s.secrets"),
        ("weir-edge", vec![secret, ("WEIR_EDGE__LISTEN", "nowhere")], "WEIR_EDGE__LISTEN"),
        ("weir-edge", vec![secret, ("WEIR_EDGE__LISTENN", "127.0.0.1:0")], "WEIR_EDGE__LISTENN"),
        (
            "weir-edge",
            vec![("WEIR_EDGE__PROVIDERS__C2S__SECRETS", "short")],
            "WEIR_EDGE__PROVIDERS__C2S__SECRETS",
        ),
        ("weir-c2s", vec![], "postgres.url"),
        ("weir-c2s", vec![("WEIR_C2S__LEADS__BATCH_MAX", "many")], "WEIR_C2S__LEADS__BATCH_MAX"),
    ] {
        let environment: Vec<_> =
            environment.into_iter().map(|(key, value)| (key.to_owned(), value.to_owned())).collect();
        let mut process = Process::start(program, folder.path(), &environment);
        let status = process.ended().await;
        let log = process.log();
        assert!(!status.success() && log.contains(named), "{program} {environment:?}: {log}");
        assert!(!log.contains(SECRET) && !log.contains("panicked"), "{log}");
    }
}

#[tokio::test]
async fn a_service_refuses_to_run_without_its_streams() {
    let broker = testkit::Broker::start().await;
    let folder = tempfile::TempDir::new().unwrap();
    let environment = [
        ("WEIR_NATS__URLS".to_owned(), broker.url().to_owned()),
        ("WEIR_EDGE__LISTEN".to_owned(), "127.0.0.1:0".to_owned()),
        ("WEIR_EDGE__PROVIDERS__C2S__SECRETS".to_owned(), SECRET.to_owned()),
    ];
    let mut edge = Process::start("weir-edge", folder.path(), &environment);
    assert!(!edge.ended().await.success());
    assert!(edge.log().contains("weir provision"), "{}", edge.log());
}
