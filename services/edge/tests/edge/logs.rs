//! What must never be written down.

use testkit::Broker;

use crate::{
    binary::{Binary, status},
    harness::{LEAD, PATH, SECRET, client},
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
