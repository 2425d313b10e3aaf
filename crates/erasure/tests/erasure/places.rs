//! Every place that can hold a person.

use bus::Event as Published;
use contract::{Envelope, EventId, stream};
use people::{Address, Cpf, Person, PersonEmail, PersonPhone};
use time::OffsetDateTime;

use crate::given::{CPF, Kept, body, enrich, files, holds, store_lead};

fn cpf() -> Cpf {
    CPF.parse().unwrap()
}

/// Rows of every part of Weir that hold the CPF, or a contact, in some spelling, beside what is not about the person.
const ROWS: &[&str] = &[
    "insert into instagram_messages (account_id, mid, original_text, attachments)
        values ('1', 'm-1', 'meu cpf é 529.982.247-25, fone (11) 98765-4321, obrigado', '[{\"u\":\"x?c=52998224725\"}]')",
    "insert into instagram_comments (account_id, comment_id, text, is_live, is_own, mentioned_usernames, mentions_account,
        event_id, received_at)
        values ('1', 'c-1', 'CPF ５２９.９８２.２４７-２５', false, false, '{52998224725,maria}', false,
            gen_random_uuid(), now())",
    r#"insert into social_posts (platform, kind, external_id, text, collected_at, last_event_id, first_seen_at,
        last_seen_at, raw)
        values ('tiktok', 'video', '1', 'JOAO@example.com e maria@example.com', now(), gen_random_uuid(), now(), now(),
            convert_to('{"a":52998224725,"b":"ação 529\u002e982\u002e247-25","c":"+55 11 98765-4321"}', 'UTF8'))"#,
    r#"insert into social_profiles (platform, kind, external_id, emails, phones, collected_at, last_event_id,
        first_seen_at, last_seen_at, raw)
        values ('linkedin', 'company', '1', '["joao@example.com","outra@example.com"]', '["011987654321",5511987654329]',
            now(), gen_random_uuid(), now(), now(), '\x00ff3532393938323234373235ff')"#,
    "insert into usage_sessions values ('wa-52998224725', now(), now(), 1, 1, 0, 1, 0, 0, 0, '{}', '{}')",
    "insert into usage_queries (event_id, session_id, asked_at, received_at, summary, category, estimated_complexity,
        model_used) values (gen_random_uuid(), 'wa-52998224725', now(), now(), 'cpf 52998224725 vale?', 'general', 1, 'gpt-4')",
    r#"insert into hook_events (event_id, root_id, consumer, provider, event_type, subject, body, headers, stream,
        stream_subject, stream_sequence, received_at, created_at)
        values ('00000000-0000-7000-8000-000000000001', gen_random_uuid(), 'zapier-dispatcher', 'usage', 'usage.reported',
            'wa-52998224725', '{"query":"52998224725","outro":"fica"}', '[["x","529.982.247-25"]]', 'USAGE',
            'ingest.usage.reported', 1, now(), now())"#,
    "insert into hook_attempts (event_id, hook_id, number, started_at, duration_ms, outcome, response_excerpt)
        values ('00000000-0000-7000-8000-000000000001', gen_random_uuid(), 1, now(), 1, 'delivered',
            'recebido: 529 982 247 25, joao@example.com')",
    "insert into event_handlings (event_id, consumer, provider, dedup_key, stream, stream_sequence, status, attempts,
        error_code, error_message, started_at, finished_at)
        values (gen_random_uuid(), 'x', 'usage', 'x', 'USAGE', 1, 'dead_letter', 1, 'x', 'CPF 529.982.247-25?', now(), now())",
    "insert into dead_letters (id, event_id, consumer, provider, source, event_type, dedup_key, stream, stream_subject,
        stream_sequence, content_type, attempts, reason_code, last_error, fingerprint, received_at, first_failed_at,
        last_failed_at, found_by)
        values (gen_random_uuid(), gen_random_uuid(), 'x', 'usage', '/', 'x', 'x', 'USAGE', 's', 2, 'text/plain', 1, 'x',
            'tel 11987654321 e cpf 52998224725', 'x', now(), now(), now(), 'verdict')",
    "insert into scrape_requests (id, origin, status, inputs, requested_at, updated_at)
        values (gen_random_uuid(), 'triggered', 'pending', '[{\"url\":\"https://x.example/52998224725\"}]', now(), now())",
];

#[tokio::test]
async fn nothing_that_can_hold_text_is_left_out() {
    let kept = Kept::start().await;
    let customer = r#""name":"JOAO EXEMPLO","phone":"11987654321","email":"joao@example.com""#;
    let own = body("lead-1", 1, customer, "Veio do portal");
    let at = kept.publish(&own).await;
    kept.handle(&own, &at, false).await;
    store_lead(&kept, &own, at.0.id).await;
    // What nobody but the look-up knows.
    let person = Person {
        name: Some("JOAO EXEMPLO".to_owned()),
        phones: vec![PersonPhone { number: "21976500001".to_owned(), whatsapp: true }],
        emails: vec![PersonEmail { address: "segredo@example.com".to_owned() }],
        addresses: vec![Address::default()],
        ..Person::default()
    };
    enrich(&kept, "lead-1", at.0.id, &cpf(), &person).await;
    kept.given(ROWS).await;
    kept.given(&[
        "update instagram_messages set edited_text = 'SEGREDO@example.com, +55 (21) 97650-0001, e só'",
    ])
    .await;

    let erasure = kept.erasure();
    let found = erasure.find(&cpf()).await.unwrap().report;
    assert!(found.columns.contains_key("usage_queries.summary"), "{found:?}");
    let report = erasure.erase(&cpf(), OffsetDateTime::now_utc()).await.unwrap();
    for text in [
        "52998224725",
        "529.982.247-25",
        "529 982 247 25",
        "５２９",
        "11987654321",
        "98765-4321",
        "joao@example.com",
        "JOAO@example.com",
        "SEGREDO@",
        "97650-0001",
    ] {
        assert!(!kept.holds(text).await, "{text} is still there: {report:?}");
    }
    for text in
        ["obrigado", "maria@example.com", "outra@example.com", "e só", "fica", "ação", "5511987654329"]
    {
        assert!(kept.holds(text).await, "{text} is not the person's");
    }
    let both = "select count(*) from usage_sessions join usage_queries using (session_id)";
    assert_eq!(kept.count(both).await, 1, "keys that named the person still agree");
    let readable = "select count(*) from social_posts where json_of(raw) ->> 'a' = '0'";
    assert_eq!(kept.count(readable).await, 1, "JSON is still JSON");
    assert!(report.kept.is_empty() && report.unreadable_look_ups == 0, "{report:?}");
    for column in ["hook_attempts.response_excerpt", "instagram_messages.edited_text", "social_profiles.raw"]
    {
        assert_eq!(report.columns.get(column), Some(&1), "{column}");
    }
    let again = erasure.find(&cpf()).await.unwrap().report;
    assert!(again.is_empty(), "{again:?}");
}

#[tokio::test]
async fn a_contact_that_others_share_is_left_to_them() {
    let kept = Kept::start().await;
    let (own, others) = (
        body("lead-1", 1, r#""name":"JOAO","phone":"1132546796","email":"joao@example.com""#, ""),
        body("lead-2", 2, r#""name":"MARIA","phone":"1132546796","email":"maria@example.com""#, ""),
    );
    for (body, lead, cpf) in [(&own, "lead-1", CPF), (&others, "lead-2", "11144477735")] {
        let at = kept.publish(body).await;
        kept.handle(body, &at, false).await;
        store_lead(&kept, body, at.0.id).await;
        enrich(&kept, lead, at.0.id, &cpf.parse().unwrap(), &Person::default()).await;
    }
    let report = kept.erasure().erase(&cpf(), OffsetDateTime::now_utc()).await.unwrap();
    assert_eq!((report.shared_contacts, report.leads), (1, 1));
    let maria = "select count(*) from leads where customer_phone = '1132546796' and customer_email = 'maria@example.com'";
    assert_eq!(kept.count(maria).await, 1);
    assert!(!kept.holds("joao@example.com").await && kept.holds("MARIA").await);
}

#[tokio::test]
async fn a_claimed_body_is_erased_with_the_messages_that_name_it() {
    let kept = Kept::start().await;
    let (theirs, others) =
        (r#"[{"text":"CPF 529.982.247-25 DE JOAO"}]"#, r#"[{"text":"CPF 111.444.777-35 DE MARIA"}]"#);
    for (number, body) in [theirs, others].into_iter().enumerate() {
        let claim = kept.claims().put(&body.to_owned().into()).await.unwrap();
        let envelope = Envelope {
            id: EventId::generate(),
            source: "/api/brightdata/webhook".to_owned(),
            event_type: "brightdata.delivery".to_owned(),
            subject: None,
            time: OffsetDateTime::now_utc(),
            content_type: "application/json".to_owned(),
            dedup_key: format!("bd:{number}"),
            delivery_id: None,
            action: None,
            rejected: None,
            replayed_from: None,
            extensions: [("claim", claim)].into(),
        };
        let subject = "ingest.brightdata.delivery".to_owned();
        let stream = stream::brightdata::STREAM;
        let event = Published { stream, subject, envelope, payload: bytes::Bytes::new() };
        kept.publisher.publish(event).await.unwrap();
    }
    let report = kept.erasure().erase(&cpf(), OffsetDateTime::now_utc()).await.unwrap();
    assert_eq!((report.claimed_bodies, report.stream_messages, report.unhandled_messages), (1, 1, 1));
    assert_eq!(kept.claims().names().await.unwrap(), [bus::claim::name_of(others.as_bytes())]);
    let files = files(kept.broker.log().parent().unwrap());
    assert!(files.iter().any(|bytes| holds(bytes, "DE MARIA")), "these are the files");
    assert!(!files.iter().any(|bytes| holds(bytes, "DE JOAO")), "a body is still on the disk");
    let again = kept.erasure().erase(&cpf(), OffsetDateTime::now_utc()).await.unwrap();
    assert_eq!(again.claimed_bodies, 0);
}
