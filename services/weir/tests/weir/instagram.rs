//! `weir instagram`.

use std::fs;

use simulators::{Server, meta};
use testkit::Database;

use crate::{Run, weir_in};

const ACCOUNT: &str = "17841400000000001";
const TOKEN: &str = "IGAA_invented_token_123";
const APP_SECRET: &str = "0123456789abcdef0123456789abcdef";
/// 32 bytes of the letter A.
const KEY: &str = "2026-01:QUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUE=";

struct Given {
    database: Database,
    meta: meta::GraphApi,
    server: Server,
    folder: tempfile::TempDir,
}

impl Given {
    async fn new() -> Self {
        let (database, meta) = (Database::create().await, meta::GraphApi::default());
        meta.require_proof(APP_SECRET);
        let server = meta.start().await.unwrap();
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("token.txt"), format!("{TOKEN}\n")).unwrap();
        Self { database, meta, server, folder }
    }

    async fn weir(&self, arguments: &[&str]) -> Run {
        let (folder, url) = (self.folder.path().to_owned(), self.server.url());
        let database = self.database.url().to_owned();
        let arguments: Vec<String> =
            ["--log", "trace"].iter().chain(arguments).map(|it| (*it).to_owned()).collect();
        // The server that it calls runs on this test's own thread.
        tokio::task::spawn_blocking(move || {
            let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
            let variables = [
                ("DATABASE_URL", database.as_str()),
                ("WEIR_INSTAGRAM__GRAPH__BASE_URL", &url),
                ("INSTAGRAM_APP_SECRET", APP_SECRET),
                ("INSTAGRAM_APP_ID", meta::GraphApi::APP_ID),
                ("WEIR_OUTBOUND__ALLOWED_NETWORKS", "127.0.0.1"),
                ("WEIR_SEAL__KEYS", KEY),
            ];
            weir_in(&folder, &variables, &arguments)
        })
        .await
        .unwrap()
    }
}

#[tokio::test]
async fn an_account_is_subscribed_listed_checked_and_unsubscribed_and_no_secret_is_told() {
    let given = Given::new().await;
    let subscribe = ["instagram", "subscribe", ACCOUNT, "--fields", "comments,message_seen"];
    let missing = given.weir(&subscribe).await;
    assert_eq!(missing.code(), 2, "{}", missing.stderr());
    assert!(missing.stderr().contains("--token-file"), "{}", missing.stderr());

    let with_token = [&subscribe[..], &["--token-file", "token.txt"]].concat();
    let subscribed = given.weir(&with_token).await;
    assert_eq!(subscribed.code(), 0, "{}", subscribed.stderr());
    assert_eq!(given.meta.subscribed(ACCOUNT).unwrap(), ["comments", "messaging_seen"]);

    let listed = given.weir(&["--json", "instagram", "list"]).await;
    let document = listed.document();
    assert_eq!(document[0]["status"], "active");
    assert_eq!(document[0]["fields"], serde_json::json!(["comments", "messaging_seen"]));
    assert_eq!(document[0]["key_id"], "2026-01");

    let checked = given.weir(&["--json", "instagram", "check"]).await;
    assert_eq!(checked.document()[0]["finding"], "alive");
    let checked = given.weir(&["instagram", "check"]).await;
    assert_eq!(checked.stdout(), "1 account checked: 1 alive\n");
    given.meta.forget(ACCOUNT);
    sqlx::query("update instagram_subscriptions set subscribed_at = subscribed_at - interval '1 day'")
        .execute(given.database.pool())
        .await
        .unwrap();
    given.meta.script.then(vec![simulators::Step::Status(503, ""); 4]);
    assert_eq!(given.weir(&["instagram", "check"]).await.code(), 3, "the next one will tell");
    let again = given.weir(&["instagram", "check"]).await;
    assert_eq!(again.code(), 0, "{}", again.stderr());
    assert!(again.stdout().ends_with("1 account checked: 1 subscribed again\n"), "{}", again.stdout());

    let removed = given.weir(&["instagram", "unsubscribe", ACCOUNT]).await;
    assert_eq!(removed.code(), 0, "{}", removed.stderr());
    assert_eq!(given.meta.subscribed(ACCOUNT), None);

    for run in [missing, subscribed, listed, checked, removed] {
        let told = format!("{} {}", run.stdout(), run.stderr());
        for secret in [TOKEN, APP_SECRET, "appsecret_proof=c6", "QUFBQUFB"] {
            assert!(!told.contains(secret), "{secret} is in {told}");
        }
    }
}

#[tokio::test]
async fn a_dead_token_is_told_without_being_quoted_and_can_be_forgotten() {
    let given = Given::new().await;
    let subscribe = ["instagram", "subscribe", ACCOUNT, "--fields", "comments", "--token-file", "token.txt"];
    assert_eq!(given.weir(&subscribe).await.code(), 0);
    given.meta.kill_token(TOKEN);

    let again = given.weir(&subscribe).await;
    assert_eq!(again.code(), 1, "{}", again.stderr());
    assert!(again.stderr().contains("the access token is dead"), "{}", again.stderr());
    assert!(!again.stderr().contains(TOKEN), "{}", again.stderr());
    assert_eq!(given.weir(&["instagram", "check"]).await.code(), 1);

    let removed = given.weir(&["instagram", "unsubscribe", ACCOUNT]).await;
    assert!(removed.stderr().contains("--forget"), "{}", removed.stderr());
    assert_eq!(given.weir(&["instagram", "unsubscribe", ACCOUNT, "--forget"]).await.code(), 0);
}
