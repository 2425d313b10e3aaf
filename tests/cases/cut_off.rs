//! What dies in the middle of something large. The sender's repeat completes it, and nothing is there twice.

use e2e::{ACCOUNT, DEADLINE, Options, System, messages, messaging, social};
use serde_json::{Value, json};
use simulators::brightdata::{Delivery, Form};
use testkit::eventually;

const SNAPSHOT: &str = "s_m4x7enmven8djfqak";
const RECORDS: i64 = 6_000;

/// A post of which every field follows from its number.
fn post(number: i64) -> Value {
    json!({
        "url": format!("https://www.instagram.com/p/{number}/"), "post_id": number.to_string(),
        "user_posted": "acme.example", "description": format!("{number}: {}", "x".repeat(900)),
        "likes": number * 3, "content_type": "Image", "timestamp": "2026-01-15T15:00:00.000Z",
    })
}

#[tokio::test]
async fn a_large_delivery_survives_the_death_of_edge_and_consumer() {
    let mut system = System::start(Options {
        edge: social(),
        topology: Some(|topology| {
            topology.consumers.get_mut("brightdata-processor").unwrap().ack_wait_seconds = 2;
        }),
        ..Options::default()
    })
    .await;
    let mut consumer = system.start_program("weir-brightdata").await;
    let records = (0..RECORDS).map(post).collect();
    let delivery = Delivery { gzip: false, form: Form::Array, ..Delivery::new(SNAPSHOT, records) };
    let body = delivery.body();
    let wire = system.begin_delivery(SNAPSHOT, &body, body.len() * 3 / 5).await;
    eventually("some of it is stored", DEADLINE, async || {
        (system.count("select count(*) from social_posts").await > 0).then_some(())
    })
    .await;
    consumer.kill().await;
    system.edge.kill().await;
    drop(wire);
    let stored = system.count("select count(*) from social_posts").await;
    assert!(stored < RECORDS, "it died in the middle: {stored}");

    system.restart_edge().await;
    let _consumer = system.start_program("weir-brightdata").await;
    assert_eq!(system.deliver(&delivery).await, 200, "{}", system.edge.log());
    system.until_consumed("BRIGHTDATA", "brightdata-processor").await;
    assert_eq!(system.count("select count(*) from social_posts").await, RECORDS);
    let right = "select count(*) from social_posts
        where likes = external_id::bigint * 3 and text = external_id || ': ' || repeat('x', 900)
            and url = 'https://www.instagram.com/p/' || external_id || '/' and payload(social_posts)->>'post_id' = external_id";
    assert_eq!(system.count(right).await, RECORDS);
    // Every part once: in the ledger, in the job's book, and in what was told.
    assert_eq!(system.count("select records from scrape_requests").await, RECORDS);
    let parts = system.count("select parts from scrape_requests").await;
    assert_eq!(system.count("select count(*) from webhook_events where status = 'completed'").await, parts);
    assert_eq!(system.count("select count(*) from webhook_events").await, parts);
    assert_eq!(system.count("select count(*) from webhook_event_duplicates").await, 0);
    assert_eq!(
        system.on_subject("RESULTS", "results.brightdata.delivery_processed").await,
        parts.unsigned_abs()
    );
}

#[tokio::test]
async fn a_thousand_instagram_events_survive_the_death_of_the_broker() {
    const EVENTS: i64 = 1_000;
    let mut system = System::start(Options {
        edge: social(),
        topology: Some(|topology| {
            topology.consumers.get_mut("instagram-handler").unwrap().ack_wait_seconds = 2;
        }),
        ..Options::default()
    })
    .await;
    let _consumer = system.start_program("weir-instagram").await;
    let message = |number: i64| {
        json!({ "sender": { "id": "9000000000000001" }, "recipient": { "id": ACCOUNT },
            "timestamp": 1_767_225_600_000_i64 + number,
            "message": { "mid": format!("m-{number}"), "text": format!("text {number}") } })
    };
    let body = messaging(&(0..EVENTS).map(message).collect::<Vec<_>>(), 1_767_225_600_123);
    let (posting, bus, broker) = (system.instagram_sender(), system.bus().clone(), &mut system.broker);
    let (reply, ()) = tokio::join!(posting.deliver(&body), async {
        eventually("some of it is on the stream", DEADLINE, async || {
            (messages(&bus, "INSTAGRAM").await > 0).then_some(())
        })
        .await;
        broker.kill();
    });
    let status = reply.unwrap().status;
    assert!(matches!(status, 200 | 503), "{status}");
    system.broker.restart().await;
    system.until_ready().await;
    eventually("the repeat is taken", DEADLINE, async || {
        (system.post_instagram(&body).await == 200).then_some(())
    })
    .await;
    system.until_consumed("INSTAGRAM", "instagram-handler").await;
    let right = "select count(*) from instagram_messages where text = 'text ' || substr(mid, 3)
        and sent_at = to_timestamp((1767225600000 + substr(mid, 3)::bigint) / 1000.0)";
    assert_eq!(system.count(right).await, EVENTS);
    assert_eq!(system.count("select count(*) from instagram_messages").await, EVENTS);
    assert_eq!(system.count("select count(*) from webhook_events where status = 'completed'").await, EVENTS);
}
