//! The safety net.

use simulators::c2s::Lead;
use testkit::eventually;

use crate::{
    enriching::{Enriching, joao},
    given::DEADLINE,
};

#[tokio::test]
async fn a_poll_brings_what_never_came_and_nothing_twice() {
    let enriching = Enriching::prepare().await;
    enriching.outside.c2s.ignore_updated_gte();
    let mut old = Lead::new("lead-0", "Velho", "", "");
    old.updated_at -= time::Duration::days(2);
    enriching.outside.c2s.add(old);
    for number in 1..=70 {
        enriching.outside.c2s.add(Lead::new(&format!("lead-{number}"), "Joao", "", ""));
    }
    let mut enriching = enriching;
    let mut settings = enriching.outside.settings();
    settings.c2s.enricher.enabled = false;
    settings.c2s.poll.enabled = true;
    enriching.add_replica(&settings).await;
    enriching.add_replica(&settings).await;
    eventually("every lead is there", DEADLINE, async || {
        (enriching.count("select count(*) from leads").await == 70).then_some(())
    })
    .await;
    assert_eq!(enriching.outside.c2s.script.requests().len(), 2, "one replica read two pages");
    assert_eq!(enriching.count("select count(*) from leads where lead_id = 'lead-0'").await, 0);

    // The webhook comes after all.
    enriching.webhook("lead-7", "on_create_lead").await;
    enriching.receive(joao("lead-71")).await;
    eventually("the new lead is there", DEADLINE, async || {
        (enriching.count("select count(*) from leads").await == 71).then_some(())
    })
    .await;
    assert_eq!(enriching.count("select count(*) from lead_events where lead_id = 'lead-7'").await, 1);
    enriching.stop().await;
}
