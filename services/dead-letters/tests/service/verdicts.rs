//! Consumers' own verdicts.

use contract::stream::c2s::LEADS_CONSUMER;
use store::dead_letters::{self, Filter, FoundBy};
use testkit::eventually;

use crate::given::{DEADLINE, Stage, TRACEPARENT, headers, publish_raw};

#[tokio::test]
async fn a_verdict_leaves_a_whole_dead_letter() {
    let stage = Stage::set().await;
    let actor = stage.actor().await;
    let (id, mut sent) = headers("dead-1");
    sent.push(("x-of-the-sender".to_owned(), "kept".to_owned()));
    let sent: Vec<_> = sent.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    publish_raw(&stage.bus, "ingest.c2s.created", &sent, "dead-1").await;
    eventually("it is dead", DEADLINE, async || (actor.account.dead() == 1).then_some(())).await;
    actor.stop().await;
    let mut connection = stage.pool().acquire().await.unwrap();
    let letters = dead_letters::pages(&mut connection, &Filter::default(), None, 10).await.unwrap();
    assert_eq!(letters.len(), 1);
    let stored = &letters[0];
    assert_eq!((stored.letter.event_id, stored.letter.found_by), (id.0, FoundBy::Verdict));
    assert_eq!(stored.letter.consumer, LEADS_CONSUMER);
    assert_eq!(stored.letter.reason_code, "test_poison");
    assert!(stored.letter.last_error.as_deref().unwrap().contains("lead 7 is poison"));
    assert_eq!(stored.body.as_deref(), Some("dead-1".as_bytes()));
    let headers = stored.headers.as_deref().unwrap();
    for (name, value) in &sent {
        assert!(headers.contains(&((*name).to_owned(), (*value).to_owned())), "{name}");
    }
    assert!(headers.contains(&("traceparent".to_owned(), TRACEPARENT.to_owned())));

    // The broker's advisory about the same adds nothing.
    let recorder = stage.recorder().await;
    eventually("the advisory is handled", DEADLINE, async || {
        (recorder.account.completed() == 1).then_some(())
    })
    .await;
    recorder.stop().await;
    let again = dead_letters::pages(&mut connection, &Filter::default(), None, 10).await.unwrap();
    assert_eq!(again[0].letter.id, stored.letter.id);
    assert_eq!(again.len(), 1);
}

#[tokio::test]
async fn the_last_failed_attempt_leaves_a_dead_letter_with_its_first_failure() {
    let stage = Stage::set().await;
    let actor = stage.actor().await;
    stage.publish(["fail-1".to_owned()]).await;
    eventually("it is dead", DEADLINE, async || (actor.account.dead() == 1).then_some(())).await;
    actor.stop().await;
    let mut connection = stage.pool().acquire().await.unwrap();
    let letter = dead_letters::list(&mut connection, &Filter::default(), None, 10).await.unwrap().remove(0);
    assert_eq!((letter.reason_code.as_str(), letter.attempts), ("attempts_exhausted", 3));
    assert!(letter.first_failed_at < letter.last_failed_at, "{letter:?}");
    assert!(letter.last_error.unwrap().contains("test_failure"));
}
