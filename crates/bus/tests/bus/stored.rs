//! One message by its position.

use bus::{Topology, header_pairs};
use testkit::Broker;

#[tokio::test]
async fn a_message_is_read_as_it_was_published_until_it_is_deleted() {
    let broker = Broker::start().await;
    let bus = bus::connect(&broker.config(), "test").await.unwrap();
    Topology::embedded().apply(&bus, 1).await.unwrap();
    let mut headers = async_nats::HeaderMap::new();
    headers.append("x", "2");
    headers.append("x", "1");
    headers.insert("Nats-Msg-Id", "key");
    let sent = header_pairs(&headers);
    assert_eq!(sent[1..], [("x".to_owned(), "2".to_owned()), ("x".to_owned(), "1".to_owned())]);
    let subject = "ingest.c2s.created";
    bus.jetstream().publish_with_headers(subject, headers, "{}".into()).await.unwrap().await.unwrap();

    let stored = bus.stored("C2S", 1).await.unwrap().unwrap();
    assert_eq!((stored.subject.as_str(), stored.payload.as_ref()), (subject, b"{}".as_slice()));
    assert_eq!(stored.headers, sent, "none of the server's own");
    assert_eq!(stored.header("Nats-Msg-Id"), Some("key"));
    assert!(!stored.is_event());
    assert_eq!(stored.envelope(), bus.stored("C2S", 1).await.unwrap().unwrap().envelope());

    bus.jetstream().get_stream("C2S").await.unwrap().delete_message(1).await.unwrap();
    assert!(bus.stored("C2S", 1).await.unwrap().is_none());
    assert!(bus.stored("C2S", 99).await.unwrap().is_none());
    assert!(bus.stored("NONE", 1).await.unwrap().is_none());
}
