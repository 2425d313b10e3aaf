//! What Contact2Sale sees (providers.md, section 3) and what its deliveries leave on the stream.

use reqwest::StatusCode;

use crate::harness::{Answer, Harness, LEAD, OLDER_SECRET, PATH, SECRET, lead};

#[tokio::test]
async fn the_eight_checks_of_the_older_test_script_pass() {
    let edge = Harness::start().await;
    let unsigned = edge.client.post(edge.url(PATH)).body(LEAD);
    Answer::of(unsigned.send().await.unwrap()).await.assert_problem(401, "unauthorized");
    let wrong = edge.client.post(edge.url(PATH)).header("X-Webhook-Token", "wrong").body(LEAD);
    Answer::of(wrong.send().await.unwrap()).await.assert_problem(401, "unauthorized");

    edge.post(LEAD).await.assert_counts(1, 1, 0);
    edge.post(LEAD).await.assert_counts(1, 0, 1);
    edge.post(LEAD.replace("10:00:00", "11:00:00")).await.assert_counts(1, 1, 0);
    let batch = format!(
        "[{},{},{}]",
        lead("lead-batch-1", "2026-01-20T10:02:00Z"),
        lead("lead-batch-2", "2026-01-20T10:02:00Z"),
        lead("lead-batch-3", "2026-01-20T10:03:00Z")
    );
    edge.post(batch).await.assert_counts(3, 3, 0);

    let missing = edge.post(r#"{"id":"lead-1","attributes":{"customer":{"name":"Joao"}}}"#).await;
    missing.assert_problem(400, "missing_updated_at");
    let invalid = edge.post(lead("lead-1", "not-a-timestamp")).await;
    invalid.assert_problem(400, "invalid_updated_at");
    assert_eq!(invalid.body["rejected"], 1);
    // Five events and the two for the record.
    assert_eq!(edge.stored().await, 7);
}

#[tokio::test]
async fn every_form_of_body_is_understood_and_kept_byte_by_byte() {
    let edge = Harness::start().await;
    let forms = [
        ("created", LEAD.to_owned()),
        (
            "created",
            r#"{ "hook_action":"on_create_lead","lead":{"id":"c-1","attributes":{"updated_at":"2026-01-20T07:00:00.000-03:00"}}}"#
                .to_owned(),
        ),
        (
            "updated",
            r#"{"hook_action":"on_update_lead","data":{"type":"lead","id":"d-1","attributes":{"updated_at":"2026-01-20T07:00:00.000-03:00","x":"\u00e1 á"}}}"#
                .to_owned(),
        ),
        ("closed", LEAD.replace("lead.created", "on_close_lead").replace("12345", "a-2")),
        ("other", lead("a-3", "2026-01-20 10:00:00")),
        ("other", LEAD.replace("lead.created", "lead.exploded").replace("12345", "a-4")),
    ];
    for (token, body) in forms {
        edge.post(body.clone()).await.assert_counts(1, 1, 0);
        let (headers, stored) = edge.last(&format!("ingest.c2s.{token}")).await;
        assert_eq!(stored, body);
        assert_eq!(headers["ce-type"], format!("c2s.lead.{token}"));
    }
    let batch = r#"[ {"id":"b-1","attributes":{"updated_at":"2026-01-20T10:02:00Z"}} ,{"id":"b-2","attributes":{"updated_at":"2026-01-20T10:02:00Z"},"last":true}]"#;
    edge.post(batch).await.assert_counts(2, 2, 0);
    let (_, stored) = edge.last("ingest.c2s.other").await;
    assert!(batch.contains(&stored) && stored.starts_with('{') && stored.ends_with('}'), "{stored}");
}

#[tokio::test]
async fn an_event_carries_its_envelope() {
    let edge = Harness::start().await;
    let answer = edge.post(LEAD).await;
    let (headers, _) = edge.last("ingest.c2s.created").await;
    assert_eq!(headers["ce-source"], PATH);
    assert_eq!(headers["ce-subject"], "lead-12345");
    assert_eq!(headers["ce-specversion"], "1.0");
    assert_eq!(headers["weir-action"], "lead.created");
    assert_eq!(headers["Nats-Msg-Id"], "c2s:lead-12345:1768903200000000");
    assert_eq!(headers["weir-delivery-id"], answer.header("x-request-id"));
    assert!(headers["ce-time"].ends_with('Z') && headers.contains_key("ce-id"), "{headers:?}");
    assert!(!headers.contains_key("weir-rejected"), "{headers:?}");
}

#[tokio::test]
async fn one_bad_element_does_not_cost_the_others() {
    let edge = Harness::start().await;
    let bad = r#"{"id":"lead-bad","attributes":{}}"#;
    let batch = format!("[{},{bad},42]", lead("lead-good", "2026-01-20T10:00:00Z"));
    let answer = edge.post(batch.clone()).await;
    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!(
        answer.body,
        serde_json::json!({"status": "received", "received": 3, "processed": 1, "duplicates": 0, "rejected": 2})
    );
    assert_eq!(edge.stored().await, 3);
    // Sent again, the good one is a duplicate, and the delivery is still fine.
    assert_eq!(edge.post(batch).await.body["duplicates"], 1);

    edge.post(format!("[{bad}]")).await.assert_problem(400, "missing_updated_at");
    let (headers, body) = edge.last("ingest.c2s.rejected").await;
    assert_eq!(edge.stored().await, 3, "the same bad bytes are kept once");
    assert!(headers.contains_key("weir-rejected") && !body.is_empty());
}

#[tokio::test]
async fn duplicates_are_counted_from_the_streams_own_word() {
    let edge = Harness::start().await;
    edge.post(lead("lead-1", "2026-01-20T10:00:00Z")).await.assert_counts(1, 1, 0);
    // The same instant in another offset, beside a new one, and a repeat inside the batch.
    let batch = format!(
        "[{},{},{}]",
        lead("lead-1", "2026-01-20T07:00:00-03:00"),
        lead("lead-2", "2026-01-20T10:00:00Z"),
        lead("lead-2", "2026-01-20 10:00:00")
    );
    edge.post(batch).await.assert_counts(3, 1, 2);
    edge.post("[]").await.assert_counts(0, 0, 0);
}

#[tokio::test]
async fn the_secret_may_stand_in_a_header_the_path_or_the_query() {
    let edge = Harness::start().await;
    let status = async |path: &str, header: Option<(&str, String)>| {
        let mut request = edge.client.post(edge.url(path)).body(LEAD);
        if let Some((name, value)) = header {
            request = request.header(name, value);
        }
        request.send().await.unwrap().status().as_u16()
    };
    assert_eq!(status(PATH, Some(("X-Webhook-Token", OLDER_SECRET.to_owned()))).await, 200, "rotation");
    assert_eq!(status(PATH, Some(("X-Webhook-Secret", SECRET.to_owned()))).await, 200);
    assert_eq!(status(PATH, Some(("Authorization", format!("Bearer {SECRET}")))).await, 200);
    assert_eq!(status(&format!("{PATH}/{SECRET}"), None).await, 200);
    assert_eq!(status(&format!("{PATH}/{SECRET}/"), None).await, 200);
    assert_eq!(status(&format!("{PATH}?token={SECRET}"), None).await, 200);
    assert_eq!(status(&format!("{PATH}/?a=b&token={SECRET}"), None).await, 200);

    for wrong in ["x", "the-c2s-secret-of-tests-", "the-c2s-secret-of-tests-11", "%ff%fe", "%00"] {
        assert_eq!(status(&format!("{PATH}/{wrong}"), None).await, 401, "{wrong}");
        assert_eq!(status(&format!("{PATH}?token={wrong}"), None).await, 401, "{wrong}");
        assert_eq!(status(PATH, Some(("X-Webhook-Token", wrong.to_owned()))).await, 401, "{wrong}");
    }
    assert_eq!(status(PATH, Some(("X-Webhook-Token", "x".repeat(20_000)))).await, 401);
    assert_eq!(status(&format!("{PATH}?token="), None).await, 401);
    assert_eq!(status(&format!("{PATH}/{SECRET}/more"), None).await, 404);
}

#[tokio::test]
async fn a_slash_at_the_end_is_served_without_a_redirect() {
    let edge = Harness::start().await;
    let request =
        edge.client.post(edge.url(&format!("{PATH}/"))).header("X-Webhook-Token", SECRET).body(LEAD);
    Answer::of(request.send().await.unwrap()).await.assert_counts(1, 1, 0);
    let (headers, _) = edge.last("ingest.c2s.created").await;
    assert_eq!(headers["ce-source"], PATH);
}

#[tokio::test]
async fn an_id_may_be_a_number() {
    let edge = Harness::start().await;
    edge.post(r#"{"id":12345678901234567890,"attributes":{"updated_at":"2026-01-20T10:00:00Z"}}"#)
        .await
        .assert_counts(1, 1, 0);
    let (headers, _) = edge.last("ingest.c2s.other").await;
    assert_eq!(headers["ce-subject"], "12345678901234567890");
}

#[tokio::test]
async fn an_event_too_large_for_its_stream_is_rejected_alone() {
    let edge = Harness::with(|settings| crate::harness::c2s(settings).body_max_bytes = 4_000_000).await;
    let large = format!(
        r#"{{"id":"large","attributes":{{"updated_at":"2026-01-20T10:00:00Z","text":"{}"}}}}"#,
        "x".repeat(1_500_000)
    );
    let answer = edge.post(format!("[{large},{}]", lead("small", "2026-01-20T10:00:00Z"))).await;
    assert_eq!((answer.body["processed"].as_u64(), answer.body["rejected"].as_u64()), (Some(1), Some(1)));
    let answer = edge.post(large.clone()).await;
    answer.assert_problem(413, "event_too_large");
    assert!(answer.body["limit_bytes"].as_u64().is_some_and(|limit| limit < 1_000_000), "{answer:?}");
    let (headers, body) = edge.last("ingest.c2s.rejected").await;
    assert_eq!(
        (headers["weir-rejected"].as_str(), headers["ce-subject"].as_str()),
        ("event_too_large", "large")
    );
    assert!(large.starts_with(&body));
}

#[tokio::test]
async fn a_delivery_of_ten_thousand_events_is_one_answer() {
    let edge = Harness::with(|settings| {
        let c2s = crate::harness::c2s(settings);
        // Unoptimised, beside other tests: how long it takes is not the claim here.
        (c2s.body_max_bytes, c2s.answer_timeout_ms) = (4_000_000, 120_000);
    })
    .await;
    let leads = |count: usize| {
        let leads: Vec<_> = (0..count).map(|n| lead(&format!("lead-{n}"), "2026-01-20T10:00:00Z")).collect();
        format!("[{}]", leads.join(","))
    };
    let answer = edge.post(leads(10_001)).await;
    answer.assert_problem(413, "too_large");
    assert_eq!(answer.body["limit_events"], 10_000);
    assert_eq!(edge.stored().await, 0);
    edge.post(leads(2_000)).await.assert_counts(2_000, 2_000, 0);
}
