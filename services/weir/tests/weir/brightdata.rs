//! `weir brightdata`.

use simulators::{Script, Server, brightdata, stranger};
use testkit::{Broker, Database};

use crate::{Run, weir};

const KEY: &str = "key-of-the-test-0123456789";
const TOKEN: &str = "token-of-the-webhook-0123";
const POSTS: &str = "gd_lk5ns7kz21pck8jpis";

struct Given {
    database: Database,
    broker: Broker,
    bright: brightdata::BrightDataApi,
    edge: Script,
    servers: [Server; 2],
}

impl Given {
    async fn new() -> Self {
        let (database, broker) = (Database::create().await, Broker::start().await);
        let (mut bright, edge) = (brightdata::BrightDataApi::new(KEY), Script::default());
        bright.deliver = false;
        let servers = [bright.start().await.unwrap(), stranger(&edge).await.unwrap()];
        let given = Self { database, broker, bright, edge, servers };
        assert_eq!(given.weir(&["provision"]).await.code(), 0);
        given
    }

    async fn weir(&self, arguments: &[&str]) -> Run {
        let [bright, edge] = self.servers.each_ref().map(Server::url);
        let (database, broker) = (self.database.url().to_owned(), self.broker.url().to_owned());
        let arguments: Vec<String> =
            ["--log", "trace"].iter().chain(arguments).map(|it| (*it).to_owned()).collect();
        // The servers that it calls run on this test's own thread.
        tokio::task::spawn_blocking(move || {
            let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
            let variables = [
                ("DATABASE_URL", database.as_str()),
                ("NATS_URL", &broker),
                ("WEIR_BRIGHTDATA__API__BASE_URL", &bright),
                ("BRIGHTDATA_API_TOKEN", KEY),
                ("BRIGHTDATA_BASE_URL", &edge),
                ("WEIR_EDGE__PROVIDERS__BRIGHTDATA__SECRETS", TOKEN),
                ("WEIR_OUTBOUND__ALLOWED_NETWORKS", "127.0.0.1"),
            ];
            weir(&variables, &arguments)
        })
        .await
        .unwrap()
    }
}

#[tokio::test]
async fn a_job_is_triggered_followed_and_fetched_and_no_secret_is_told() {
    let given = Given::new().await;
    let trigger = ["--json", "brightdata", "trigger", POSTS, "https://www.instagram.com/p/DAbCdEfGhIj/"];
    let triggered = given.weir(&trigger).await;
    let snapshot_id = triggered.document()["snapshot_id"].as_str().unwrap().to_owned();

    let early = given.weir(&["brightdata", "fetch", &snapshot_id]).await;
    assert_eq!(early.code(), 3, "{}", early.stdout());
    assert!(early.stderr().contains("is not ready yet"), "{}", early.stderr());
    given.bright.finish(&snapshot_id).await;
    assert_eq!(given.edge.requests().len(), 1, "the notification; the data is lost");

    let status = given.weir(&["--json", "brightdata", "status", &snapshot_id]).await;
    let document = status.document();
    assert_eq!(
        (&document["progress"]["status"], &document["known"]["platform"]),
        (&"ready".into(), &"instagram".into())
    );
    let fetched = given.weir(&["--json", "brightdata", "fetch", &snapshot_id]).await;
    assert_eq!(
        fetched.document(),
        serde_json::json!({ "records": 3, "rejected": 0, "new": 1, "duplicates": 0 })
    );
    let again = given.weir(&["--json", "brightdata", "fetch", &snapshot_id]).await;
    assert_eq!(again.document()["duplicates"], 1);
    let listed = given.weir(&["--json", "brightdata", "status"]).await;
    assert_eq!(listed.document()[0]["snapshot_id"], snapshot_id.as_str());
    let redelivered = given.weir(&["brightdata", "redeliver", &snapshot_id]).await;
    assert_eq!(redelivered.code(), 0, "{}", redelivered.stderr());
    let lost = given.weir(&["brightdata", "lost"]).await;
    assert_eq!(lost.code(), 0, "{}", lost.stderr());
    assert!(lost.stdout().contains("nothing is lost"), "it is too early to say so: {}", lost.stdout());

    for run in [triggered, early, status, fetched, again, listed, redelivered, lost] {
        let told = format!("{} {}", run.stdout(), run.stderr());
        assert!(!told.contains(KEY) && !told.contains(TOKEN), "{told}");
    }
}

#[tokio::test]
async fn what_never_came_is_found_and_brought_in() {
    let given = Given::new().await;
    let trigger = ["--json", "brightdata", "trigger", POSTS, "https://www.instagram.com/p/DAbCdEfGhIj/"];
    let snapshot_id = given.weir(&trigger).await.document()["snapshot_id"].as_str().unwrap().to_owned();
    given.bright.finish(&snapshot_id).await;
    sqlx::query("update scrape_requests set requested_at = requested_at - interval '1 hour'")
        .execute(given.database.pool())
        .await
        .unwrap();

    let lost = given.weir(&["brightdata", "lost"]).await;
    assert_eq!(lost.code(), 1, "{}", lost.stderr());
    assert!(lost.stdout().contains(&snapshot_id) && lost.stdout().contains("its last word: it is ready"));
    let fetched = given.weir(&["brightdata", "lost", "--fetch"]).await;
    assert_eq!(fetched.code(), 0, "{}", fetched.stderr());
    assert!(fetched.stdout().contains("3 records fetched"), "{}", fetched.stdout());
    assert_eq!(fetched.stdout().lines().last(), Some("1 lost: 1 brought in, 0 not"));

    // Nobody has processed it yet, so it is lost still; and somebody is at it.
    let turn = store::Turn::take(given.database.pool(), scraping::TURN).await.unwrap();
    let second = given.weir(&["brightdata", "lost", "--fetch"]).await;
    assert_eq!((second.code(), second.stdout().as_str()), (0, "another one is at work\n"));
    drop(turn);
}

#[tokio::test]
async fn inputs_may_be_a_file_and_must_be_objects() {
    let given = Given::new().await;
    let refused = given.weir(&["brightdata", "trigger", POSTS, "--inputs", "/dev/null"]).await;
    assert_eq!(refused.code(), 2, "{}", refused.stderr());
    let refused = given.weir(&["brightdata", "trigger", "gd_none", "https://x"]).await;
    assert_eq!(refused.code(), 1, "{}", refused.stderr());
    assert!(refused.stderr().contains("dataset does not exist"), "{}", refused.stderr());
}
