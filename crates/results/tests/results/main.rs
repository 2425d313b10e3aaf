//! Results on a real stream.

#![cfg(test)]

use bus::{Publisher, Topology};
use contract::{EventId, stream::RESULTS};
use prost::Message as _;
use results::{About, Outcome as _, publish, v1::DeliveryProcessed};
use testkit::Broker;
use time::OffsetDateTime;

#[tokio::test]
async fn a_result_is_on_the_stream_once_however_often_it_is_published() {
    let broker = Broker::start().await;
    let bus = bus::connect(&broker.config(), "test").await.unwrap();
    Topology::embedded().apply(&bus, 1).await.unwrap();
    let publisher = Publisher::new(&bus, &broker.config());
    let about = About {
        cause: EventId::generate(),
        subject: Some("s_m4x7enmven8djfqak"),
        time: OffsetDateTime::UNIX_EPOCH,
    };
    let sent =
        DeliveryProcessed { snapshot_id: "s_m4x7enmven8djfqak".to_owned(), part: 3, ..Default::default() };

    assert!(!publish(&publisher, about, &sent).await.unwrap().duplicate);
    assert!(publish(&publisher, about, &sent).await.unwrap().duplicate);

    let mut stream = bus.jetstream().get_stream(RESULTS).await.unwrap();
    assert_eq!(stream.info().await.unwrap().state.messages, 1);
    let stored = stream.direct_get(1).await.unwrap();
    assert_eq!(stored.subject.as_str(), "results.brightdata.delivery_processed");
    assert_eq!(stored.headers.get("ce-type").unwrap().as_str(), DeliveryProcessed::TYPE);
    assert_eq!(DeliveryProcessed::decode(stored.payload.as_ref()).unwrap(), sent);
}
