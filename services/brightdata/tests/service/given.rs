//! A running service, and parts and notifications as the edge would publish them.

use std::{collections::BTreeMap, ops::Deref, sync::Arc, time::Duration};

use brightdata::Open;
use bus::{Bus, Receipt};
use config::Settings;
use consumer::Account;
use contract::{
    Envelope, EventId,
    brightdata::{
        DELIVERY, FORMAT_NDJSON, NOTIFY, TYPE_EMPTY, TYPE_NOTIFY, TYPE_PART, empty_key, notify_key, part_key,
    },
    stream::{
        RESULTS,
        brightdata::{PROVIDER, STREAM},
        ingest_subject,
    },
};
use lifecycle::Shutdown;
use results::Outcome;
use serde_json::Value;
use sqlx::PgPool;
use telemetry::MetricsHandle;
use testkit::{Broker, Database, Rig};
use time::OffsetDateTime;
use tokio::net::TcpListener;

pub(crate) const DEADLINE: Duration = Rig::DEADLINE;
pub(crate) const SNAPSHOT: &str = "s_m4x7enmven8djfqak";

/// The service on its rig.
pub(crate) struct Service(Rig);

impl Deref for Service {
    type Target = Rig;

    fn deref(&self) -> &Rig {
        &self.0
    }
}

impl Service {
    /// Starts it on a broker and a database of its own.
    pub(crate) async fn start() -> Self {
        Self::start_on(Database::create().await.pool().clone()).await
    }

    /// Starts it on this database.
    pub(crate) async fn start_on(pool: PgPool) -> Self {
        let start = async |broker: &Broker, bus: &Bus, pool: &PgPool, shutdown: &Shutdown| {
            run(bus, broker, pool, shutdown).await
        };
        Self(Rig::start(pool, start).await)
    }

    /// Publishes a part with these records.
    pub(crate) async fn part(&self, number: u64, records: &[Value]) -> Receipt {
        self.publish(DELIVERY, part(SNAPSHOT, number, &ndjson(records)), ndjson(records)).await
    }

    /// Publishes a delivery without records.
    pub(crate) async fn empty(&self) -> Receipt {
        let key = empty_key(Some(SNAPSHOT), b"[]");
        self.publish(DELIVERY, envelope(TYPE_EMPTY, SNAPSHOT, key), "[]".to_owned()).await
    }

    /// Publishes a notification.
    pub(crate) async fn notify(&self, body: &str) -> Receipt {
        let notice = contract::brightdata::Notice::parse(body).unwrap();
        let key = notify_key(notice.snapshot_id.as_deref(), notice.status.as_deref(), body.as_bytes());
        let envelope = envelope(TYPE_NOTIFY, notice.snapshot_id.as_deref().unwrap_or(SNAPSHOT), key);
        self.publish(NOTIFY, envelope, body.to_owned()).await
    }

    pub(crate) async fn publish(&self, what: &str, envelope: Envelope, body: String) -> Receipt {
        let subject = ingest_subject(PROVIDER, what);
        self.0.publish(bus::Event { stream: STREAM, subject, envelope, payload: body.into() }).await
    }

    /// The only value of a query.
    pub(crate) async fn json(&self, sql: &'static str) -> Value {
        sqlx::query_scalar(sql).fetch_one(&self.pool).await.unwrap()
    }

    /// Everything that was stored of records, without what depends on when it came.
    pub(crate) async fn rows(&self) -> Value {
        self.json(
            "select jsonb_build_object(
                'posts', (select jsonb_agg(to_jsonb(r) - '{last_event_id,first_seen_at,last_seen_at}'::text[]
                    order by platform, kind, external_id) from social_posts r),
                'comments', (select jsonb_agg(to_jsonb(r) - '{last_event_id,first_seen_at,last_seen_at}'::text[]
                    order by platform, external_id) from social_comments r),
                'profiles', (select jsonb_agg(to_jsonb(r) - '{last_event_id,first_seen_at,last_seen_at}'::text[]
                    order by platform, kind, external_id) from social_profiles r),
                'errors', (select jsonb_agg(to_jsonb(r) - '{last_event_id,first_seen_at,last_seen_at}'::text[]
                    order by input_hash) from scrape_record_errors r),
                'unrecognised', (select jsonb_agg(to_jsonb(r) - '{event_id,received_at}'::text[]
                    order by record_hash) from unrecognised_records r),
                'drift', (select jsonb_agg(to_jsonb(r) - '{first_seen_at,last_seen_at}'::text[]
                    order by dataset, path, change, found) from schema_drift r),
                'job', (select jsonb_agg(jsonb_build_array(status, parts, records, record_errors, record_warnings,
                    record_unrecognised, platform, kind)) from scrape_requests))",
        )
        .await
    }

    /// The results of one sort, in the order of their stream.
    pub(crate) async fn results<O: Outcome + Default>(&self) -> Vec<O> {
        let mut stream = self.bus.jetstream().get_stream(RESULTS).await.unwrap();
        let last = stream.info().await.unwrap().state.last_sequence;
        let mut results = Vec::new();
        for sequence in 1..=last {
            let message = stream.direct_get(sequence).await.unwrap();
            if message.subject.as_str() == O::subject() {
                results.push(O::decode(message.payload.as_ref()).unwrap());
            }
        }
        results
    }
}

/// Runs the service on what is open already.
pub(crate) async fn run(bus: &Bus, broker: &Broker, pool: &PgPool, shutdown: &Shutdown) -> Arc<Account> {
    let mut config = Settings::for_tests().brightdata;
    config.processor.retry_base_ms = 20;
    config.processor.retry_max_ms = 100;
    let probe_listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let open = Open { bus: bus.clone(), pool: pool.clone(), probe_listener, metrics: MetricsHandle::noop() };
    brightdata::start(open, &config, &broker.config(), shutdown).await.unwrap()
}

/// The envelope of a part.
pub(crate) fn part(snapshot_id: &str, number: u64, body: &str) -> Envelope {
    let mut envelope = envelope(TYPE_PART, snapshot_id, part_key(Some(snapshot_id), number, body.as_bytes()));
    envelope.extensions =
        BTreeMap::from([("part", number.to_string()), ("format", FORMAT_NDJSON.to_owned())]);
    envelope
}

/// An envelope as the edge makes it.
pub(crate) fn envelope(event_type: &str, snapshot_id: &str, dedup_key: String) -> Envelope {
    Envelope {
        id: EventId::generate(),
        source: "/api/brightdata/webhook/".to_owned(),
        event_type: event_type.to_owned(),
        subject: Some(snapshot_id.to_owned()),
        time: OffsetDateTime::now_utc(),
        content_type: "application/x-ndjson".to_owned(),
        dedup_key,
        delivery_id: None,
        action: None,
        rejected: None,
        replayed_from: None,
        extensions: BTreeMap::new(),
    }
}

/// One record a line.
pub(crate) fn ndjson(records: &[Value]) -> String {
    records.iter().map(Value::to_string).collect::<Vec<_>>().join("\n")
}

/// The reference's example of a sort of record, such as `instagram-posts`.
pub(crate) fn example(sort: &str) -> Value {
    let file = format!("{}/tests/records/{sort}.json", env!("CARGO_MANIFEST_DIR"));
    serde_json::from_str(&std::fs::read_to_string(file).unwrap()).unwrap()
}

/// An Instagram post with this id, these likes, collected in this minute.
pub(crate) fn post(id: u64, likes: u64, minute: u64) -> Value {
    let mut post = example("instagram-posts");
    post["post_id"] = id.to_string().into();
    post["likes"] = likes.into();
    post["timestamp"] = format!("2026-01-15T15:{minute:02}:00.000Z").into();
    post
}
