//! Refusals that are about us and not about a lead: each pauses visibly, and costs none.

use simulators::{Script, Step};
use testkit::eventually;

use crate::{
    enriching::{Enriching, joao},
    enrichment_limits::{health, state},
    given::DEADLINE,
};

/// Who refuses.
#[derive(Debug, Clone, Copy)]
enum At {
    Work,
    Diretrix,
    C2s,
}

impl At {
    fn script(self, enriching: &Enriching) -> &Script {
        match self {
            Self::Work => &enriching.outside.work.script,
            Self::Diretrix => &enriching.outside.diretrix.script,
            Self::C2s => &enriching.outside.c2s.script,
        }
    }
}

const WORK: &str = "paused: work api quota or token";
const DIRETRIX: &str = "paused: diretrix quota or password";
const C2S: &str = "paused: c2s token";

#[tokio::test]
async fn every_refusal_of_our_account_pauses_visibly_and_costs_no_lead() {
    let enriching = Enriching::start_with(|settings| settings.c2s.enricher.pause_seconds = 2).await;
    let elsewhere = || Step::Redirect("http://127.0.0.2/login".to_owned());
    let forbidden = r#"{"status":403,"statusMsg":"Forbidden","reason":"Token invalido ou limite atingido"}"#;
    let rows = [
        (At::Work, Step::Status(200, forbidden), WORK),
        (At::Work, Step::Status(200, r#"{"status":401}"#), WORK),
        (At::Work, Step::Status(200, r#"{"status":"402"}"#), WORK),
        (At::Work, Step::Status(200, r#"{"erro":"Saldo insuficiente"}"#), WORK),
        (At::Work, Step::Status(401, ""), WORK),
        (At::Work, Step::Status(402, ""), WORK),
        (At::Work, Step::Status(403, "<html>"), WORK),
        (At::Work, Step::RetryAfter(429, "2"), "paused: work api"),
        (At::Work, elsewhere(), "paused: work api address"),
        (At::Diretrix, Step::Status(401, ""), DIRETRIX),
        (At::Diretrix, Step::Status(402, ""), DIRETRIX),
        (At::Diretrix, Step::Status(403, ""), DIRETRIX),
        (At::Diretrix, elsewhere(), "paused: diretrix address"),
        (At::C2s, Step::Status(401, r#"{"msg":"Unauthorized"}"#), C2S),
        (At::C2s, Step::Status(402, ""), C2S),
        (At::C2s, Step::Status(403, r#"{"msg":"Forbidden"}"#), C2S),
        (At::C2s, Step::RetryAfter(429, "2"), "paused: c2s"),
        (At::C2s, elsewhere(), "paused: c2s address"),
    ];
    for (number, (at, step, expected)) in rows.into_iter().enumerate() {
        let lead = format!("lead-{number}");
        let told = format!("{at:?} {step:?}");
        at.script(&enriching).then([step]);
        enriching.receive(joao(&lead)).await;
        state(&enriching, expected).await;
        enriching.message(&lead).await;
        assert_eq!(enriching.lost(), (0, 0), "{told}");
        assert_eq!(enriching.outside.c2s.messages(&lead).len(), 1, "{told}");
        state(&enriching, "working").await;
    }
    enriching.stop().await;
}

#[tokio::test]
async fn a_service_that_nobody_reaches_costs_no_lead_however_few_there_are() {
    let enriching = Enriching::start_with(|settings| {
        // Nobody listens there.
        settings.people.work.base_url = "http://127.0.0.1:9/api".to_owned();
    })
    .await;
    enriching.receive(joao("lead-1")).await;
    eventually("it waits", DEADLINE, async || (health(&enriching).await == "paused: work api").then_some(()))
        .await;
    assert_eq!(enriching.lost(), (0, 0));
    enriching.stop().await;
}
