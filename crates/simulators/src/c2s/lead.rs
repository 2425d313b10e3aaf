//! Leads as Contact2Sale keeps them.

use serde_json::{Value, json};
use time::{OffsetDateTime, UtcOffset, format_description::FormatItem, macros::format_description};

/// With milliseconds and an offset, as C2S writes it.
const WRITTEN: &[FormatItem<'_>] = format_description!(
    "[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:3][offset_hour sign:mandatory]:[offset_minute]"
);

/// A lead.
#[derive(Debug, Clone, PartialEq)]
pub struct Lead {
    /// Opaque id.
    pub id: String,
    /// Name of who is interested.
    pub name: String,
    /// Phone as they typed it.
    pub phone: String,
    /// E-mail address as they typed it.
    pub email: String,
    /// How the lead came in, in words.
    pub description: String,
    /// What the customer wrote.
    pub enquiries: Vec<String>,
    /// What was posted through the API, in its order.
    pub posted: Vec<String>,
    /// When it came.
    pub created_at: OffsetDateTime,
    /// When it last changed; every change has an instant of its own.
    pub updated_at: OffsetDateTime,
}

impl Lead {
    /// A lead of now.
    pub fn new(id: &str, name: &str, phone: &str, email: &str) -> Self {
        let now = millis(OffsetDateTime::now_utc());
        Self {
            id: id.to_owned(),
            name: name.to_owned(),
            phone: phone.to_owned(),
            email: email.to_owned(),
            description: "Veio do portal".to_owned(),
            enquiries: vec!["Tenho interesse".to_owned()],
            posted: Vec::new(),
            created_at: now,
            updated_at: now,
        }
    }

    /// It changed now.
    pub(super) fn touch(&mut self) {
        let now = millis(OffsetDateTime::now_utc());
        self.updated_at = now.max(self.updated_at + time::Duration::MILLISECOND);
    }

    /// The lead as the API and the webhooks tell it.
    pub fn json(&self) -> Value {
        let from = |text: &String, sender: &str, recipient: &str| json!({ "sender_type": sender, "recipient_type": recipient, "body": text });
        let enquiries = self.enquiries.iter().map(|text| from(text, "Customer", "Seller"));
        let posted = self.posted.iter().map(|text| from(text, "Seller", "Seller"));
        let messages: Vec<Value> = enquiries.chain(posted).collect();
        json!({
            "type": "lead",
            "id": self.id,
            "internal_id": 1_234_567,
            "attributes": {
                "description": self.description,
                "customer": {
                    "id": "c-1", "name": self.name, "email": self.email, "phone": self.phone,
                    "phone2": "", "neighbourhood": "",
                },
                "seller": { "id": "s-1", "name": "Vendedor Um", "email": "v1@example.com", "external_id": null },
                "product": {
                    "id": "p-1", "description": "[101] Apartamento 3 quartos", "prop_ref": "APT-001",
                    "price_float": 500_000.0, "brand": null,
                },
                "lead_source": { "id": 3, "name": "Portal" },
                "lead_status": { "id": 1, "alias": "new", "name": "Novo" },
                "funnel_status": { "status": "New lead" },
                "created_at": written(self.created_at),
                "updated_at": written(self.updated_at),
            },
            "messages": messages,
        })
    }
}

fn written(instant: OffsetDateTime) -> String {
    let sao_paulo = UtcOffset::from_hms(-3, 0, 0).unwrap_or(UtcOffset::UTC);
    instant.to_offset(sao_paulo).format(WRITTEN).unwrap_or_default()
}

/// What is written has no finer instants.
fn millis(instant: OffsetDateTime) -> OffsetDateTime {
    let fine = i64::from(instant.nanosecond() % 1_000_000);
    instant - time::Duration::nanoseconds(fine)
}
