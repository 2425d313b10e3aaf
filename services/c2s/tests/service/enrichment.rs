//! What becomes of a lead.

use serde_json::json;
use simulators::c2s::Lead;

use crate::enriching::{Enriching, joao};

#[tokio::test]
async fn a_lead_gets_one_message_that_says_whose_it_is() {
    let enriching = Enriching::start().await;
    enriching.receive(joao("lead-1")).await;
    let message = enriching.message("lead-1").await;
    enriching.handled(1).await;
    for part in [
        "Enriquecimento automático [weir:",
        "Telefone e e-mail da mesma pessoa",
        "DADOS PESSOAIS",
        "Nome: JOAO EXEMPLO",
        "CPF: 529.982.247-25",
        "DADOS FINANCEIROS",
        "R$ 2345,67",
        "EMAILS",
        "TELEFONES",
        "ENDERECOS",
    ] {
        assert!(message.contains(part), "{part} is not in {message}");
    }
    for part in ["PARENTE", "VIZINHO", "AUXILIO", "700000000000000"] {
        assert!(!message.contains(part), "{part} is in {message}");
    }
    assert_eq!(enriching.outside.c2s.messages("lead-1").len(), 1);
    let [(status, outcome, source, _)] = &*enriching.enrichments().await else { panic!() };
    assert_eq!(
        (status.as_str(), outcome.as_deref(), source.as_deref()),
        ("completed", Some("enriched"), Some("email"))
    );
    let handled =
        "select count(*) from event_handlings where consumer = 'c2s-enricher' and status = 'completed'";
    assert_eq!(enriching.count(handled).await, 1);
    assert_eq!(enriching.lost(), (0, 0));
    nobody_is_told(&enriching).await;
    enriching.stop().await;
}

/// No table of the enricher's holds who somebody is in a form that can be read.
async fn nobody_is_told(enriching: &Enriching) {
    for table in
        ["people", "lead_enrichments", "lead_messages", "person_erasures", "event_handlings", "rate_limits"]
    {
        let sql = format!("select coalesce(string_agg(t::text, ' '), '') from {table} t");
        let rows: String =
            sqlx::query_scalar(sqlx::AssertSqlSafe(sql)).fetch_one(enriching.pool()).await.unwrap();
        for secret in ["52998224725", "529.982", "982.247", "JOAO", "joao", "98765"] {
            assert!(!rows.contains(secret), "{secret} is in {table}");
        }
        // As bytes that were not sealed.
        assert!(!rows.contains("3532393938323234373235"), "the CPF is in {table}");
    }
}

#[tokio::test]
async fn our_own_write_back_does_not_loop() {
    let enriching = Enriching::start().await;
    enriching.receive(joao("lead-1")).await;
    enriching.message("lead-1").await;
    enriching.handled(1).await;
    let calls = enriching.outside.work.script.requests().len();
    // What Contact2Sale tells of our own message, and of changes that do not matter.
    for seconds in 1..=3 {
        let mut lead = enriching.outside.c2s.lead("lead-1").unwrap();
        lead.updated_at += time::Duration::seconds(seconds);
        lead.description = format!("Visita {seconds}");
        enriching.outside.c2s.add(lead);
        enriching.webhook("lead-1", "on_update_lead").await;
    }
    enriching.handled(4).await;
    assert_eq!(enriching.outside.c2s.messages("lead-1").len(), 1);
    assert_eq!(enriching.outside.work.script.requests().len(), calls, "nobody was asked again");
    assert_eq!(enriching.enrichments().await.len(), 1);

    // Another phone is another person.
    let mut lead = enriching.outside.c2s.lead("lead-1").unwrap();
    lead.updated_at += time::Duration::seconds(9);
    (lead.phone, lead.email) = ("21976543210".to_owned(), "maria@example.com".to_owned());
    enriching.outside.c2s.add(lead);
    enriching.webhook("lead-1", "on_update_lead").await;
    enriching.handled(5).await;
    let messages = enriching.outside.c2s.messages("lead-1");
    assert_eq!(messages.len(), 2);
    assert!(messages[1].contains("MARIA EXEMPLO"), "{}", messages[1]);
    enriching.stop().await;
}

#[tokio::test]
async fn a_cpf_that_the_customer_wrote_is_believed_and_nothing_else_is_paid_for() {
    let enriching = Enriching::start().await;
    let mut lead = joao("lead-1");
    lead.enquiries = vec!["Tenho interesse, CPF 111.444.777-35".to_owned()];
    enriching.receive(lead).await;
    let message = enriching.message("lead-1").await;
    enriching.handled(1).await;
    assert!(message.contains("CPF informado pelo cliente") && message.contains("MARIA EXEMPLO"), "{message}");
    assert!(enriching.outside.diretrix.script.requests().is_empty());
    assert_eq!(enriching.outside.work.answered(), 1);

    // The same person elsewhere is known by now.
    enriching.receive(Lead::new("lead-2", "Maria", "21976543210", "")).await;
    enriching.handled(2).await;
    let asked = enriching.outside.work.script.requests();
    let by_cpf = asked.iter().filter(|request| request.query.contains("modulo=cpf")).count();
    assert_eq!((by_cpf, enriching.outside.c2s.messages("lead-2").len()), (1, 1));
    enriching.stop().await;
}

#[tokio::test]
async fn a_phone_and_an_address_of_two_people_are_told_apart() {
    let enriching = Enriching::start().await;
    enriching.receive(Lead::new("lead-1", "Joao", "11987654321", "maria@example.com")).await;
    let message = enriching.message("lead-1").await;
    for part in
        ["PESSOAS DIFERENTES!", "PESSOA 1 (Telefone: 11987654321)", "PESSOA 2 (E-mail: maria@example.com)"]
    {
        assert!(message.contains(part), "{part} is not in {message}");
    }
    enriching.handled(1).await;
    assert_eq!(enriching.outside.c2s.messages("lead-1").len(), 1, "one message for both");
    enriching.stop().await;
}

#[tokio::test]
async fn nobody_found_is_an_end_with_a_note_and_no_failure() {
    let enriching = Enriching::start().await;
    enriching.receive(Lead::new("lead-1", "Ninguem", "11955554444", "ninguem@example.com")).await;
    enriching.handled(1).await;
    let mut lead = Lead::new("lead-2", "Sem Dados", "", "");
    lead.description = "CPF 000.000.001-91".to_owned();
    enriching.receive(lead).await;
    enriching.handled(2).await;
    let enrichments = enriching.enrichments().await;
    let outcomes: Vec<_> = enrichments.iter().map(|(_, outcome, _, _)| outcome.as_deref().unwrap()).collect();
    assert_eq!(outcomes, ["no_cpf", "no_data"]);
    assert!(enrichments[0].3.as_ref().unwrap().starts_with("Could not find CPF"));
    assert!(enriching.outside.c2s.messages("lead-1").is_empty());
    assert!(enriching.outside.c2s.messages("lead-2").is_empty());
    assert_eq!(enriching.lost(), (0, 0));
    enriching.stop().await;
}

#[tokio::test]
async fn a_lead_that_says_nothing_is_read_and_a_closed_one_is_left_alone() {
    let enriching = Enriching::start().await;
    enriching.outside.c2s.add(joao("lead-1"));
    let bare = json!({ "id": "lead-1", "attributes": { "updated_at": "2026-01-20T10:00:00Z" } });
    enriching.publish(&bare).await;
    enriching.message("lead-1").await;
    enriching.outside.c2s.add(joao("lead-2"));
    enriching.webhook("lead-2", "on_close_lead").await;
    // One that is not there any more.
    let gone = json!({ "id": "lead-3", "attributes": { "updated_at": "2026-01-20T10:00:00Z" } });
    enriching.publish(&gone).await;
    enriching.handled(3).await;
    assert!(enriching.outside.c2s.messages("lead-2").is_empty());
    assert_eq!(enriching.enrichments().await.len(), 1);
    assert_eq!(enriching.lost(), (0, 0));
    enriching.stop().await;
}

#[tokio::test]
async fn an_older_version_that_comes_late_does_not_write() {
    let enriching = Enriching::start().await;
    enriching.receive(joao("lead-1")).await;
    enriching.message("lead-1").await;
    let late = json!({ "hook_action": "on_update_lead", "lead": { "id": "lead-1", "attributes": {
        "updated_at": "2020-01-20T10:00:00Z", "customer": { "name": "Maria", "phone": "21976543210" } } } });
    enriching.publish(&late).await;
    enriching.handled(2).await;
    assert_eq!(enriching.outside.c2s.messages("lead-1").len(), 1);
    enriching.stop().await;
}

#[tokio::test]
async fn what_has_expired_is_forgotten_by_itself() {
    let enriching = Enriching::prepare().await;
    for sql in [
        "insert into people values (gen_random_uuid(), 'a', 'b', 'c', 'work-api', now() - interval '31 days', now() - interval '1 day')",
        "insert into lead_messages values (gen_random_uuid(), gen_random_uuid(), 'lead-1', 'a', '[weir:01]', 'sealed', 'sent',
            1, now() - interval '31 days', now() - interval '31 days', 'answer', now() - interval '31 days')",
    ] {
        sqlx::query(sql).execute(enriching.pool()).await.unwrap();
    }
    let mut enriching = enriching;
    let settings = enriching.outside.settings();
    enriching.add_replica(&settings).await;
    let left = "select (select count(*) from people) + (select count(*) from lead_messages where body_sealed is not null)";
    testkit::eventually("it is forgotten", crate::given::DEADLINE, async || {
        (enriching.count(left).await == 0).then_some(())
    })
    .await;
    assert_eq!(enriching.count("select count(*) from lead_messages").await, 1, "the guard stays");
    enriching.stop().await;
}

#[tokio::test]
async fn without_a_token_leads_are_stored_and_wait_for_the_enricher() {
    let enriching = Enriching::start_with(|settings| settings.c2s.api.token = None).await;
    enriching.receive(joao("lead-1")).await;
    testkit::eventually("the lead is stored", crate::given::DEADLINE, async || {
        (enriching.count("select count(*) from leads").await == 1).then_some(())
    })
    .await;
    assert!(enriching.replicas[0].accounts.enricher.is_none());
    let (_, body) = crate::probes::get(enriching.replicas[0].probes, "/health").await;
    assert!(body.contains(r#""enricher":"off""#), "{body}");
    enriching.stop().await;
}
