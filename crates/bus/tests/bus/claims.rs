//! Bodies that are too large for a message.

use std::time::{Duration, Instant};

use bus::claim::{self, ClaimError, Claims};
use bytes::Bytes;
use testkit::{Broker, eventually};

use crate::provisioned;

const MAX: usize = 16 * 1024 * 1024;

fn body(seed: u8) -> Bytes {
    (0..3_000_000_u32).map(|n| n.to_le_bytes()[0].wrapping_mul(31).wrapping_add(seed)).collect()
}

#[tokio::test]
async fn a_claimed_body_survives_a_killed_broker() {
    let mut broker = Broker::start().await;
    let bus = provisioned(&broker).await;
    let claims = Claims::new(&bus, &broker.config());
    let name = claims.put(&body(1)).await.unwrap();
    assert_eq!(name, claim::name_of(&body(1)));
    broker.kill();
    broker.restart().await;
    bus.connected().await;
    let kept = eventually("the object store is back", Duration::from_secs(10), async || {
        claims.get(&name, MAX).await.ok()
    })
    .await;
    assert_eq!(kept, body(1));
}

#[tokio::test]
async fn the_same_body_is_put_once() {
    let broker = Broker::start().await;
    let bus = provisioned(&broker).await;
    let claims = Claims::new(&bus, &broker.config());
    let name = claims.put(&body(1)).await.unwrap();
    let written = async || {
        let stream = bus.jetstream().get_stream("OBJ_CLAIMS").await.unwrap();
        stream.cached_info().state.last_sequence
    };
    let before = written().await;
    assert_eq!(claims.put(&body(1)).await.unwrap(), name);
    assert_eq!(written().await, before, "nothing was written again");
    assert_ne!(claims.put(&body(2)).await.unwrap(), name);
    assert!(written().await > before);
}

#[tokio::test]
async fn what_is_not_there_or_too_large_is_told_apart() {
    let broker = Broker::start().await;
    let claims = Claims::new(&provisioned(&broker).await, &broker.config());
    let name = claims.put(&body(1)).await.unwrap();
    let missing = claims.get(&claim::name_of(b"never put"), MAX).await;
    assert!(matches!(missing, Err(ClaimError::Missing)), "{missing:?}");
    let large = claims.get(&name, 1_000_000).await;
    assert!(matches!(large, Err(ClaimError::TooLarge { size: 3_000_000, .. })), "{large:?}");
}

#[tokio::test]
async fn a_broker_that_hangs_is_an_error_in_time() {
    let broker = Broker::start().await;
    let mut config = broker.config();
    config.publish_timeout_ms = 400;
    let claims = Claims::new(&provisioned(&broker).await, &config);
    claims.put(&body(1)).await.unwrap();
    broker.pause();
    let started = Instant::now();
    let error = claims.put(&body(2)).await.unwrap_err();
    assert!(matches!(error, ClaimError::Unavailable(_)), "{error:?}");
    assert!(started.elapsed() < Duration::from_secs(3), "{:?}", started.elapsed());
    broker.resume();
}

#[tokio::test]
async fn a_claim_with_a_piece_gone_is_damaged() {
    let broker = Broker::start().await;
    let bus = provisioned(&broker).await;
    let config = config::Nats { publish_timeout_ms: 500, ..broker.config() };
    let claims = Claims::new(&bus, &config);
    let name = claims.put(&body(1)).await.unwrap();
    let stream = bus.jetstream().get_stream("OBJ_CLAIMS").await.unwrap();
    let pieces = stream.cached_info().state.messages - 1;
    stream.delete_message(3).await.unwrap();
    let damaged = claims.get(&name, MAX).await;
    assert!(matches!(damaged, Err(ClaimError::Damaged)), "{damaged:?}");
    for piece in (1..=pieces).filter(|piece| *piece != 3) {
        stream.delete_message(piece).await.unwrap();
    }
    let gone = claims.get(&name, MAX).await;
    assert!(matches!(gone, Err(ClaimError::Damaged)), "{gone:?}");
}

#[tokio::test]
async fn an_object_that_is_gone_cannot_be_renewed() {
    let broker = Broker::start().await;
    let bus = provisioned(&broker).await;
    let claims = Claims::new(&bus, &broker.config());
    let name = claims.put(&body(1)).await.unwrap();
    claims.renew(&name, MAX).await.unwrap();
    bus.jetstream().get_object_store(claim::BUCKET).await.unwrap().delete(&name).await.unwrap();
    let gone = claims.renew(&name, MAX).await;
    assert!(matches!(gone, Err(ClaimError::Missing)), "{gone:?}");
}
