//! Limits, refusals and failures of those whom the enricher calls.

use std::time::Duration;

use serde_json::Value;
use simulators::{Step, c2s::Lead};
use testkit::eventually;

use crate::{
    enriching::{Enriching, TOKEN, joao},
    given::DEADLINE,
    probes::get,
};

pub(crate) async fn health(enriching: &Enriching) -> String {
    let (_, body) = get(enriching.replicas[0].probes, "/health").await;
    serde_json::from_str::<Value>(&body).unwrap()["enricher"].as_str().unwrap().to_owned()
}

pub(crate) async fn state(enriching: &Enriching, expected: &str) {
    eventually(expected, DEADLINE, async || (health(enriching).await == expected).then_some(())).await;
}

/// Every one of these leads has exactly one message.
async fn each_has_one(enriching: &Enriching, count: usize) {
    eventually("every lead has a message", DEADLINE * 2, async || {
        (1..=count)
            .all(|number| !enriching.outside.c2s.messages(&format!("lead-{number}")).is_empty())
            .then_some(())
    })
    .await;
    enriching.handled(i64::try_from(count).unwrap()).await;
    for number in 1..=count {
        assert_eq!(enriching.outside.c2s.messages(&format!("lead-{number}")).len(), 1, "lead-{number}");
    }
}

#[tokio::test]
async fn a_used_up_quota_pauses_and_resumes_by_itself() {
    let enriching = Enriching::start().await;
    assert_eq!(health(&enriching).await, "working");
    enriching.outside.work.set_quota(Some(0));
    for number in 1..=5 {
        enriching.receive(joao(&format!("lead-{number}"))).await;
    }
    state(&enriching, "paused: work api quota or token").await;
    eventually("the leads are stored all the same", DEADLINE, async || {
        (enriching.count("select count(*) from leads").await == 5).then_some(())
    })
    .await;
    assert!(enriching.outside.work.answered() == 0 && enriching.lost() == (0, 0));
    enriching.outside.work.set_quota(None);
    each_has_one(&enriching, 5).await;
    state(&enriching, "working").await;
    assert_eq!(enriching.lost(), (0, 0), "no lead lost an attempt");
    enriching.stop().await;
}

#[tokio::test]
async fn a_wrong_token_pauses_and_a_new_one_sends_what_waited() {
    let enriching = Enriching::start().await;
    enriching.outside.c2s.change_token("another");
    enriching.receive(joao("lead-1")).await;
    state(&enriching, "paused: c2s token").await;
    enriching.outside.c2s.change_token(TOKEN);
    each_has_one(&enriching, 1).await;
    assert_eq!(enriching.lost(), (0, 0));
    enriching.stop().await;
}

#[tokio::test]
async fn a_storm_of_429_costs_no_lead_and_no_attempt() {
    let enriching = Enriching::start().await;
    enriching.outside.c2s.limit(2, Duration::from_secs(2), true);
    for number in 1..=6 {
        enriching.receive(joao(&format!("lead-{number}"))).await;
    }
    each_has_one(&enriching, 6).await;
    assert_eq!(enriching.lost(), (0, 0));
    enriching.stop().await;
}

#[tokio::test]
async fn three_replicas_share_the_limit() {
    let mut enriching = Enriching::prepare().await;
    let mut settings = enriching.outside.settings();
    // Twenty in ten seconds, by a Contact2Sale that counts every stretch of ten seconds strictly.
    settings.c2s.api.rate_per_minute = 120;
    for _ in 0..3 {
        enriching.add_replica(&settings).await;
    }
    for number in 1..=26 {
        enriching.receive(joao(&format!("lead-{number}"))).await;
    }
    each_has_one(&enriching, 26).await;
    let most = enriching.outside.c2s.script.most_within(Duration::from_secs(10));
    assert!((18..=20).contains(&most), "{most} calls within ten seconds");
    assert_eq!(enriching.outside.c2s.script.requests().len(), 26, "none was refused");
    assert_eq!(enriching.lost(), (0, 0));
    enriching.stop().await;
}

#[tokio::test]
async fn two_events_of_a_lead_at_one_time_are_one_message() {
    let mut enriching = Enriching::prepare().await;
    let settings = enriching.outside.settings();
    for _ in 0..3 {
        enriching.add_replica(&settings).await;
    }
    enriching.outside.c2s.script.then([Step::Slow(Duration::from_millis(200))]);
    for number in 1..=4 {
        let mut lead = joao("lead-1");
        lead.updated_at += time::Duration::milliseconds(number);
        enriching.receive(lead).await;
    }
    enriching.handled(4).await;
    assert_eq!(enriching.count("select count(*) from lead_messages where status = 'sent'").await, 1);
    // `add` made the lead anew each time; the calls are what counts.
    let posts = enriching.outside.c2s.script.requests();
    assert_eq!(posts.iter().filter(|request| request.path.ends_with("/create_message")).count(), 1);
    enriching.stop().await;
}

#[tokio::test]
async fn an_answer_that_is_lost_is_read_back_and_a_call_that_was_not_done_is_repeated() {
    let enriching = Enriching::start().await;
    enriching.outside.c2s.script.then([Step::Lost]);
    enriching.receive(joao("lead-1")).await;
    enriching.handled(1).await;
    assert_eq!(enriching.outside.c2s.messages("lead-1").len(), 1);
    let read_back = "select count(*) from lead_messages where confirmed_by = 'read_back' and attempts = 1";
    assert_eq!(enriching.count(read_back).await, 1);

    enriching.outside.c2s.script.then([Step::Hang]);
    enriching.receive(Lead::new("lead-2", "Maria", "21976543210", "maria@example.com")).await;
    enriching.handled(2).await;
    assert_eq!(enriching.outside.c2s.messages("lead-2").len(), 1);

    // A failure after the fact, in other words.
    enriching.outside.c2s.script.then([Step::Status(502, "bad gateway")]);
    enriching.receive(Lead::new("lead-3", "Carlos", "31965432109", "carlos@example.com")).await;
    enriching.handled(3).await;
    assert_eq!(enriching.outside.c2s.messages("lead-3").len(), 1);
    assert_eq!(enriching.lost().1, 0);
    enriching.stop().await;
}

#[tokio::test]
async fn a_look_up_that_fails_is_tried_again_and_one_that_is_away_costs_few_attempts() {
    let enriching = Enriching::start_with(|settings| settings.outbound.circuit_rest_ms = 500).await;
    enriching.outside.work.script.then([Step::Status(500, "oops")]);
    enriching.receive(joao("lead-1")).await;
    each_has_one(&enriching, 1).await;
    assert_eq!(enriching.lost(), (1, 0));
    enriching.stop().await;
}
