//! `weir audit`.

use std::collections::BTreeMap;

use async_nats::jetstream::consumer::PullConsumer;
use bus::{Bus, Publisher, Topology};
use contract::{
    Envelope, EventId,
    stream::c2s::{LEADS_CONSUMER, PROVIDER, STREAM},
};
use futures::TryStreamExt as _;
use store::webhook_events::{self, Event, Position};
use testkit::{Broker, Database, eventually};
use time::OffsetDateTime;

use crate::{Run, weir};

struct Given {
    broker: Broker,
    database: Database,
    bus: Bus,
}

impl Given {
    /// A provisioned system with so many events on the stream of leads.
    async fn events(count: u64) -> Self {
        let (broker, database) = (Broker::start().await, Database::create().await);
        let bus = bus::connect(&broker.config(), "test").await.unwrap();
        Topology::embedded().apply(&bus, 1).await.unwrap();
        let publisher = Publisher::new(&bus, &broker.config());
        for _ in 0..count {
            let subject = "ingest.c2s.created".to_owned();
            let event = bus::Event { stream: STREAM, subject, envelope: envelope(), payload: "{}".into() };
            publisher.publish(event).await.unwrap();
        }
        Self { broker, database, bus }
    }

    /// Every event is acknowledged; only these have their effects.
    async fn settle_all_but_complete_only(&self, completed: &[u64]) {
        let stream = self.bus.jetstream().get_stream(STREAM).await.unwrap();
        let consumer: PullConsumer = stream.get_consumer(LEADS_CONSUMER).await.unwrap();
        let messages = consumer.fetch().max_messages(100).messages().await.unwrap();
        for message in messages.try_collect::<Vec<_>>().await.unwrap() {
            let sequence = message.info().unwrap().stream_sequence;
            if completed.contains(&sequence) {
                self.complete(sequence).await;
            }
            message.double_ack().await.unwrap();
        }
        eventually("the broker has settled all", std::time::Duration::from_secs(5), async || {
            (consumer.get_info().await.unwrap().num_ack_pending == 0).then_some(())
        })
        .await;
    }

    async fn complete(&self, sequence: u64) {
        let stored = self.bus.stored(STREAM, sequence).await.unwrap().unwrap();
        let envelope = stored.envelope();
        let event = Event {
            provider: PROVIDER,
            envelope: &envelope,
            body: &stored.payload,
            lead_id: None,
            updated_at: None,
            position: Position { stream: STREAM, subject: &stored.subject, sequence },
            attempt: 1,
            trace_id: None,
        };
        let mut connection = self.database.pool().acquire().await.unwrap();
        webhook_events::admit(&mut connection, &[event], OffsetDateTime::now_utc()).await.unwrap();
    }

    fn audit(&self, arguments: &[&str]) -> Run {
        let variables = [("DATABASE_URL", self.database.url()), ("NATS_URL", self.broker.url())];
        weir(&variables, &[&["audit"], arguments].concat())
    }
}

fn envelope() -> Envelope {
    let id = EventId::generate();
    Envelope {
        id,
        source: "/api/v1/webhooks/c2s".to_owned(),
        event_type: "c2s.lead.created".to_owned(),
        subject: None,
        time: OffsetDateTime::now_utc(),
        content_type: "application/json".to_owned(),
        dedup_key: format!("c2s:{id}"),
        delivery_id: None,
        action: None,
        rejected: None,
        replayed_from: None,
        extensions: BTreeMap::new(),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_planted_difference_is_named_with_its_sequence_and_healed_on_command() {
    let given = Given::events(4).await;
    let run = given.audit(&["--json"]);
    let document = run.document();
    assert_eq!((&document["balances"], &document["providers"][0]["pending"]), (&true.into(), &4.into()));

    given.settle_all_but_complete_only(&[1, 3, 4]).await;
    let run = given.audit(&["--provider", "c2s"]);
    assert_eq!(run.code(), 1, "{}", run.stderr());
    let text = run.stdout();
    assert!(text.contains("C2S 2 is unknown"), "{text}");
    assert!(text.contains("NOT balanced: 1 unaccounted"), "{text}");
    let run = given.audit(&["--provider", "c2s", "--json"]);
    assert_eq!(run.code(), 1);
    let document: serde_json::Value = serde_json::from_str(&run.stdout()).unwrap();
    let report = &document["providers"][0];
    assert_eq!((&report["accepted"], &report["completed"]), (&4.into(), &3.into()));
    assert_eq!(report["suspects"][0]["sequence"], 2);

    let document = given.audit(&["--heal", "--json"]).document();
    assert_eq!(document["providers"][0]["healed"]["again"], 1);
    given.complete(5).await;
    given.settle_all_but_complete_only(&[5]).await;
    let report = &given.audit(&["--json"]).document()["providers"][0];
    let numbers = ["accepted", "pending", "completed", "duplicates", "unaccounted"].map(|name| &report[name]);
    assert_eq!(numbers, [5, 0, 4, 1, 0].map(serde_json::Value::from).each_ref());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_loss_alarms_until_it_is_acknowledged() {
    let given = Given::events(2).await;
    given.bus.jetstream().get_stream(STREAM).await.unwrap().purge().await.unwrap();
    let run = given.audit(&["--heal"]);
    assert_eq!(run.code(), 1, "{}", run.stderr());
    assert!(run.stdout().contains("C2S 1 to 2 was lost"), "{}", run.stdout());
    let run = given.audit(&["--acknowledge", "purged on purpose"]);
    assert_eq!(run.code(), 0, "{}{}", run.stdout(), run.stderr());
    assert!(run.stderr().contains("2 lost positions acknowledged"));
}

#[test]
fn an_unknown_provider_is_a_wrong_command_line() {
    let run = weir(&[], &["audit", "--provider", "stripe"]);
    assert_eq!(run.code(), 2);
    assert!(run.stderr().contains("c2s, instagram"), "{}", run.stderr());
}
