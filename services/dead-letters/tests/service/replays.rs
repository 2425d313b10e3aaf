//! Replay jobs are worked on by this service.

use replay::{Order, Selection};
use store::{
    dead_letters::{self, Filter, Status},
    replays::{self, JobStatus},
};
use testkit::eventually;
use time::OffsetDateTime;

use crate::given::{DEADLINE, Stage};

#[tokio::test]
async fn a_replay_that_somebody_started_is_published_and_the_books_still_balance() {
    let stage = Stage::set().await;
    let actor = stage.actor().await;
    let events = stage.publish(["dead-1".to_owned(), "dead-2".to_owned(), "fine".to_owned()]).await;
    eventually("two are dead", DEADLINE, async || (actor.account.dead() == 2).then_some(())).await;
    let mut connection = stage.pool().acquire().await.unwrap();
    let selection = Selection::Letters(Filter { reason: Some("test_poison"), ..Filter::default() });
    let plan = replay::plan(&mut connection, &selection, None).await.unwrap();
    assert_eq!(plan.publishable(), 2);
    let (document, now) = (selection.document(), OffsetDateTime::now_utc());
    let order = Order::default();
    let job = replay::start(&mut connection, &plan, &document, None, &order, None, now).await.unwrap();

    let service = stage.recorder().await;
    eventually("the job is completed and its replays are dead again", DEADLINE, async || {
        let job = replays::find(&mut connection, &job.name).await.unwrap().unwrap();
        (job.status == JobStatus::Completed && actor.account.dead() == 4).then_some(())
    })
    .await;
    service.stop().await;
    actor.stop().await;
    let replayed = Filter { status: Some(Status::Replayed), provider: Some("c2s"), ..Filter::default() };
    let letters = dead_letters::list(&mut connection, &replayed, None, 10).await.unwrap();
    let mut originals: Vec<_> = letters.iter().map(|letter| letter.event_id).collect();
    originals.sort_unstable();
    assert_eq!(originals, [events[0].0, events[1].0]);
    let open = Filter { status: Some(Status::Dead), provider: Some("c2s"), ..Filter::default() };
    assert_eq!(dead_letters::count(&mut connection, &open).await.unwrap(), 2);
    let outcomes = replays::outcomes(&mut connection, job.id).await.unwrap();
    assert_eq!((outcomes.dead, outcomes.open), (2, 0));
    let report = stage.look().await;
    assert!(report.balances(), "{report:?}");
}
