//! Something to try: one delivery of each provider, ready to paste into a shell.

use crate::{
    settings::{self, BRIGHTDATA_SECRETS, C2S_SECRETS, INSTAGRAM_SECRETS, USAGE_SECRETS},
    state::Addresses,
};

/// A title and a command for each provider.
pub(super) fn all(addresses: &Addresses) -> [(&'static str, String); 4] {
    [
        ("Send a lead as Contact2Sale does:", c2s(addresses)),
        ("An Instagram comment as Meta does, signed:", instagram(addresses)),
        ("Scraped records as Bright Data does:", brightdata(addresses)),
        ("A usage report, which goes on to the simulated Zapier:", usage(addresses)),
    ]
}

fn c2s(addresses: &Addresses) -> String {
    let body = r#"{"id":"lead-1","hook_action":"on_create_lead","attributes":{"updated_at":"2026-01-20T10:00:00Z","customer":{"name":"Ana Exemplo","phone":"+5511987654321"}}}"#;
    format!(
        "curl -i {}/api/v1/webhooks/c2s \\\n  -H 'content-type: application/json' \\\n  -H {} \\\n  -d {}",
        addresses.edge_url,
        quoted(&format!("x-webhook-token: {}", secret(addresses, C2S_SECRETS))),
        quoted(body)
    )
}

/// The shell signs, so that the body may be changed.
fn instagram(addresses: &Addresses) -> String {
    let body = r#"{"object":"instagram","entry":[{"id":"17841400000000001","time":1767225600,"changes":[{"field":"comments","value":{"id":"17900000000000001","text":"Muito bom!","from":{"id":"17800000000000009","username":"ana.exemplo"},"media":{"id":"17900000000000000"}}}]}]}"#;
    format!(
        "body={}\ncurl -i {}/api/webhooks/instagram \\\n  -H 'content-type: application/json' \\\n  -H \"x-hub-signature-256: sha256=$(printf %s \"$body\" | openssl dgst -sha256 -hmac {} | sed 's/.* //')\" \\\n  -d \"$body\"",
        quoted(body),
        addresses.edge_url,
        quoted(&secret(addresses, INSTAGRAM_SECRETS)),
    )
}

fn brightdata(addresses: &Addresses) -> String {
    let body = r#"[{"url":"https://www.instagram.com/p/EXEMPLO/","post_id":"EXEMPLO","user_posted":"ana.exemplo","likes":12,"timestamp":"2026-01-20T10:00:00Z"}]"#;
    format!(
        "curl -i '{}/api/brightdata/webhook/?platform=instagram&kind=post' \\\n  -H 'content-type: application/json' \\\n  -H {} \\\n  -d {}",
        addresses.edge_url,
        quoted(&format!("authorization: Bearer {}", secret(addresses, BRIGHTDATA_SECRETS))),
        quoted(body)
    )
}

fn usage(addresses: &Addresses) -> String {
    let body = r#"{"session_id":"session_123","query":"How do I merge two data frames?","model_name":"gpt-4o-mini","response_time_ms":1000,"estimated_tokens":100,"success":true}"#;
    format!(
        "curl -i {}/api/webhook/usage \\\n  -H 'content-type: application/json' \\\n  -H {} \\\n  -d {}",
        addresses.edge_url,
        quoted(&format!("authorization: Bearer {}", secret(addresses, USAGE_SECRETS))),
        quoted(body)
    )
}

/// The first secret that the edge accepts from the provider, as far as we know it.
fn secret(addresses: &Addresses, setting: &str) -> String {
    let list = addresses.settings.get(setting);
    list.and_then(|list| settings::first(list)).unwrap_or_else(|| "YOUR-SECRET".to_owned())
}

/// As one word of a shell.
pub(super) fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_curl_carries_the_first_secret() {
        let settings = [(C2S_SECRETS.to_owned(), r#"["one, and a comma","two"]"#.to_owned())].into();
        let addresses = Addresses { settings, ..Addresses::default() };
        assert!(c2s(&addresses).contains("'x-webhook-token: one, and a comma'"));
        assert!(brightdata(&addresses).contains("Bearer YOUR-SECRET"));
    }
}
