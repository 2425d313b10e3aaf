//! What a lead says of the person behind it, beside the fields of [`super::Lead`]: documents, and words. Read as
//! leniently.

use time::OffsetDateTime;

use super::{lead::Object, parse_instant};

/// Stands in the first line of every message that we post to a lead, so that we know our own.
pub const OWN_MARK: &str = "[weir:";

/// Fields that hold a CPF where an account of C2S's has one.
const DOCUMENTS: [&str; 4] = ["cpf", "document", "cpf_cnpj", "tax_id"];

/// What a lead says of the person behind it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Enquiry {
    /// Fields that are there for a CPF.
    pub documents: Vec<String>,
    /// What people wrote: the description, then the customer's messages, newest first. Never what we posted.
    pub texts: Vec<String>,
}

impl Enquiry {
    /// Reads it out of an event's body, or out of an answer of the API. Empty where there is nothing to read.
    pub fn parse(body: &[u8]) -> Self {
        let Some(event) = str::from_utf8(body).ok().and_then(Object::parse) else { return Self::default() };
        let inner = ["lead", "data"].iter().find_map(|name| event.object(name));
        let lead = inner.unwrap_or(event);
        let attributes = lead.object("attributes").unwrap_or_default();
        let customer = attributes.object("customer").unwrap_or_default();
        let documents = [&customer, &attributes, &lead]
            .into_iter()
            .flat_map(|object| DOCUMENTS.iter().filter_map(|name| object.text(name)))
            .collect();
        let mut messages: Vec<_> =
            [&attributes, &lead].iter().flat_map(|object| object.objects("messages")).enumerate().collect();
        // Newest first; without dates, the last one is the newest.
        messages.sort_by_key(|(index, message)| std::cmp::Reverse((instant(message), *index)));
        let said = messages.iter().filter(|(_, message)| is_customers(message));
        let said = said.filter_map(|(_, message)| {
            ["message", "body", "text"].iter().find_map(|name| message.text(name))
        });
        let texts = attributes.text("description").into_iter().chain(said).filter(|text| !is_own(text));
        Self { documents, texts: texts.collect() }
    }
}

/// Whether we posted this text.
pub fn is_own(text: &str) -> bool {
    text.trim_start().lines().next().is_some_and(|line| line.contains(OWN_MARK))
}

fn instant(message: &Object<'_>) -> Option<OffsetDateTime> {
    message.text("created_at").and_then(|text| parse_instant(&text).ok())
}

/// Who wrote it stands in `sender` (webhook) or `sender_type` (API).
fn is_customers(message: &Object<'_>) -> bool {
    let sender = message.text("sender").or_else(|| message.text("sender_type")).unwrap_or_default();
    ["customer", "cliente", "client", "lead"].contains(&sender.trim().to_lowercase().as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(body: &str) -> Vec<String> {
        Enquiry::parse(body.as_bytes()).texts
    }

    #[test]
    fn a_webhook_and_the_api_say_the_same() {
        let webhook = r#"{"id":"1","attributes":{"description":"Veio do portal","customer":{"cpf":52998224725},
            "messages":[{"created_at":"2026-01-20T10:00:00Z","message":"first","sender":"Customer"},
                {"created_at":"2026-01-20T11:00:00Z","message":"second","sender":"Customer"}]}}"#;
        let api = r#"{"data":{"id":"1","attributes":{"description":"Veio do portal","customer":{"cpf":"52998224725"}},
            "messages":[{"sender_type":"Customer","body":"first"},{"sender_type":"Customer","body":"second"}]}}"#;
        assert_eq!(Enquiry::parse(webhook.as_bytes()), Enquiry::parse(api.as_bytes()));
        assert_eq!(texts(webhook), ["Veio do portal", "second", "first"]);
        assert_eq!(Enquiry::parse(webhook.as_bytes()).documents, ["52998224725"]);
    }

    #[test]
    fn what_a_seller_or_we_wrote_is_not_the_customers_word() {
        let body = r#"{"id":"1","attributes":{"messages":[{"message":"seller","sender":"Seller"},{"message":"nobody"},
            {"message":"\n[weir:0123] CPF 529.982.247-25\nmore","sender":"Customer"},
            {"message":"mine\n[weir:0123]","sender":"customer"}]}}"#;
        assert_eq!(texts(body), ["mine\n[weir:0123]"]);
        assert!(is_own("🔎 Dados [weir:0123]") && !is_own("Dados\n[weir:0123]") && !is_own(""));
    }

    #[test]
    fn what_cannot_be_read_says_nothing() {
        for body in ["", "[]", "{}", "null", r#"{"attributes":{"messages":{"a":1},"customer":[]}}"#, "\u{0}"]
        {
            assert_eq!(Enquiry::parse(body.as_bytes()), Enquiry::default(), "{body}");
        }
    }
}
