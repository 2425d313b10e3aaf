//! Leads whose events are published again.

use contract::{Envelope, EventId, Replay, stream::replay_subject};
use serde_json::json;
use simulators::Step;

use crate::{
    enriching::{Enriching, joao},
    given::envelope,
};

/// Publishes the lead's event again, as it is now.
async fn replay(enriching: &Enriching, original: EventId, force_effects: bool) {
    let lead = enriching.outside.c2s.lead("lead-1").unwrap().json();
    let body = json!({ "hook_action": "on_create_lead", "lead": lead }).to_string();
    let id = EventId::generate();
    let dedup_key = format!("c2s:lead-1#{id}");
    let replayed_from = Some(Replay { force_effects, ..Replay::from(original) });
    let envelope = Envelope { id, dedup_key, replayed_from, ..envelope(&body) };
    let subject = replay_subject("c2s", "c2s-enricher", "created");
    let event = bus::Event { stream: "C2S", subject, envelope, payload: body.into() };
    enriching.publisher.publish(event).await.unwrap();
}

#[tokio::test]
async fn a_replay_does_nothing_twice_and_a_forced_one_posts_again() {
    let enriching = Enriching::start().await;
    enriching.receive(joao("lead-1")).await;
    enriching.message("lead-1").await;
    enriching.handled(1).await;
    let original = "select event_id from lead_enrichments";
    let original = EventId(sqlx::query_scalar(original).fetch_one(enriching.pool()).await.unwrap());
    let paid = enriching.outside.work.answered();

    replay(&enriching, original, false).await;
    enriching.handled(2).await;
    assert_eq!(enriching.outside.c2s.messages("lead-1").len(), 1, "a plain one posts nothing");

    replay(&enriching, original, true).await;
    enriching.handled(3).await;
    let messages = enriching.outside.c2s.messages("lead-1");
    let text = |at: usize| messages[at].split_once('\n').unwrap();
    assert_eq!(messages.len(), 2);
    assert_eq!(text(0).1, text(1).1, "the same of the same person");
    assert_ne!(text(0).0, text(1).0, "under a mark of its own, by which it is found");

    // A forced one whose answer is lost is found by its own mark, not by that of the others.
    enriching.outside.c2s.script.then([Step::Lost]);
    replay(&enriching, original, true).await;
    enriching.handled(4).await;
    assert_eq!(enriching.outside.c2s.messages("lead-1").len(), 3);
    let read_back = "select count(*) from lead_messages where confirmed_by = 'read_back'";
    assert_eq!(enriching.count(read_back).await, 1);

    // And the lead is as done as before.
    enriching.outside.c2s.add(enriching.outside.c2s.lead("lead-1").map(later).unwrap());
    enriching.webhook("lead-1", "on_update_lead").await;
    enriching.handled(5).await;
    assert_eq!(enriching.outside.c2s.messages("lead-1").len(), 3);
    let known = "select count(*) from people";
    assert_eq!(enriching.count(known).await, 1);
    assert!(
        enriching.outside.work.answered() > paid,
        "whose the phone is was asked again, who it is was not"
    );
    assert_eq!(enriching.lost().1, 0);
    enriching.stop().await;
}

fn later(mut lead: simulators::c2s::Lead) -> simulators::c2s::Lead {
    lead.updated_at += time::Duration::seconds(5);
    lead
}
