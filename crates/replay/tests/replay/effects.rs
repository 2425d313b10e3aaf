//! What replays change, and what not.

use contract::stream::c2s::{ENRICHER_CONSUMER, LEADS_CONSUMER};
use replay::Order;
use store::{
    dead_letters::{self, Status},
    replays,
};

use crate::given::{FAST, System, ids, of_events, of_letters};

const LEADS: &str = "select count(*) from leads";
const EVENTS: &str = "select count(*) from lead_events";

#[tokio::test]
async fn a_dead_event_is_completed_once_when_its_cause_is_gone() {
    let system = System::start().await;
    let original = system.send("poison-1").await;
    assert_eq!(system.status(original.0).await, "dead_letter");
    system.remove_the_cause().await;

    // Two jobs at one time, of the event and of its dead letter.
    let named = ids(&[original]);
    let order = Order { rate_per_second: FAST, ..Order::default() };
    let one = system.begin(&of_events(&named), None, order.clone()).await;
    let dead = dead_letters::Filter { reason: Some("not_storable"), ..Default::default() };
    let two = system.begin(&of_letters(dead), None, order).await;
    let _runner = system.runner();
    for job in [&one, &two] {
        system.completed(job).await;
    }
    system.settled().await;

    assert_eq!((system.count(LEADS).await, system.count(EVENTS).await), (1, 1));
    assert_eq!(system.status(original.0).await, "dead_letter", "the original stays what it was");
    let mut connection = system.pool.acquire().await.unwrap();
    let (mut completed, mut moot) = (0, 0);
    for job in [&one, &two] {
        let outcomes = replays::outcomes(&mut connection, job.id).await.unwrap();
        completed += outcomes.completed;
        moot += outcomes.moot;
        assert_eq!((outcomes.dead, outcomes.open), (0, 0));
    }
    assert_eq!((completed, moot), (1, 1));
    system.stop().await;
}

#[tokio::test]
async fn a_replay_of_a_completed_event_changes_nothing_unless_effects_are_forced() {
    let system = System::start().await;
    let original = system.send("lead-1").await;
    system.execute("delete from lead_events; delete from leads").await;

    let [plain] = system.replay(&[original], false).await[..] else { panic!("one replay") };
    assert_eq!(system.status(plain.0).await, "completed");
    assert_eq!((system.count(LEADS).await, system.count(EVENTS).await), (0, 0));
    let [forced] = system.replay(&[original], true).await[..] else { panic!("one replay") };
    assert_eq!(system.status(forced.0).await, "completed");
    assert_eq!((system.count(LEADS).await, system.count(EVENTS).await), (1, 1));
    let [of_a_replay] = system.replay(&[plain], false).await[..] else { panic!("one replay") };
    assert_eq!(system.status(of_a_replay.0).await, "completed");
    assert_eq!(system.count("select count(distinct replay_root) from webhook_events").await, 1);
    system.stop().await;
}

#[tokio::test]
async fn a_replay_that_dies_is_a_dead_letter_of_its_own_and_the_chain_shows_both() {
    let system = System::start().await;
    let original = system.send("poison-1").await;
    let [first] = system.replay(&[original], false).await[..] else { panic!("one replay") };
    assert_eq!(system.status(first.0).await, "dead_letter");
    system.remove_the_cause().await;
    let [second] = system.replay(&[first], false).await[..] else { panic!("one replay") };
    assert_eq!(system.status(second.0).await, "completed");

    let mut connection = system.pool.acquire().await.unwrap();
    for (event, replayed_as) in [(original, first), (first, second)] {
        let [letter] = dead_letters::newest_of(&mut connection, event.0).await.unwrap()[..] else {
            panic!("one dead letter")
        };
        let letter = dead_letters::find(&mut connection, letter).await.unwrap().unwrap().letter;
        assert_eq!((letter.status, letter.replayed_as), (Status::Replayed, Some(replayed_as.0)));
    }
    for event in [original, first, second] {
        let chain = replays::chain(&mut connection, event.0).await.unwrap();
        let links: Vec<_> =
            chain.iter().map(|link| (link.id, link.replayed_from, link.status.as_str())).collect();
        assert_eq!(
            links,
            [
                (original.0, None, "dead_letter"),
                (first.0, Some(original.0), "dead_letter"),
                (second.0, Some(first.0), "completed"),
            ]
        );
        assert_eq!(chain[0].effects_by, Some(second.0));
    }
    let keys = "select count(*) from webhook_events where dedup_key like '%#%#%'";
    assert_eq!(system.count(keys).await, 0, "keys do not grow");
    system.stop().await;
}

#[tokio::test]
async fn a_replay_to_one_consumer_is_seen_by_that_one_alone() {
    let system = System::start().await;
    let original = system.send("lead-1").await;
    let named = ids(&[original]);
    // The enricher does not run, so what is for it waits.
    assert_eq!(system.consumer(ENRICHER_CONSUMER).await.0, 1);
    let _runner = system.runner();
    for (consumer, waiting, ledger) in
        [(Some(LEADS_CONSUMER), 1, 2), (Some(ENRICHER_CONSUMER), 2, 2), (None, 3, 3)]
    {
        let job = system.begin(&of_events(&named), consumer, Order::default()).await;
        system.completed(&job).await;
        system.settled().await;
        assert_eq!(system.consumer(ENRICHER_CONSUMER).await.0, waiting, "{consumer:?}");
        assert_eq!(system.count("select count(*) from webhook_events").await, ledger, "{consumer:?}");
    }
    system.stop().await;
}

#[tokio::test]
async fn a_replay_keeps_what_the_original_said() {
    let system = System::start().await;
    let original = system.send("poison-1").await;
    system.remove_the_cause().await;
    let [replay] = system.replay(&[original], false).await[..] else { panic!("one replay") };
    let same = sqlx::query_scalar::<_, bool>(
        "select (o.source, o.event_type, o.subject, o.lead_id, o.hook_action, o.body, o.content_type, o.delivery_id,
                o.received_at, o.stream_subject) is not distinct from
            (r.source, r.event_type, r.subject, r.lead_id, r.hook_action, r.body, r.content_type, r.delivery_id,
                r.received_at, r.stream_subject)
            and r.replayed_from = o.id and r.replay_root = o.id
        from webhook_events o, webhook_events r where o.id = $1 and r.id = $2",
    )
    .bind(original.0)
    .bind(replay.0)
    .fetch_one(&system.pool)
    .await
    .unwrap();
    assert!(same);
    system.stop().await;
}
