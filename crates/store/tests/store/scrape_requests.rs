//! Jobs: what is observed of them, in any order.

use contract::EventId;
use sqlx::PgPool;
use store::scrape_requests::{
    Notice, Observation, Observed, PartCounts, ScrapeRequest, Status, find_by_snapshots, lost, observe,
};
use testkit::Database;
use time::{Duration, OffsetDateTime};

use crate::given::{INSTANT, NOW};

fn said(word: &str, seen_at: OffsetDateTime) -> Observation<'_> {
    let notice = Notice::Status { word, error_code: None, error: None, records: Some(3), errors: None };
    observation(notice, seen_at)
}

fn data(records: i64, seen_at: OffsetDateTime) -> Observation<'static> {
    observation(Notice::Data(PartCounts { records, errors: 1, warnings: 0, unrecognised: 0 }), seen_at)
}

fn observation(notice: Notice<'_>, seen_at: OffsetDateTime) -> Observation<'_> {
    let event_id = EventId::generate();
    Observation {
        snapshot_id: "s_1",
        event_id,
        seen_at,
        dataset_id: None,
        platform: None,
        kind: None,
        notice,
    }
}

async fn observed(pool: &PgPool, observations: &[Observation<'_>]) -> Vec<Observed> {
    observe(&mut pool.acquire().await.unwrap(), observations, NOW).await.unwrap()
}

async fn job(pool: &PgPool) -> ScrapeRequest {
    let mut connection = pool.acquire().await.unwrap();
    find_by_snapshots(&mut connection, &["s_1".to_owned()]).await.unwrap().remove(0)
}

#[tokio::test]
async fn words_and_data_may_come_in_any_order() {
    let events = [
        said("running", INSTANT),
        data(2, INSTANT + Duration::SECOND),
        said("ready", INSTANT + Duration::MINUTE),
    ];
    let mut outcomes = Vec::new();
    for order in [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]] {
        let database = Database::create().await;
        for index in order {
            observed(database.pool(), &[events[index]]).await;
        }
        let alone = job(database.pool()).await;
        let database = Database::create().await;
        observed(database.pool(), &order.map(|index| events[index])).await;
        let together = job(database.pool()).await;
        assert_eq!((&alone.status, &alone.provider_status), (&Status::Completed, &Some("ready".to_owned())));
        assert_eq!(alone, together, "{order:?}");
        outcomes.push(alone);
    }
    assert!(outcomes.windows(2).all(|pair| pair[0] == pair[1]), "{outcomes:?}");
}

#[tokio::test]
async fn only_what_moves_a_job_is_a_change() {
    let database = Database::create().await;
    let events =
        [said("running", INSTANT), data(1, INSTANT), said("ready", INSTANT), said("running", INSTANT)];
    let observed = observed(database.pool(), &events).await;
    assert_eq!(observed.iter().map(Observed::is_change).collect::<Vec<_>>(), [true, false, true, false]);
    assert_eq!(
        observed.iter().map(|observed| observed.previous).collect::<Vec<_>>(),
        [None, Some(Status::Processing), Some(Status::Processing), Some(Status::Completed)]
    );
    assert_eq!(job(database.pool()).await.status_event_id, Some(events[2].event_id.0));
}

#[tokio::test]
async fn a_job_that_is_ready_and_brought_nothing_is_found() {
    let database = Database::create().await;
    let mut connection = database.pool().acquire().await.unwrap();
    let of = |snapshot_id, observation| Observation { snapshot_id, ..observation };
    let empty =
        Notice::Status { word: "ready", error_code: None, error: None, records: Some(0), errors: None };
    observed(
        database.pool(),
        &[
            of("s_lost", said("ready", INSTANT)),
            of("s_young", said("ready", INSTANT + Duration::HOUR)),
            of("s_here", said("ready", INSTANT)),
            of("s_here", data(1, INSTANT)),
            of("s_running", said("running", INSTANT)),
            of("s_empty", observation(empty, INSTANT)),
        ],
    )
    .await;
    let lost = lost(&mut connection, INSTANT - Duration::DAY..INSTANT + Duration::MINUTE, 10).await.unwrap();
    let ids: Vec<_> = lost.iter().filter_map(|job| job.snapshot_id.as_deref()).collect();
    assert_eq!(ids, ["s_lost"]);
}
