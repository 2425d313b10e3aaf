//! Many at once.

use std::time::Instant;

use async_nats::jetstream::AckKind;

use crate::given::Stage;

#[tokio::test(flavor = "multi_thread")]
async fn ten_thousand_at_once_are_ten_thousand_dead_letters() {
    const EVENTS: usize = 10_000;
    let stage = Stage::set().await;
    stage.publish((0..EVENTS).map(|number| format!("lead-{number}"))).await;
    stage.consumer(|config| config.max_ack_pending = 20_000).await;
    stage.settle_raw(EVENTS, || AckKind::Term).await;
    let started = Instant::now();
    let recorder = stage.recorder().await;
    stage.until("select count(*) from dead_letters", 10_000).await;
    println!("recorded in {:?}", started.elapsed());
    let whole = "select count(distinct event_id) from dead_letters
        where body is not null and headers is not null and reason_code = 'terminated'";
    assert_eq!(stage.count(whole).await, 10_000);
    let ledger =
        "select count(*) from webhook_events event join dead_letters letter on letter.event_id = event.id
        where event.status = 'dead_letter' and event.body = letter.body";
    assert_eq!(stage.count(ledger).await, 10_000);
    recorder.stop().await;
    let report = stage.pass().await;
    assert!(report.balances(), "{report:?}");
    assert_eq!((report.accepted, report.dead, report.pending), (10_000, 10_000, 0));
}
