//! What the broker says at two moments may not fit together.

use std::time::Duration;

use bus::{Bus, Topology};
use contract::stream::c2s::{LEADS_CONSUMER, PROVIDER, STREAM};
use store::stream_accounts::StreamAccount;
use testkit::{Broker, Database};
use time::OffsetDateTime;

use super::{Budget, Look, Subject, look};
use crate::{
    AuditError,
    doubts::Doubts,
    facts::{self, StreamFacts},
};

async fn look_with(bus: &Bus, database: &Database, facts: StreamFacts) -> Result<Look, AuditError> {
    let account = StreamAccount::new(STREAM, PROVIDER, facts.incarnation);
    let consumer = facts::consumer(bus, (STREAM, facts), LEADS_CONSUMER).await.unwrap();
    let (doubts, now) = (Doubts::default(), OffsetDateTime::now_utc());
    let subject = Subject {
        account: &account,
        facts,
        superseded: None,
        consumer: consumer.as_ref(),
        doubts: &doubts,
        grace: Duration::ZERO,
        now,
    };
    let budget = Budget { positions: 1_000, messages: 1_000 };
    look(bus, database.pool(), &subject, budget).await
}

#[tokio::test]
async fn a_stream_that_goes_back_during_an_audit_is_no_loss() {
    let (broker, database) = (Broker::start().await, Database::create().await);
    let bus = bus::connect(&broker.config(), "test").await.unwrap();
    Topology::embedded().apply(&bus, 1).await.unwrap();
    let facts = facts::stream(&bus, STREAM).await.unwrap().unwrap();
    // It had taken some that it had not answered yet when it was asked, and lost them in a crash: they are nobody's.
    let before = StreamFacts { last: 106, ..facts };
    let error = look_with(&bus, &database, before).await.unwrap_err();
    assert!(matches!(error, AuditError::Unsure { .. }), "{error}");
    assert!(error.to_string().contains("ended at 106"), "{error}");

    let anew = StreamFacts { incarnation: facts.incarnation - Duration::from_secs(1), ..facts };
    let error = look_with(&bus, &database, anew).await.unwrap_err();
    assert!(matches!(error, AuditError::Unsure { .. }), "{error}");
    let seen = look_with(&bus, &database, facts).await.unwrap();
    assert!(seen.lost.is_empty() && seen.set_back.is_none(), "{seen:?}");
}

#[tokio::test]
async fn what_is_not_counted_as_deleted_is_not_taken_for_gone() {
    use store::webhook_events::Gap;

    let broker = Broker::start().await;
    let bus = bus::connect(&broker.config(), "test").await.unwrap();
    Topology::embedded().apply(&bus, 1).await.unwrap();
    for number in 0..6 {
        bus.jetstream()
            .publish("ingest.c2s.created", format!("{number}").into())
            .await
            .unwrap()
            .await
            .unwrap();
    }
    let stream = bus.jetstream().get_stream(STREAM).await.unwrap();
    stream.purge().sequence(3).await.unwrap();
    stream.delete_message(5).await.unwrap();
    let facts = facts::stream(&bus, STREAM).await.unwrap().unwrap();
    assert_eq!((facts.first, facts.last), (3, 6));
    let confirm =
        async |first, last| crate::gone::confirm(&bus, (STREAM, facts), &[Gap { first, last }]).await;
    for (first, last) in [(1, 2), (5, 5)] {
        confirm(first, last).await.unwrap();
    }
    for (first, last) in [(1, 3), (4, 5), (6, 6)] {
        let error = confirm(first, last).await.unwrap_err();
        assert!(matches!(error, AuditError::Unsure { .. }), "{error}");
    }
    let created = facts.incarnation;
    let each = async |created, first| {
        crate::gone::confirm_each(&bus, (STREAM, created), &[Gap { first, last: first }]).await
    };
    assert!(each(created, 5).await.is_ok() && each(created, 7).await.is_ok());
    assert!(each(created, 4).await.is_err());
    assert!(each(created - Duration::from_secs(1), 4).await.is_ok(), "that stream is gone");
}
