//! Leads and their events.

use contract::{
    EventId,
    c2s::{Customer, Lead},
};
use sqlx::PgPool;
use store::{
    lead_events::{self, LeadEvent},
    leads::{self, Snapshot},
};
use testkit::Database;
use time::{Duration, OffsetDateTime};

use crate::given::{INSTANT, NOW, scalar};

fn named(name: &str) -> Lead {
    Lead {
        customer: Customer { name: Some(name.to_owned()), ..Customer::default() },
        price: Some("R$ 500.000".to_owned()),
        ..Lead::default()
    }
}

fn snapshot<'a>(lead_id: &'a str, lead: &'a Lead, updated_at: OffsetDateTime) -> Snapshot<'a> {
    Snapshot { lead_id, updated_at, lead, event_id: EventId::generate(), received_at: NOW }
}

async fn upsert(pool: &PgPool, snapshots: &[Snapshot<'_>]) {
    leads::upsert(&mut pool.acquire().await.unwrap(), snapshots).await.unwrap();
}

async fn name_of(pool: &PgPool, lead_id: &str) -> String {
    let name = sqlx::query_scalar("select customer_name from leads where lead_id = $1");
    name.bind(lead_id).fetch_one(pool).await.unwrap()
}

#[tokio::test]
async fn a_lead_is_what_its_newest_event_says_in_any_order() {
    let database = Database::create().await;
    let pool = database.pool();
    let (old, middle, new) = (named("old"), named("middle"), named("new"));
    let later = INSTANT + Duration::HOUR;
    upsert(pool, &[snapshot("lead-1", &middle, INSTANT)]).await;
    upsert(pool, &[snapshot("lead-1", &old, INSTANT - Duration::HOUR)]).await;
    assert_eq!(name_of(pool, "lead-1").await, "middle");
    upsert(pool, &[snapshot("lead-1", &new, INSTANT)]).await;
    assert_eq!(name_of(pool, "lead-1").await, "middle", "of two with one instant the first stays");
    upsert(pool, &[snapshot("lead-1", &new, later)]).await;
    assert_eq!(name_of(pool, "lead-1").await, "new");
}

#[tokio::test]
async fn one_batch_may_hold_a_lead_several_times() {
    let database = Database::create().await;
    let (old, new, other) = (named("old"), named("new"), named("other"));
    let later = INSTANT + Duration::microseconds(1);
    upsert(
        database.pool(),
        &[
            snapshot("lead-2", &other, INSTANT),
            snapshot("lead-1", &new, later),
            snapshot("lead-1", &old, INSTANT),
            snapshot("lead-1", &other, later),
        ],
    )
    .await;
    assert_eq!(name_of(database.pool(), "lead-1").await, "new");
    assert_eq!(name_of(database.pool(), "lead-2").await, "other");
}

#[tokio::test]
async fn what_the_newest_event_does_not_say_is_not_kept_from_an_older_one() {
    let database = Database::create().await;
    let (full, bare) = (named("Joao"), Lead::default());
    upsert(database.pool(), &[snapshot("lead-1", &full, INSTANT)]).await;
    upsert(database.pool(), &[snapshot("lead-1", &bare, INSTANT + Duration::SECOND)]).await;
    let known = scalar(
        database.pool(),
        "select count(*) from leads where price is not null or customer_name is not null",
    );
    assert_eq!(known.await, 0);
}

#[tokio::test]
async fn every_event_of_a_lead_is_kept_once() {
    let database = Database::create().await;
    let event = |updated_at| LeadEvent {
        event_id: EventId::generate(),
        lead_id: "lead-1",
        event_type: "c2s.lead.updated",
        hook_action: Some("on_update_lead"),
        updated_at,
        status_alias: None,
        received_at: NOW,
    };
    let events = [event(INSTANT + Duration::HOUR), event(INSTANT), event(INSTANT)];
    let mut connection = database.pool().acquire().await.unwrap();
    lead_events::insert(&mut connection, &events).await.unwrap();
    lead_events::insert(&mut connection, &events).await.unwrap();
    assert_eq!(scalar(database.pool(), "select count(*) from lead_events").await, 2);
}
