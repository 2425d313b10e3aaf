//! `weir consumers`, `weir streams`, `weir cleanup`.

use bus::Topology;
use testkit::{Broker, Database};

use crate::{Run, weir};

async fn provisioned() -> Broker {
    let broker = Broker::start().await;
    let bus = bus::connect(&broker.config(), "test").await.unwrap();
    Topology::embedded().apply(&bus, 1).await.unwrap();
    for n in 0..3 {
        let subject = "ingest.c2s.created";
        bus.jetstream().publish(subject, format!("event {n}").into()).await.unwrap().await.unwrap();
    }
    broker
}

fn run(broker: &Broker, arguments: &[&str]) -> Run {
    weir(&[("NATS_URL", broker.url())], arguments)
}

fn find<'a>(document: &'a serde_json::Value, list: &str, name: &str) -> &'a serde_json::Value {
    let found = document[list].as_array().unwrap().iter().find(|one| one["name"] == name);
    found.unwrap_or_else(|| panic!("{name} is listed: {document}"))
}

#[tokio::test]
async fn consumers_are_listed_paused_and_resumed() {
    let broker = provisioned().await;
    let listed = run(&broker, &["consumers", "list", "--json"]).document();
    let leads = find(&listed, "consumers", "c2s-leads");
    assert_eq!(
        (&leads["lag"], &leads["in_flight"], &leads["paused_until"]),
        (&3.into(), &0.into(), &().into())
    );
    assert!(leads["oldest_at"].is_string() && leads["deliveries_max"] == 10);
    assert!(find(&listed, "consumers", "instagram-handler")["oldest_at"].is_null());

    let paused = run(&broker, &["consumers", "pause", "c2s-leads", "--for", "10m"]);
    assert_eq!(paused.code(), 0, "{}", paused.stderr());
    assert!(paused.stdout().contains("c2s-leads is paused until"), "{}", paused.stdout());
    let listed = run(&broker, &["consumers", "list", "--json"]).document();
    assert!(find(&listed, "consumers", "c2s-leads")["paused_until"].is_string());
    let table = run(&broker, &["consumers", "list"]).stdout();
    assert!(table.contains("PAUSED UNTIL") && table.contains("c2s-leads"), "{table}");

    assert_eq!(run(&broker, &["consumers", "resume", "c2s-leads"]).code(), 0);
    let listed = run(&broker, &["consumers", "list", "--json"]).document();
    assert!(find(&listed, "consumers", "c2s-leads")["paused_until"].is_null());
}

#[tokio::test]
async fn a_consumer_that_does_not_exist_is_refused_with_the_nearest_name() {
    let refused = weir(&[], &["consumers", "pause", "c2s-lead"]);
    assert_eq!(refused.code(), 2);
    assert!(refused.stderr().contains("did you mean c2s-leads?"), "{}", refused.stderr());
    let refused = weir(&[], &["consumers", "pause", "c2s-leads", "--for", "0s"]);
    assert_eq!(refused.code(), 2);
}

#[tokio::test]
async fn streams_tell_what_they_hold() {
    let broker = provisioned().await;
    let document = run(&broker, &["streams", "--json"]).document();
    let leads = find(&document, "streams", "C2S");
    assert_eq!((&leads["messages"], &leads["last_sequence"]), (&3.into(), &3.into()));
    assert!(leads["oldest_at"].is_string() && leads["bytes_max"].as_i64() > Some(0));
    let empty = find(&document, "streams", "INSTAGRAM");
    assert!(empty["oldest_at"].is_null() && empty["first_at"].is_null());
    assert!(run(&broker, &["streams"]).stdout().contains("UNSETTLED SINCE"));
}

#[tokio::test]
async fn cleanup_counts_first_removes_then_and_refuses_what_would_be_lost() {
    let (broker, database) = (provisioned().await, Database::create().await);
    let variables = [("NATS_URL", broker.url()), ("DATABASE_URL", database.url())];
    sqlx::query(
        "insert into webhook_events (id, provider, source, event_type, dedup_key, status, attempts, body, content_type,
            stream, stream_subject, stream_sequence, received_at, processed_at)
        select gen_random_uuid(), 'c2s', '/', 'c2s.lead.created', n::text, 'completed', 1, '', 'text/plain', 'C2S',
            'ingest.c2s.created', n, now() - interval '40 days', now() - interval '40 days'
        from generate_series(1, 1500) n",
    )
    .execute(database.pool())
    .await
    .unwrap();
    let kept = weir(&variables, &["cleanup", "--dry-run", "--json"]).document();
    assert_eq!((&kept["removed"], &kept["kept"]), (&0.into(), &1500.into()), "no audit has counted them");
    sqlx::query(
        "insert into stream_accounts (stream, incarnation, provider, last_sequence, settled_sequence, completed, dead,
            duplicates, directed, lost, updated_at)
        values ('C2S', '2020-01-01', 'c2s', 1500, 1500, 1500, 0, 0, 0, 0, now())",
    )
    .execute(database.pool())
    .await
    .unwrap();
    let dry = weir(&variables, &["cleanup", "--days", "30", "--dry-run", "--json"]).document();
    assert_eq!((&dry["removed"], &dry["dry_run"]), (&1500.into(), &true.into()));
    let done = weir(&variables, &["cleanup", "--vacuum"]);
    assert_eq!(done.code(), 0, "{}", done.stderr());
    assert!(done.stdout().contains("1500 rows removed"), "{}", done.stdout());

    let young = weir(&variables, &["cleanup", "--days", "3"]);
    assert_eq!(young.code(), 2);
    assert!(young.stderr().contains("3 days are too few (--days)"), "{}", young.stderr());
    let open = weir(&variables, &["cleanup", "--status", "failed"]);
    assert_eq!(open.code(), 2);
    assert!(open.stderr().contains("never deleted"), "{}", open.stderr());
}
