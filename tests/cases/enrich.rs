//! Leads from the POST to the message on them, and back.

use std::time::Duration;

use e2e::{DEADLINE, Options, SECRET, System};
use rand::Rng as _;
use simulators::{
    Server, Step,
    c2s::{C2sApi, Lead},
    diretrix::Diretrix,
    work::WorkApi,
};
use testkit::eventually;

const TOKEN: &str = "c2s-token-invented";

/// Companies that are called, and a Weir that calls them.
struct Enriching {
    c2s: C2sApi,
    work: WorkApi,
    system: System,
    _servers: [Server; 3],
}

impl Enriching {
    async fn start() -> Self {
        let (c2s, work) = (C2sApi::new(TOKEN), WorkApi::new("work-token-invented"));
        let diretrix = Diretrix::new("weir", "password-invented");
        let servers =
            [c2s.start().await.unwrap(), work.start().await.unwrap(), diretrix.start().await.unwrap()];
        let [at_c2s, at_work, at_diretrix] = &servers;
        let both = vec![
            ("WEIR_C2S__API__BASE_URL", format!("{}/integration", at_c2s.url())),
            ("WEIR_C2S__API__TOKEN", TOKEN.to_owned()),
            ("WEIR_C2S__API__RATE_PER_MINUTE", "60000".to_owned()),
            ("WEIR_C2S__API__TIMEOUT_MS", "1000".to_owned()),
            ("WEIR_C2S__ENRICHER__CONFIRM_AFTER_MS", "1500".to_owned()),
            ("WEIR_C2S__ENRICHER__CONSUMER__RETRY_BASE_MS", "100".to_owned()),
            ("WEIR_PEOPLE__WORK__BASE_URL", format!("{}/api", at_work.url())),
            ("WEIR_PEOPLE__WORK__TOKEN", "work-token-invented".to_owned()),
            ("WEIR_PEOPLE__WORK__RATE_PER_MINUTE", "60000".to_owned()),
            ("WEIR_PEOPLE__DIRETRIX__BASE_URL", at_diretrix.url()),
            ("WEIR_PEOPLE__DIRETRIX__USER", "weir".to_owned()),
            ("WEIR_PEOPLE__DIRETRIX__PASSWORD", "password-invented".to_owned()),
            ("WEIR_PEOPLE__DIRETRIX__RATE_PER_MINUTE", "60000".to_owned()),
            ("WEIR_PEOPLE__INDEX_KEYS", "0123456789abcdef0123456789abcdef".to_owned()),
            ("WEIR_SEAL__KEYS", "test:AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=".to_owned()),
            ("WEIR_OUTBOUND__ALLOWED_NETWORKS", "127.0.0.0/8".to_owned()),
        ];
        let topology: fn(&mut _) = |topology: &mut bus::Topology| {
            topology.consumers.get_mut("c2s-enricher").unwrap().ack_wait_seconds = 2;
        };
        let system = System::start(Options { both, topology: Some(topology), ..Options::default() }).await;
        // As C2S can be told to: the secret is in the URL.
        c2s.send_webhooks_to(&format!("{}/api/v1/webhooks/c2s/{SECRET}", system.edge_url()));
        Self { c2s, work, system, _servers: servers }
    }
}

#[tokio::test]
async fn our_own_message_comes_back_as_a_webhook_and_nothing_more_happens() {
    let enriching = Enriching::start().await;
    let (c2s, system) = (&enriching.c2s, &enriching.system);
    c2s.receive(Lead::new("lead-1", "Joao Exemplo", "+55 (11) 98765-4321", "joao@example.com")).await;
    // The lead's own webhook, and that of our message.
    eventually("both webhooks arrived", DEADLINE, async || (c2s.webhooks() == 2).then_some(())).await;
    let handled =
        "select count(*) from event_handlings where consumer = 'c2s-enricher' and status = 'completed'";
    system.until_count(handled, 2).await;
    system.until_consumed("C2S", "c2s-enricher").await;
    let messages = c2s.messages("lead-1");
    assert!(messages.len() == 1 && messages[0].contains("Nome: JOAO EXEMPLO"), "{messages:?}");
    assert_eq!((c2s.webhooks(), enriching.work.answered()), (2, 2), "nobody was asked again");
    system.until_settled().await;
    assert_eq!(system.count("select count(*) from lead_events where lead_id = 'lead-1'").await, 2);
}

#[tokio::test]
async fn kills_at_any_moment_leave_one_message_on_each_lead() {
    const LEADS: usize = 8;
    let mut enriching = Enriching::start().await;
    let phones = ["11987654321", "21976543210", "31965432109", "5532546724"];
    for script in [&enriching.work.script, &enriching.c2s.script] {
        script.then((0..200).map(|_| Step::Slow(Duration::from_millis(60))));
    }
    for number in 0..LEADS {
        let lead = Lead::new(&format!("lead-{number}"), "Alguem", phones[number % phones.len()], "");
        enriching.c2s.receive(lead).await;
    }
    for _ in 0..7 {
        let alive = Duration::from_millis(rand::rng().random_range(150..1_500));
        let began = std::time::Instant::now();
        eventually("it has lived", DEADLINE, async || (began.elapsed() >= alive).then_some(())).await;
        enriching.system.c2s.kill().await;
        enriching.system.c2s = enriching.system.start_c2s(&[]);
    }
    let complete = "select count(distinct lead_id) from lead_enrichments where outcome = 'enriched'";
    enriching.system.until_count(complete, 8).await;
    enriching.system.until_consumed("C2S", "c2s-enricher").await;
    for number in 0..LEADS {
        let messages = enriching.c2s.messages(&format!("lead-{number}"));
        assert_eq!(messages.len(), 1, "lead-{number}: {messages:?}");
    }
    let dead = "select count(*) from event_handlings where status = 'dead_letter'";
    assert_eq!(enriching.system.count(dead).await, 0);
}
