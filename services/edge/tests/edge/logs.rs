//! What must never be written down.

use testkit::Broker;

use crate::{
    binary::{Binary, status},
    harness::{LEAD, PATH, SECRET, client},
    instagram,
};

#[tokio::test]
async fn no_log_line_holds_a_secret() {
    const WRONG: &str = "a-guess-that-is-nobody-elses-business";
    const SENDER: &str = "198.51.100.77";
    let broker = Broker::start().await;
    let settings = [("WEIR_LOG__LEVEL", "trace"), ("WEIR_EDGE__TRUSTED_PROXIES", "127.0.0.1")];
    let mut edge = Binary::start(&broker, &settings).await;
    let body = LEAD.replace("}}", r#","customer":{"email":"joao@example.com"}}}"#);
    let post =
        |path: &str| client().post(edge.url(path)).header("X-Forwarded-For", SENDER).body(body.clone());
    for (secret, expected) in [(SECRET, 200), (WRONG, 401)] {
        for path in [format!("{PATH}/{secret}"), format!("{PATH}/?token={secret}")] {
            assert_eq!(status(post(&path)).await, expected);
            assert_eq!(status(client().get(edge.url(&path))).await, 405);
        }
        assert_eq!(status(post(PATH).bearer_auth(secret)).await, expected);
        assert_eq!(status(post(PATH).header("X-Webhook-Secret", secret)).await, expected);
        assert_eq!(status(post(&format!("/elsewhere/{secret}?x={secret}"))).await, 404);
    }
    assert_eq!(status(post(PATH).bearer_auth(SECRET).body("{")).await, 400);
    edge.terminate();
    assert!(edge.exit().await.success());

    let written = edge.log();
    for expected in ["delivery is durable", "request refused", "/api/v1/webhooks/c2s/{secret}"] {
        assert!(written.contains(expected), "{expected}: {written}");
    }
    for secret in [SECRET, WRONG, SENDER, "joao@example.com"] {
        assert_eq!(written.lines().find(|line| line.contains(secret)), None);
    }
}

#[tokio::test]
async fn no_log_line_holds_a_verify_token_or_a_signature() {
    const TOKEN: &str = "a-verify-token-of-the-dashboard";
    const WRONG: &str = "a-guess-that-is-nobody-elses-business";
    let broker = Broker::start().await;
    // The older systems' names.
    let settings = [
        ("WEIR_LOG__LEVEL", "trace"),
        ("WEIR_EDGE__PROVIDERS__INSTAGRAM__ENABLED", "true"),
        ("INSTAGRAM_APP_SECRET", instagram::SECRET),
        ("META_VERIFY_TOKEN", TOKEN),
    ];
    let mut edge = Binary::start(&broker, &settings).await;
    for (token, expected) in [(TOKEN, 200), (WRONG, 403)] {
        let query = format!("hub.mode=subscribe&hub.challenge=1158201444&hub.verify_token={token}");
        let request = client().get(edge.url(&format!("{}?{query}", instagram::PATH)));
        assert_eq!(status(request).await, expected);
    }
    let signature = instagram::signature(instagram::MESSAGE.as_bytes());
    let post = |body: &'static str| {
        let request = client().post(edge.url(instagram::PATH)).header("X-Hub-Signature-256", &signature);
        request.body(body)
    };
    assert_eq!(status(post(instagram::MESSAGE)).await, 200);
    assert_eq!(status(post("{}")).await, 401);
    edge.terminate();
    assert!(edge.exit().await.success());

    let written = edge.log();
    for expected in ["delivery is durable", "handshake answered", "request refused"] {
        assert!(written.contains(expected), "{expected}: {written}");
    }
    let digest = signature.trim_start_matches("sha256=");
    for secret in [TOKEN, WRONG, instagram::SECRET, digest, "9000000000000001"] {
        assert_eq!(written.lines().find(|line| line.contains(secret)), None);
    }
}
