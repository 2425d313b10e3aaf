//! `weir config`, and failures that name what is wrong.

use crate::{weir, weir_in};

#[test]
fn a_wrong_setting_is_named_on_stderr_and_exits_2() {
    let run = weir(&[("WEIR_EDGE__LISEN", "0.0.0.0:8000")], &["config", "check"]);
    assert_eq!(run.code(), 2);
    assert!(
        run.stderr().contains("WEIR_EDGE__LISEN: no such setting; did you mean WEIR_EDGE__LISTEN?"),
        "{}",
        run.stderr()
    );
    assert_eq!(run.stdout(), "");
}

#[test]
fn check_says_which_services_could_start_and_fails_for_the_one_that_is_asked_for() {
    let variables = [("WEIR_POSTGRES__URL", "postgres://db/weir")];
    let document = weir(&variables, &["config", "check", "--json"]).document();
    assert_eq!(document["services"]["c2s"]["problems"], serde_json::json!([]));
    let problem = document["services"]["edge"]["problems"][0].as_str().unwrap();
    assert!(problem.contains("WEIR_EDGE__PROVIDERS__C2S__SECRETS"), "{problem}");

    assert_eq!(weir(&variables, &["config", "check", "--role", "c2s"]).code(), 0);
    let edge = weir(&variables, &["config", "check", "--role", "edge"]);
    assert_eq!(edge.code(), 2);
    assert!(edge.stderr().contains("openssl rand -hex 32"), "{}", edge.stderr());
}

#[test]
fn show_tells_where_each_value_comes_from_and_hides_secrets() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("weir.toml"), "[log]\nlevel = \"debug\"").unwrap();
    let variables =
        [("DB_URL", "postgres://weir:hunter2@db/weir"), ("WEIR_NATS__URLS", "nats://u:hunter2@broker")];
    let run = weir_in(folder.path(), &variables, &["config", "show", "--changed"]);
    assert_eq!(run.code(), 0);
    for words in [
        ["log.level", "debug", "weir.toml"],
        ["postgres.url", "[redacted]", "DB_URL"],
        ["nats.urls", "[redacted]@broker", "WEIR_NATS__URLS"],
    ] {
        let table = run.stdout();
        let line = table.lines().find(|line| line.starts_with(words[0])).unwrap();
        assert!(words.iter().all(|word| line.contains(word)), "{line}");
    }
    assert!(run.stderr().contains("note: DB_URL is an older name"), "{}", run.stderr());
    assert!(!format!("{}{}", run.stdout(), run.stderr()).contains("hunter2"));
}

#[test]
fn the_printed_defaults_are_a_valid_file() {
    let folder = tempfile::tempdir().unwrap();
    let defaults = weir(&[], &["config", "default"]).stdout();
    std::fs::write(folder.path().join("mine.toml"), defaults).unwrap();
    assert_eq!(weir_in(folder.path(), &[], &["config", "check", "--config", "mine.toml"]).code(), 0);
    let absent = weir_in(folder.path(), &[], &["config", "check", "--config", "absent.toml"]);
    assert_eq!(absent.code(), 2);
    assert!(absent.stderr().contains("--config: cannot read the file absent.toml"), "{}", absent.stderr());
}

#[test]
fn names_lists_settings_and_old_names() {
    let text = weir(&[], &["config", "names"]).stdout();
    for word in
        ["WEIR_EDGE__LISTEN", "WEIR_POSTGRES__URL[_FILE]", "WEBHOOK_SECRET", "SENTRY_DSN", "WEIR_CONFIG"]
    {
        assert!(text.contains(word), "{word}");
    }
}

#[test]
fn a_failure_is_a_document_too() {
    let run = weir(&[], &["migrate", "--json"]);
    assert_eq!(run.code(), 2);
    let document: serde_json::Value = serde_json::from_str(&run.stdout()).unwrap();
    assert!(document["error"].as_str().unwrap().contains("postgres.url is not set"));
    assert!(document["hint"].as_str().unwrap().contains("DATABASE_URL"));
}

#[test]
fn what_does_not_answer_is_named_and_exits_3() {
    // Port 9 (discard) of this machine: nobody listens there.
    let variables = [
        ("NATS_URL", "nats://127.0.0.1:9"),
        ("DATABASE_URL", "postgres://weir@127.0.0.1:9/weir"),
        ("WEIR_EDGE_URL", "http://127.0.0.1:9"),
        ("WEBHOOK_SECRET", "hunter2-hunter2-hunter2"),
        ("APP_SECRET", "hunter2-hunter2-hunter2"),
        ("META_VERIFY_TOKEN", "hunter2-hunter2-hunter2"),
    ];
    for (arguments, sentence) in [
        (&["provision", "--wait", "1"] as &[_], "no NATS server answered"),
        (&["migrate", "--wait", "1"], "cannot connect to the database"),
        (&["send", "c2s"], "no answer from http://127.0.0.1:9/api/v1/webhooks/c2s"),
        (
            &["send", "c2s", "--count", "3", "--secret-in", "path"],
            "no answer from http://127.0.0.1:9/api/v1/webhooks/c2s",
        ),
        (&["test", "c2s"], "no answer from http://127.0.0.1:9/api/v1/webhooks/c2s"),
        (&["send", "instagram"], "no answer from http://127.0.0.1:9/api/webhooks/instagram"),
        (&["test", "instagram"], "no answer from http://127.0.0.1:9/api/webhooks/instagram"),
    ] {
        let run = weir(&variables, arguments);
        assert_eq!(run.code(), 3, "{arguments:?}: {}", run.stderr());
        assert!(run.stderr().contains(sentence), "{arguments:?}: {}", run.stderr());
        assert!(!format!("{}{}", run.stdout(), run.stderr()).contains("hunter2"), "{arguments:?}");
        let document = weir(&variables, &[arguments, &["--json"]].concat()).stdout();
        let document: serde_json::Value =
            serde_json::from_str(&document).expect("one document, and only one");
        assert!(document["error"].as_str().unwrap().contains(sentence), "{document}");
    }
}
