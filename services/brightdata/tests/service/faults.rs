//! Faults of what the service needs, and of itself.

use bus::Topology;
use config::Postgres;
use contract::stream::{
    RESULTS,
    brightdata::{PROCESSOR_CONSUMER, STREAM},
};
use lifecycle::Shutdown;
use results::v1::{DeliveryProcessed, ScrapeRequestChanged};
use testkit::{PostgresServer, eventually};

use crate::given::{DEADLINE, Service, post, run};

#[tokio::test]
async fn a_database_that_is_away_costs_no_attempts_and_loses_nothing() {
    let mut database = PostgresServer::start().await;
    let config = Postgres { acquire_timeout_ms: 200, ..database.config() };
    let service = Service::start_on(store::connect(&config).await.unwrap()).await;
    service.part(1, &[post(1, 1, 0)]).await;
    service.settled(1).await;
    database.stop();
    for number in 2..=5 {
        service.part(number, &[post(number, 1, 0)]).await;
    }
    eventually("the parts are in its hands", DEADLINE, async || {
        (service.account.received() == 5).then_some(())
    })
    .await;
    assert_eq!(service.account.settled(), 1, "held, not given back");
    database.restart().await;
    service.settled(5).await;
    assert_eq!(service.count("select count(*) from social_posts").await, 5);
    let first = "select count(*) from webhook_events where status = 'completed' and attempts = 1";
    assert_eq!(service.count(first).await, 5);
    service.stop().await;
}

#[tokio::test]
async fn a_crash_between_commit_and_acknowledgement_doubles_nothing_and_tells_the_result() {
    let service = Service::start().await;
    for number in 1..=3 {
        service.part(number, &[post(number, number, 0), post(100, number, number)]).await;
    }
    service.notify(r#"{"snapshot_id":"s_m4x7enmven8djfqak","status":"ready"}"#).await;
    service.settled(4).await;
    service.stop().await;
    let (rows, mut told) = (service.rows().await, service.results::<DeliveryProcessed>().await);
    told.sort_by_key(|told| told.part);
    let changes = service.results::<ScrapeRequestChanged>().await;

    // What the broker and the streams look like when the process died after its commits: nothing acknowledged, and no
    // result on its stream.
    let jetstream = service.bus.jetstream();
    jetstream.delete_consumer_from_stream(PROCESSOR_CONSUMER, STREAM).await.unwrap();
    jetstream.delete_stream(RESULTS).await.unwrap();
    Topology::embedded().apply(&service.bus, 1).await.unwrap();
    let shutdown = Shutdown::default();
    let account = run(&service.bus, &service.broker, &service.pool, &shutdown).await;
    eventually("all came again", DEADLINE, async || (account.completed() == 4).then_some(())).await;

    assert_eq!(service.rows().await, rows);
    assert_eq!(service.count("select count(*) from webhook_event_duplicates").await, 0);
    let mut again = service.results::<DeliveryProcessed>().await;
    again.sort_by_key(|told| told.part);
    assert_eq!(again, told);
    let last = changes.last().unwrap();
    let again = service.results::<ScrapeRequestChanged>().await;
    assert_eq!(again.len(), 1, "the event that moved it to where it stands");
    assert_eq!((again[0].status, &again[0].event_id), (last.status, &last.event_id));
    shutdown.drain();
    shutdown.finished(DEADLINE).await;
}

#[tokio::test]
async fn a_result_that_cannot_be_told_holds_the_part_back() {
    let service = Service::start().await;
    let jetstream = service.bus.jetstream();
    jetstream.delete_stream(RESULTS).await.unwrap();
    service.part(1, &[post(1, 1, 0)]).await;
    eventually("the part is committed", DEADLINE, async || {
        (service.count("select count(*) from social_posts").await == 1).then_some(())
    })
    .await;
    assert_eq!(service.account.settled(), 0);
    Topology::embedded().apply(&service.bus, 1).await.unwrap();
    service.settled(1).await;
    assert_eq!(service.results::<DeliveryProcessed>().await.len(), 1);
    let job = "select parts from scrape_requests";
    assert_eq!(service.count(job).await, 1, "it was applied once");
    service.stop().await;
}

#[tokio::test]
async fn parts_of_one_job_at_one_time_do_not_lock_each_other_out() {
    let service = Service::start().await;
    for number in 1..=40 {
        // The same posts in opposite orders.
        let mut records: Vec<_> = (0..30).map(|id| post(id, number, number)).collect();
        if number % 2 == 0 {
            records.reverse();
        }
        service.part(number, &records).await;
    }
    service.settled(40).await;
    assert_eq!((service.account.retried(), service.account.dead()), (0, 0));
    assert_eq!(service.count("select count(*) from social_posts where likes = 40").await, 30);
    assert_eq!(service.count("select records from scrape_requests").await, 1_200);
    service.stop().await;
}
