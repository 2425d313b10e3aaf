//! Bodies of the shapes that C2S sends, each with an id and an instant of its own. The people in them are invented.

use serde_json::{Value, json};
use time::{OffsetDateTime, UtcOffset, format_description::well_known::Rfc3339, macros::format_description};
use uuid::Uuid;

/// A shape of C2S's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Sample {
    /// A new lead, plain (form A).
    #[value(alias = "created")]
    FormA,
    /// Three leads in an array (form B).
    #[value(alias = "form-b")]
    Batch,
    /// A new lead in an envelope `lead` (form C).
    FormC,
    /// A changed lead in an envelope `data` (form D).
    FormD,
    /// A changed lead, plain.
    Updated,
    /// A closed lead, plain.
    Closed,
}

/// The lead that a body is about, and when it changed.
#[derive(Debug, Clone)]
pub(crate) struct Subject {
    pub(crate) lead_id: String,
    pub(crate) changed: OffsetDateTime,
}

impl Subject {
    /// A lead that nobody has seen: `<prefix>-<uuid>`.
    pub(crate) fn new(prefix: &str, changed: OffsetDateTime) -> Self {
        Self { lead_id: format!("{prefix}-{}", Uuid::now_v7()), changed }
    }

    /// RFC 3339 in UTC, to the millisecond.
    pub(crate) fn instant(&self) -> String {
        let millis = self.changed.replace_millisecond(self.changed.millisecond()).unwrap_or(self.changed);
        millis.format(&Rfc3339).unwrap_or_default()
    }

    /// The same instant as C2S's own API writes it.
    fn brasilia(&self) -> String {
        let offset = UtcOffset::from_hms(-3, 0, 0).unwrap_or(UtcOffset::UTC);
        let format = format_description!(
            "[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:3][offset_hour sign:mandatory]:[offset_minute]"
        );
        self.changed.to_offset(offset).format(format).unwrap_or_default()
    }
}

impl Sample {
    /// The body.
    pub(crate) fn body(self, subject: &Subject) -> String {
        match self {
            Self::FormA => plain(subject, Some("lead.created"), "Joao Exemplo").to_string(),
            Self::Updated => plain(subject, Some("lead.updated"), "Joao Exemplo da Silva").to_string(),
            Self::Closed => plain(subject, Some("on_close_lead"), "Joao Exemplo").to_string(),
            Self::Batch => {
                let names = ["Maria Exemplo", "Carlos Exemplo", "Ana Exemplo"];
                let lead = |(number, name)| {
                    let lead_id = format!("{}-{number}", subject.lead_id);
                    plain(&Subject { lead_id, changed: subject.changed }, None, name)
                };
                Value::Array((1..).zip(names).map(lead).collect()).to_string()
            }
            Self::FormC => envelope_lead(subject).to_string(),
            Self::FormD => envelope_data(subject).to_string(),
        }
    }
}

/// Forms A and B.
fn plain(subject: &Subject, action: Option<&str>, name: &str) -> Value {
    let mut lead = json!({
        "id": subject.lead_id,
        "attributes": {
            "updated_at": subject.instant(),
            "customer": { "name": name, "email": "lead@example.com", "phone": "+5511987654321" },
            "product": { "description": "Apartamento 3 quartos", "prop_ref": "APT-001", "price": "R$ 500.000" },
            "lead_status": { "alias": "new", "name": "Novo Lead" },
            "log": [{ "created_at": subject.instant(), "description": "Lead criado" }],
            "messages": [{ "created_at": subject.instant(), "message": "Tenho interesse", "sender": "Customer" }],
        },
    });
    if let (Some(action), Value::Object(members)) = (action, &mut lead) {
        members.insert("hook_action".to_owned(), action.into());
    }
    lead
}

fn envelope_lead(subject: &Subject) -> Value {
    json!({
        "hook_action": "on_create_lead",
        "lead": {
            "id": subject.lead_id, "internal_id": 1_234_567,
            "attributes": {
                "description": "Veio do portal",
                "customer": {
                    "id": "c-1", "name": "Joao Exemplo", "email": "lead@example.com", "phone": "5511987654321", "phone2": "",
                },
                "seller": { "id": "s-1", "name": "Vendedor Um", "email": "v1@example.com" },
                "lead_source": { "id": 3, "name": "Portal" },
                "lead_status": { "id": 1, "alias": "new", "name": "Novo" },
                "product": { "id": "p-1", "description": "[101] Apartamento 3 quartos" },
                "created_at": subject.brasilia(), "updated_at": subject.brasilia(),
            },
        },
    })
}

fn envelope_data(subject: &Subject) -> Value {
    json!({
        "hook_action": "on_update_lead", "timestamp": subject.instant(),
        "data": {
            "type": "lead", "id": subject.lead_id,
            "attributes": { "updated_at": subject.brasilia(), "customer": { "name": "Joao Exemplo" } },
        },
    })
}

#[cfg(test)]
mod tests {
    use clap::ValueEnum as _;
    use time::macros::datetime;

    use super::*;

    #[test]
    fn every_sample_is_what_the_edge_understands() {
        let subject =
            Subject { lead_id: "lead-1".to_owned(), changed: datetime!(2026-01-20 10:00:00.123456 UTC) };
        for sample in Sample::value_variants() {
            let body = sample.body(&subject);
            let events = contract::c2s::split(&body).unwrap();
            assert_eq!(events.len(), if *sample == Sample::Batch { 3 } else { 1 }, "{sample:?}");
            for event in events {
                let event = event.unwrap();
                assert!(event.lead_id.starts_with("lead-1"), "{sample:?}");
                assert_eq!(event.updated_at, datetime!(2026-01-20 10:00:00.123 UTC), "{sample:?}");
            }
        }
    }
}
