//! Deliveries that are all different, as their providers send them.

use std::sync::LazyLock;

use bytes::Bytes;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

/// The secret of every provider.
pub(crate) const SECRET: &str = "bench-secret-0123456789abcdef";

/// First of the ids that number deliveries: 17 digits, as Meta's have.
const FIRST_ID: u64 = 17_900_000_000_000_000;
/// Deliveries of one run, at most.
const RUN: u64 = 100_000_000;

/// Who sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sender {
    /// A signed comment of Instagram.
    Instagram,
    /// A lead of Contact2Sale.
    C2s,
}

/// One POST.
#[derive(Debug)]
pub(crate) struct Delivery {
    pub(crate) path: &'static str,
    /// Name and value of the header that authenticates it.
    pub(crate) header: (&'static str, String),
    pub(crate) body: Bytes,
}

impl Sender {
    /// Delivery number `number`, with a body of about `size` bytes.
    pub(crate) fn delivery(self, number: u64, size: usize) -> Delivery {
        let id = FIRST_ID + number;
        match self {
            Self::Instagram => {
                let account = 17_841_000_000_000_000 + number % 1_000;
                let body = format!(
                    r#"{{"object":"instagram","entry":[{{"id":"{account}","time":1767225600,"changes":[{{"field":"comments","value":{{"id":"{id}","text":"{}","from":{{"id":"17800000000000009","username":"ana.exemplo"}},"media":{{"id":"17900000000000000","media_product_type":"FEED"}}}}}}]}}]}}"#,
                    padding(size, 300)
                );
                let header = ("x-hub-signature-256", sign(body.as_bytes()));
                Delivery { path: "/api/webhooks/instagram", header, body: body.into() }
            }
            Self::C2s => {
                let body = format!(
                    r#"{{"id":"{id}","hook_action":"on_create_lead","attributes":{{"updated_at":"2026-01-20T10:00:00Z","customer":{{"name":"Ana Exemplo","phone":"+5511987654321"}},"description":"{}"}}}}"#,
                    padding(size, 190)
                );
                let header = ("x-webhook-token", SECRET.to_owned());
                Delivery { path: "/api/v1/webhooks/c2s", header, body: body.into() }
            }
        }
    }
}

/// The number of the first delivery of a run.
pub(crate) const fn first_of(run: u64) -> u64 {
    run * RUN
}

/// The number of the delivery whose id stands in `text`, such as a `Nats-Msg-Id`.
pub(crate) fn number_in(text: &str) -> Option<u64> {
    let digits = text.split(|c: char| !c.is_ascii_digit());
    digits.rev().filter(|run| run.len() == 17).find_map(|run| run.parse::<u64>().ok()?.checked_sub(FIRST_ID))
}

/// `sha256=` and the digest.
pub(crate) fn sign(body: &[u8]) -> String {
    format!("sha256={}", hex::encode(mac(body)))
}

/// The digest of `body`.
pub(crate) fn mac(body: &[u8]) -> [u8; 32] {
    let mut mac = Hmac::<Sha256>::new_from_slice(SECRET.as_bytes()).expect("a key of any length will do");
    mac.update(body);
    mac.finalize().into_bytes().into()
}

/// Text that fills a body of `size` bytes, of which `others` are used.
pub(crate) fn padding(size: usize, others: usize) -> &'static str {
    const LARGEST: usize = 256 * 1024;
    static TEXT: LazyLock<String> =
        LazyLock::new(|| "um texto qualquer que enche o corpo ".repeat(LARGEST / 36 + 1));
    TEXT.get(..size.saturating_sub(others)).unwrap_or(&TEXT)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_delivery_is_known_by_its_number() {
        let delivery = Sender::Instagram.delivery(first_of(3) + 42, 1_024);
        assert!((900..1_150).contains(&delivery.body.len()), "{}", delivery.body.len());
        assert_eq!(number_in("ig:17841000000000042:comments:17900000300000042"), Some(300_000_042));
        assert_eq!(number_in("c2s:17900000000000042:1768903200000000"), Some(42));
    }
}
