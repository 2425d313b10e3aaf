//! The operator's command against a running system.

use e2e::{Lead, Options, SECRET, System};
use tokio::process::Command;

#[tokio::test]
async fn the_eight_checks_of_the_older_systems_script_pass() {
    let system = System::start(Options::default()).await;
    let output = weir(&system, &["test", "c2s", "--url", system.edge_url(), "--secret", SECRET]).await;
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stderr));
    assert!(text.contains("Tests Passed: 8") && text.contains("All tests passed!"), "{text}");

    let output =
        weir(&system, &["test", "c2s", "--url", system.edge_url(), "--secret", "another-secret-0123456789"])
            .await;
    assert!(!output.status.success(), "a wrong secret is seen");
}

#[tokio::test]
async fn metas_signature_handshake_and_batches_are_checked_from_outside() {
    const TOKEN: &str = "a-verify-token";
    let edge = [
        ("WEIR_EDGE__PROVIDERS__INSTAGRAM__ENABLED", "true"),
        ("WEIR_EDGE__PROVIDERS__INSTAGRAM__SECRETS", SECRET),
        ("WEIR_EDGE__PROVIDERS__INSTAGRAM__VERIFY_TOKENS", TOKEN),
    ];
    let edge = edge.map(|(name, value)| (name, value.to_owned())).to_vec();
    let system = System::start(Options { edge, ..Options::default() }).await;
    let test = ["test", "instagram", "--url", system.edge_url(), "--secret", SECRET, "--verify-token"];
    let output = weir(&system, &[test.as_slice(), &[TOKEN]].concat()).await;
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stderr));
    for line in [
        "PASS  Test 1: Valid signature accepted (HTTP 200)",
        "PASS  Test 2: Invalid signature rejected (HTTP 401)",
        "PASS  Test 3: Missing signature rejected (HTTP 401)",
        "Tests Passed: 9",
    ] {
        assert!(text.contains(line), "{text}");
    }
    let output = weir(&system, &[test.as_slice(), &["another-token"]].concat()).await;
    assert!(!output.status.success(), "a wrong token is seen");
    let send = ["send", "instagram", "--events", "1000", "--url", system.edge_url(), "--secret", SECRET];
    let output = weir(&system, &send).await;
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && text.contains("\"processed\":1000"), "{text}");
}

#[tokio::test]
async fn events_are_listed_for_people_and_for_machines() {
    let system = System::start(Options::default()).await;
    system.post(&Lead::new("lead-77").json()).await;
    system.until_count("select count(*) from webhook_events where status = 'completed'", 1).await;
    let output = weir(&system, &["events", "list"]).await;
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(
        text.contains("lead-77") && text.contains("completed"),
        "{text}{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let output = weir(&system, &["--json", "events", "list"]).await;
    let listed: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert!(listed.to_string().contains("lead-77"), "{listed}");
}

pub(crate) async fn weir(system: &System, arguments: &[&str]) -> std::process::Output {
    Command::new(e2e::binary("weir"))
        .args(arguments)
        .env_clear()
        .envs(system.environment(&[]))
        .current_dir(system.folder())
        .output()
        .await
        .unwrap()
}
