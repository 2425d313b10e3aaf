//! The parts of the accept path and of the write path that compute: `cargo bench -p bench`.

#![expect(clippy::unwrap_used, reason = "a measurement of something broken should end")]

use std::hint::black_box;

use divan::{Bencher, counter::BytesCount};
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

fn main() {
    divan::main();
}

/// The check of `X-Hub-Signature-256`, by the size of the body.
#[divan::bench(args = [1_024, 16_384, 262_144])]
fn signature(bencher: Bencher<'_, '_>, size: usize) {
    let keyed = Hmac::<Sha256>::new_from_slice(b"bench-secret-0123456789abcdef").unwrap();
    let body = vec![b'x'; size];
    let digest = keyed.clone().chain_update(&body).finalize().into_bytes();
    bencher.counter(BytesCount::new(size)).bench(|| {
        assert!(keyed.clone().chain_update(black_box(&body)).verify_slice(&digest).is_ok());
    });
}

/// One POST of 1,000 comments, cut into events with their keys.
#[divan::bench]
fn split_of_a_thousand_events(bencher: Bencher<'_, '_>) {
    let changes: Vec<_> = (0..1_000).map(comment).collect();
    let body = format!(
        r#"{{"object":"instagram","entry":[{{"id":"17841400000000001","time":1767225600,"changes":[{}]}}]}}"#,
        changes.join(",")
    );
    bencher.counter(BytesCount::of_str(&body)).bench(|| {
        let events = contract::instagram::split(black_box(&body)).unwrap();
        let keys = events.into_iter().map(|event| event.ok().unwrap().dedup_key.len());
        assert!(keys.sum::<usize>() > 1_000);
    });
}

/// One lead as the handler reads it.
#[divan::bench]
fn mapping_of_a_lead(bencher: Bencher<'_, '_>) {
    let body = r#"{"id":"lead-1","hook_action":"on_create_lead","attributes":{"updated_at":"2026-01-20T10:00:00Z","description":"Procura um apartamento de dois quartos","customer":{"name":"Ana Exemplo","email":"ana@example.com","phone":"+5511987654321"},"product":{"description":"Edifício Exemplo","prop_ref":"AP0001","price":"950000"},"seller":{"id":"s1","name":"Bruno Exemplo"},"lead_source":{"name":"Site"},"lead_status":{"alias":"new","name":"Novo"}}}"#;
    bencher.counter(BytesCount::of_str(body)).bench(|| {
        assert!(contract::c2s::Lead::parse(black_box(body).as_bytes()).is_some());
    });
}

/// One delivery of Bright Data's, cut into its records.
#[divan::bench]
fn split_of_five_hundred_records(bencher: Bencher<'_, '_>) {
    let record = r#"{"url":"https://www.instagram.com/p/EXEMPLO/","post_id":"EXEMPLO","user_posted":"ana.exemplo","likes":12,"description":"um texto qualquer, com \"aspas\" e {chaves}","timestamp":"2026-01-20T10:00:00Z"}"#;
    let body = format!("[{}]", vec![record; 500].join(","));
    bencher.counter(BytesCount::of_str(&body)).bench(|| {
        let mut splitter = contract::brightdata::Splitter::new(1 << 24, false);
        let (mut input, mut records) = (black_box(body.as_bytes()), 0);
        while splitter.next(&mut input).is_some() {
            records += 1;
        }
        assert!(records >= 500);
    });
}

fn comment(number: u64) -> String {
    let id = 17_900_000_000_000_000 + number;
    format!(
        r#"{{"field":"comments","value":{{"id":"{id}","text":"Muito bom! Onde fica?","from":{{"id":"17800000000000009","username":"ana.exemplo"}},"media":{{"id":"17900000000000000","media_product_type":"FEED"}}}}}}"#
    )
}
