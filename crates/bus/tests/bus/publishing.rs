//! An acknowledged event is durable; what is not acknowledged in time is an error in time.

use std::time::{Duration, Instant};

use bus::{PublishError, Publisher};
use testkit::{Broker, eventually};

use crate::{event, provisioned};

#[tokio::test]
async fn an_acknowledged_event_survives_a_killed_broker() {
    let mut broker = Broker::start().await;
    let bus = provisioned(&broker).await;
    let publisher = Publisher::new(&bus, &broker.config());
    let receipt = publisher.publish(event("k-1", "body")).await.unwrap();
    broker.kill();
    broker.restart().await;
    bus.connected().await;

    let stored = eventually("the stream is back", Duration::from_secs(10), async || {
        let stream = bus.jetstream().get_stream("C2S").await.ok()?;
        stream.direct_get(receipt.sequence).await.ok()
    })
    .await;
    assert_eq!(stored.payload.as_ref(), b"body");
    let again = publisher.publish(event("k-1", "body")).await.unwrap();
    assert!(again.duplicate && again.sequence == receipt.sequence, "the stream still knows its keys");
}

#[tokio::test]
async fn a_repeat_is_told_apart_from_a_new_event() {
    let broker = Broker::start().await;
    let publisher = Publisher::new(&provisioned(&broker).await, &broker.config());
    assert!(!publisher.publish(event("k-1", "a")).await.unwrap().duplicate);
    assert!(publisher.publish(event("k-1", "a")).await.unwrap().duplicate);
    assert!(!publisher.publish(event("k-2", "a")).await.unwrap().duplicate);
}

#[tokio::test]
async fn a_broker_that_hangs_is_an_error_in_time() {
    let broker = Broker::start().await;
    let bus = provisioned(&broker).await;
    let mut config = broker.config();
    config.publish_timeout_ms = 600;
    let publisher = Publisher::new(&bus, &config);
    broker.pause();
    let started = Instant::now();
    let error = publisher.publish(event("k-1", "a")).await.unwrap_err();
    assert!(matches!(error, PublishError::Unavailable(_)), "{error:?}");
    assert!(started.elapsed() < Duration::from_millis(1500), "{:?}", started.elapsed());
    broker.resume();
}

#[tokio::test]
async fn an_own_attempt_whose_acknowledgement_was_late_is_no_duplicate() {
    let broker = Broker::start().await;
    let bus = provisioned(&broker).await;
    let mut config = broker.config();
    config.publish_timeout_ms = 8_000;
    let publisher = Publisher::new(&bus, &config);
    publisher.publish(event("warm", "a")).await.unwrap();
    broker.pause();
    let sent_before = bus.client().statistics().out_messages.load(std::sync::atomic::Ordering::Relaxed);
    let (receipt, ()) = futures::join!(publisher.publish(event("k-1", "a")), async {
        // The second attempt leaves after half of the time.
        eventually("two attempts are on their way", Duration::from_secs(7), async || {
            let sent = bus.client().statistics().out_messages.load(std::sync::atomic::Ordering::Relaxed);
            (sent >= sent_before + 2).then_some(())
        })
        .await;
        broker.resume();
    });
    let receipt = receipt.unwrap();
    assert!(!receipt.duplicate, "the first attempt of this very event had been stored");
}

#[tokio::test]
async fn a_full_stream_refuses_and_loses_nothing() {
    let broker = Broker::start().await;
    let bus = provisioned(&broker).await;
    let mut topology = bus::Topology::embedded();
    topology.streams.get_mut("C2S").unwrap().max_bytes = 4096;
    topology.apply(&bus, 1).await.unwrap();
    let publisher = Publisher::new(&bus, &broker.config());
    let mut stored = 0;
    let error = loop {
        match publisher.publish(event(&format!("k-{stored}"), vec![b'x'; 1000])).await {
            Ok(_) => stored += 1,
            Err(error) => break error,
        }
    };
    assert!(matches!(error, PublishError::Refused(_)), "{error:?}");
    let kept = bus.jetstream().get_stream("C2S").await.unwrap().cached_info().state.messages;
    assert!(stored > 0 && kept == stored, "kept {kept} of {stored} acknowledged");
}

#[tokio::test]
async fn an_event_above_the_brokers_limit_is_too_large() {
    let broker = Broker::start().await;
    let publisher = Publisher::new(&provisioned(&broker).await, &broker.config());
    let error = publisher.publish(event("k-1", vec![b'x'; 2_000_000])).await.unwrap_err();
    assert!(matches!(error, PublishError::TooLarge { .. }), "{error:?}");
}

#[tokio::test]
async fn an_event_above_its_streams_limit_is_too_large_and_not_a_reason_to_try_again() {
    let broker = Broker::start().await;
    let publisher = Publisher::new(&provisioned(&broker).await, &broker.config());
    // Between the stream's limit and the broker's own.
    let error = publisher.publish(event("k-1", vec![b'x'; 1_010_000])).await.unwrap_err();
    assert!(matches!(error, PublishError::TooLarge { .. }), "{error:?}");
}

#[tokio::test]
async fn a_bus_without_its_broker_closes_in_time() {
    let mut broker = Broker::start().await;
    let bus = provisioned(&broker).await;
    broker.kill();
    eventually("the broker is missed", Duration::from_secs(10), async || (!bus.is_connected()).then_some(()))
        .await;
    // As many acknowledgements as the client holds for later.
    let fill = async { while bus.client().publish("x", "".into()).await.is_ok() {} };
    assert!(tokio::time::timeout(Duration::from_secs(1), fill).await.is_err());
    tokio::time::timeout(Duration::from_secs(8), bus.close()).await.expect("it closes");
}

#[tokio::test]
async fn more_events_than_may_be_in_flight_are_overload() {
    let broker = Broker::start().await;
    let bus = provisioned(&broker).await;
    let mut config = broker.config();
    config.publish_in_flight_max = 1;
    config.publish_timeout_ms = 400;
    let publisher = Publisher::new(&bus, &config);
    broker.pause();
    let (first, second) =
        futures::join!(publisher.publish(event("k-1", "a")), publisher.publish(event("k-2", "a")));
    assert!(matches!(first, Err(PublishError::Unavailable(_))), "{first:?}");
    assert!(matches!(second, Err(PublishError::Overloaded)), "{second:?}");
    broker.resume();
}
