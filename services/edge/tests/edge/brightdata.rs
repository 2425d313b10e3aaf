//! What Bright Data sees (providers.md, section 1) and what its deliveries leave on the stream.

pub(crate) mod given;
mod large;
mod signed;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use config::List;
use serde_json::json;
use testkit::eventually;
use tokio::{io::AsyncWriteExt as _, net::TcpStream};

use crate::harness::{Answer, Harness, SOON, read_to_end};
use given::{
    NOTIFY, OLDER_TOKEN, PATH, SNAPSHOT, TOKEN, brightdata, events, gzip, ids, post, records, start,
};

const RECORDS: &str = r#"[{"url":"https://www.instagram.com/p/A/","likes":5.5e+32,"x":"\u00e9 é"}, {"url":"https://x/2","likes":"12"}]"#;

#[tokio::test]
async fn a_delivery_is_on_the_stream_byte_by_byte() {
    let edge = start().await;
    let request = post(&edge, RECORDS).query(&[("platform", "instagram"), ("kind", "posts")]);
    let answer = Answer::of(request.send().await.unwrap()).await;
    assert_eq!(
        answer.body,
        json!({"status": "received", "snapshot_id": SNAPSHOT, "records": 2, "parts": 1, "duplicates": 0, "rejected": 0})
    );
    let (subject, headers, body) = events(&edge.bus).await.remove(0);
    assert_eq!(subject, "ingest.brightdata.delivery");
    let lines: Vec<_> = body.split('\n').collect();
    assert_eq!(lines, RECORDS[1..RECORDS.len() - 1].split(", ").collect::<Vec<_>>(), "no number is touched");
    for (name, value) in [
        ("ce-type", "brightdata.delivery.part"),
        ("ce-source", PATH),
        ("ce-subject", SNAPSHOT),
        ("ce-datacontenttype", "application/x-ndjson"),
        ("ce-platform", "instagram"),
        ("ce-kind", "posts"),
        ("ce-part", "1/1"),
        ("ce-format", "ndjson"),
        ("weir-delivery-id", answer.header("x-request-id")),
    ] {
        assert_eq!(headers[name], value, "{name}");
    }
    let key = contract::brightdata::part_key(Some(SNAPSHOT), 1, body.as_bytes());
    assert_eq!(headers["Nats-Msg-Id"], key);
}

#[tokio::test]
async fn a_repeat_is_a_duplicate_in_every_form() {
    let edge = start().await;
    let lines = RECORDS[1..RECORDS.len() - 1].replace(", ", "\n");
    let wrapper = format!(r#"{{"snapshot_id":"{SNAPSHOT}","data":{RECORDS}}}"#);
    let bodies = [
        RECORDS.as_bytes().to_vec(),
        gzip(RECORDS.as_bytes()),
        lines.clone().into_bytes(),
        gzip(lines.as_bytes()),
        wrapper.into_bytes(),
    ];
    for (n, body) in bodies.into_iter().enumerate() {
        let answer = Answer::of(post(&edge, body).send().await.unwrap()).await;
        let duplicates = usize::from(n > 0);
        assert_eq!(
            (&answer.body["records"], &answer.body["duplicates"]),
            (&json!(2), &json!(duplicates)),
            "{n}"
        );
    }
    assert_eq!(events(&edge.bus).await.len(), 1);
}

#[tokio::test]
async fn headers_about_compression_are_not_believed() {
    let edge = start().await;
    let vector = STANDARD
        .decode("H4sIAAAAAAAC/4uuViotylGyUsooKSkottLXLy8v18vMKy5JTC9KzNVLzs/VL9B3THI2NDLWV9JRKsgvLonPTAGqNzY1QAOGQPmczOzUYiUrQ6PaWADdPnJzWgAAAA==")
        .unwrap();
    // As captured from a real delivery.
    let real = post(&edge, vector.clone())
        .header("Content-Type", "application/gzip")
        .header("Content-Encoding", "gzip");
    assert_eq!(Answer::of(real.send().await.unwrap()).await.body["records"], 1);
    let says_nothing = post(&edge, vector).header("Content-Type", "application/json");
    assert_eq!(Answer::of(says_nothing.send().await.unwrap()).await.body["duplicates"], 1);
    let inflated_by_a_proxy = post(&edge, RECORDS).header("Content-Encoding", "gzip");
    assert_eq!(Answer::of(inflated_by_a_proxy.send().await.unwrap()).await.body["records"], 2);
}

#[tokio::test]
async fn the_token_may_be_bare_or_a_bearers_and_nothing_else_passes() {
    let edge = start().await;
    let status = async |path: &str, authorization: Option<String>| {
        let mut request = edge.client.post(edge.url(path)).header("Snapshot-Id", SNAPSHOT).body("[]");
        if let Some(authorization) = authorization {
            request = request.header("Authorization", authorization);
        }
        request.send().await.unwrap().status().as_u16()
    };
    for path in [PATH, NOTIFY] {
        for path in [path.to_owned(), format!("{path}/")] {
            for right in [
                format!("Bearer {TOKEN}"),
                format!("bearer  {TOKEN} "),
                TOKEN.to_owned(),
                format!("Bearer {OLDER_TOKEN}"),
            ] {
                assert_eq!(status(&path, Some(right.clone())).await, 200, "{path} {right}");
            }
            assert_eq!(status(&path, None).await, 401, "{path}");
            for wrong in [
                "Bearer wrong",
                "Bearer",
                "wrong",
                "Basic d2Vpcjp3ZWly",
                &format!("Bearer {TOKEN}x"),
                &TOKEN[1..],
            ] {
                assert_eq!(status(&path, Some(wrong.to_owned())).await, 401, "{path} {wrong}");
            }
            assert_eq!(edge.client.get(edge.url(&path)).send().await.unwrap().status(), 405);
        }
    }
}

#[tokio::test]
async fn a_test_body_is_received_as_one() {
    let edge = start().await;
    let body = r#"{"test": true, "platform": "facebook"}"#;
    for sent in 1..=2 {
        let request = edge.client.post(edge.url(&format!("{PATH}/"))).bearer_auth(TOKEN);
        let answer =
            Answer::of(request.header("Content-Type", "application/json").body(body).send().await.unwrap())
                .await;
        assert_eq!((answer.status.as_u16(), &answer.body["status"]), (200, &json!("test_received")));
        assert_eq!(events(&edge.bus).await.len(), sent, "pressed again, seen again");
    }
    let (subject, headers, stored) = events(&edge.bus).await.remove(0);
    assert_eq!((subject.as_str(), stored.as_str()), ("ingest.brightdata.test", body));
    assert_eq!((headers["ce-test"].as_str(), headers["ce-platform"].as_str()), ("true", "facebook"));
}

#[tokio::test]
async fn a_notification_may_come_before_after_and_twice() {
    let edge = start().await;
    let notify = async |status: &str| {
        let body = format!(r#"{{"snapshot_id":"{SNAPSHOT}","status":"{status}"}}"#);
        let request = edge.client.post(edge.url(&format!("{NOTIFY}/"))).bearer_auth(TOKEN).body(body);
        Answer::of(request.send().await.unwrap()).await
    };
    assert_eq!(notify("running").await.body["job_status"], "running");
    assert_eq!(Answer::of(post(&edge, RECORDS).send().await.unwrap()).await.status, 200);
    assert_eq!(notify("ready").await.body["duplicates"], 0);
    assert_eq!(notify("ready").await.body["duplicates"], 1);
    let events = events(&edge.bus).await;
    let subjects: Vec<_> = events.iter().map(|(subject, ..)| subject.rsplit('.').next().unwrap()).collect();
    assert_eq!(subjects, ["notify", "delivery", "notify"]);
    assert_eq!(events[2].1["Nats-Msg-Id"], format!("bdn:{SNAPSHOT}:ready"));
    assert_eq!(events[2].1["weir-action"], "ready");
}

#[tokio::test]
async fn what_cannot_be_read_is_kept_and_answered_200() {
    let edge = start().await;
    for (body, records, rejected) in [
        (&b"not json"[..], 0, 1),
        (b"{\"id\":1}\n{\"id\":\n{\"id\":2}\n", 2, 1),
        (b"[{\"id\":3},{\"id\":4", 1, 1),
        (b"\x1f\x8b\x08nonsense", 0, 1),
        (b"[{\"id\":5},\xff\xfe]", 1, 1),
    ] {
        let answer = Answer::of(post(&edge, body).send().await.unwrap()).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        assert_eq!(
            (&answer.body["records"], &answer.body["rejected"]),
            (&json!(records), &json!(rejected)),
            "{body:?}"
        );
    }
    let malformed: Vec<_> = events(&edge.bus)
        .await
        .into_iter()
        .filter(|(subject, ..)| subject == "ingest.brightdata.malformed")
        .collect();
    assert_eq!(malformed.len(), 5);
    assert!(malformed.iter().all(|(_, headers, _)| headers["weir-rejected"] == "malformed"));
    assert_eq!(malformed[0].2, "not json");
}

#[tokio::test]
async fn csv_is_taken_where_it_is_switched_on() {
    let edge = Harness::with(|settings| brightdata(settings).delivery.csv = true).await;
    let answer =
        Answer::of(post(&edge, "url,text\nhttps://a,\"b\nc\"\nhttps://d,e\n").send().await.unwrap()).await;
    assert_eq!(answer.body["records"], 2);
    let (_, headers, body) = events(&edge.bus).await.remove(0);
    assert_eq!((headers["ce-format"].as_str(), headers["ce-datacontenttype"].as_str()), ("csv", "text/csv"));
    assert_eq!(body, "url,text\nhttps://a,\"b\nc\"\nhttps://d,e");
}

#[tokio::test]
async fn a_record_too_large_for_a_message_goes_by_claim_check() {
    let edge = start().await;
    let large = format!(r#"{{"url":"https://x","html":"{}"}}"#, "é".repeat(1_500_000));
    let middle = format!(r#"{{"url":"https://y","html":"{}"}}"#, "x".repeat(800_000));
    let body = format!("[{{\"id\":1}},{large},{middle},{{\"id\":2}}]");
    for duplicates in [0, 4] {
        let answer = Answer::of(post(&edge, gzip(body.as_bytes())).send().await.unwrap()).await;
        assert_eq!((&answer.body["parts"], &answer.body["duplicates"]), (&json!(4), &json!(duplicates)));
    }
    let events = events(&edge.bus).await;
    let part = |mark: &str| events.iter().find(|(_, headers, _)| headers["ce-part"] == mark).unwrap();
    assert!(part("3").2 == middle, "what fits a message travels in it");
    let (_, headers, payload) = part("2");
    assert!(payload.is_empty());
    let claims = bus::claim::Claims::new(&edge.bus, &edge.broker.config());
    assert_eq!(claims.get(&headers["ce-claim"], 16 << 20).await.unwrap(), large);
    assert_eq!(headers["Nats-Msg-Id"], contract::brightdata::part_key(Some(SNAPSHOT), 2, large.as_bytes()));
}

#[tokio::test]
async fn a_bomb_is_refused_with_its_limit() {
    let edge = Harness::with(|settings| {
        brightdata(settings).delivery.decompressed_max_bytes = 30_000_000;
    })
    .await;
    let answer = Answer::of(post(&edge, gzip(&vec![b' '; 40_000_000])).send().await.unwrap()).await;
    answer.assert_problem(413, "too_large");
    assert_eq!(answer.body["limit_ratio"], 200);
    let large = gzip(records(0..40_000, 1_000).as_bytes());
    let answer = Answer::of(post(&edge, large).send().await.unwrap()).await;
    answer.assert_problem(413, "too_large");
    assert_eq!(answer.body["limit_bytes"], 30_000_000);
}

#[tokio::test]
async fn a_body_above_the_limit_is_refused_however_it_is_framed() {
    let edge = Harness::with(|settings| brightdata(settings).body_max_bytes = 50_000).await;
    let body = records(0..2_000, 100);
    post(&edge, body.clone()).send().await.map(Answer::of).unwrap().await.assert_problem(413, "too_large");
    let chunked =
        reqwest::Body::wrap_stream(futures::stream::iter([Ok::<_, std::io::Error>(body.into_bytes())]));
    let answer = Answer::of(post(&edge, chunked).send().await.unwrap()).await;
    answer.assert_problem(413, "too_large");
    assert_eq!(answer.body["limit_bytes"], 50_000);
}

#[tokio::test]
async fn a_delivery_cut_off_half_way_is_completed_by_its_repeat() {
    let edge = Harness::with(|settings| brightdata(settings).delivery.part_records_max = 20).await;
    let body = records(0..3_000, 500);
    for at in [body.len() / 3, body.len() / 2, body.len() - 1] {
        let mut stream = TcpStream::connect(edge.address).await.unwrap();
        let head = format!(
            "POST {PATH}/ HTTP/1.1\r\nHost: edge\r\nAuthorization: Bearer {TOKEN}\r\nSnapshot-Id: {SNAPSHOT}\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        stream.write_all(head.as_bytes()).await.unwrap();
        stream.write_all(&body.as_bytes()[..at]).await.unwrap();
        stream.shutdown().await.unwrap();
        let answer = read_to_end(&mut stream).await;
        assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 400 "), "{answer}");
    }
    let before = eventually("some parts are there", SOON, async || {
        Some(events(&edge.bus).await.len()).filter(|count| *count > 10)
    })
    .await;
    assert!(before < 150, "the last part is of a body that never ended");
    let answer = Answer::of(post(&edge, body).send().await.unwrap()).await;
    assert_eq!((&answer.body["records"], &answer.body["parts"]), (&json!(3_000), &json!(150)));
    assert!(answer.body["duplicates"].as_u64().unwrap() >= 10);
    assert_eq!(ids(&edge.bus).await, (0..3_000).collect::<Vec<_>>(), "each record once");
}

#[tokio::test]
async fn a_broker_that_hangs_half_way_is_a_503_and_the_repeat_completes_it() {
    let edge = Harness::with(|settings| brightdata(settings).delivery.part_records_max = 20).await;
    let body = records(0..3_000, 500);
    let (first, second) = body.as_bytes().split_at(body.len() / 2);
    let mut stream = TcpStream::connect(edge.address).await.unwrap();
    let head = format!(
        "POST {PATH} HTTP/1.1\r\nHost: edge\r\nAuthorization: {TOKEN}\r\nSnapshot-Id: {SNAPSHOT}\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    stream.write_all(first).await.unwrap();
    eventually("half of the parts are there", SOON, async || {
        (events(&edge.bus).await.len() > 50).then_some(())
    })
    .await;
    edge.broker.pause();
    stream.write_all(second).await.ok();
    let answer = read_to_end(&mut stream).await;
    edge.broker.resume();
    assert!(answer.starts_with("HTTP/1.1 503 ") && answer.contains("retry-after: 5"), "{answer}");
    eventually("the repeat completes it", SOON, async || {
        (post(&edge, body.clone()).send().await.unwrap().status() == 200).then_some(())
    })
    .await;
    assert_eq!(ids(&edge.bus).await, (0..3_000).collect::<Vec<_>>(), "each record once");
}

#[tokio::test]
async fn a_body_that_comes_too_slowly_is_a_408() {
    let edge = Harness::with(|settings| brightdata(settings).body_timeout_ms = 300).await;
    let mut stream = TcpStream::connect(edge.address).await.unwrap();
    let head = format!(
        "POST {PATH} HTTP/1.1\r\nHost: edge\r\nAuthorization: {TOKEN}\r\nContent-Length: 100\r\n\r\n["
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    let answer = read_to_end(&mut stream).await;
    assert!(answer.starts_with("HTTP/1.1 408 "), "{answer}");
    assert!(events(&edge.bus).await.is_empty());
}

#[tokio::test]
async fn more_deliveries_than_fit_are_shed() {
    let edge = Harness::with(|settings| brightdata(settings).delivery.deliveries_in_flight_max = 1).await;
    let mut slow = TcpStream::connect(edge.address).await.unwrap();
    let head = format!(
        "POST {PATH} HTTP/1.1\r\nHost: edge\r\nAuthorization: {TOKEN}\r\nContent-Length: 2\r\nExpect: 100-continue\r\nConnection: close\r\n\r\n"
    );
    slow.write_all(head.as_bytes()).await.unwrap();
    let mut go_on = [0_u8; 25];
    tokio::io::AsyncReadExt::read_exact(&mut slow, &mut go_on).await.unwrap();
    Answer::of(post(&edge, "[]").send().await.unwrap()).await.assert_problem(503, "overloaded");
    slow.write_all(b"[]").await.unwrap();
    assert!(read_to_end(&mut slow).await.contains("200 OK"));
    assert_eq!(post(&edge, "[]").send().await.unwrap().status(), 200);
}

#[tokio::test]
async fn only_listed_addresses_may_send_where_there_is_a_list() {
    let edge = Harness::with(|settings| {
        settings.trusted_proxies = List(vec!["127.0.0.1".parse().unwrap()]);
        brightdata(settings).allowed_ips =
            List(vec!["54.175.27.69".parse().unwrap(), "192.0.2.0/24".parse().unwrap()]);
    })
    .await;
    let from = async |address: &'static str| {
        post(&edge, "[]").header("X-Forwarded-For", address).send().await.unwrap().status().as_u16()
    };
    for (address, status) in [("54.175.27.69", 200), ("192.0.2.200", 200), ("198.51.100.1", 403)] {
        assert_eq!(from(address).await, status, "{address}");
    }
}
