//! The lead inside an event, read leniently: a field that is missing, null, empty or of an unexpected type is absent,
//! and never fails the event. The raw body is kept beside it.

use serde_json::Value;
use time::OffsetDateTime;

use super::parse_instant;

/// What we keep of a lead in columns of its own.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Lead {
    /// C2S's numeric id, beside the opaque one.
    pub internal_id: Option<String>,
    /// How the lead came in, in words.
    pub description: Option<String>,
    /// Who is interested.
    pub customer: Customer,
    /// Who sells.
    pub seller_name: Option<String>,
    /// Seller's id.
    pub seller_id: Option<String>,
    /// What is sold.
    pub product_description: Option<String>,
    /// C2S's reference of the product.
    pub product_ref: Option<String>,
    /// Price as C2S writes it (`R$ 500.000`, or a number).
    pub price: Option<String>,
    /// Portal or channel that the lead came from.
    pub lead_source: Option<String>,
    /// `new`, `lost`, … in the account's own words.
    pub status_alias: Option<String>,
    /// The status for people.
    pub status_name: Option<String>,
    /// When C2S created the lead.
    pub created_at: Option<OffsetDateTime>,
}

/// The person behind a lead.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Customer {
    /// Full name.
    pub name: Option<String>,
    /// E-mail address as received.
    pub email: Option<String>,
    /// Phone as received.
    pub phone: Option<String>,
    /// Second phone as received.
    pub phone2: Option<String>,
}

impl Lead {
    /// Reads the lead out of an event's body, whichever of the forms A, C and D it has. `None` if it is no JSON object.
    pub fn parse(body: &[u8]) -> Option<Self> {
        let event: Value = serde_json::from_slice(body).ok()?;
        let lead = ["lead", "data"]
            .iter()
            .filter_map(|key| event.get(key))
            .find(|v| v.is_object())
            .unwrap_or(&event);
        let attributes =
            lead.get("attributes").filter(|attributes| attributes.is_object()).unwrap_or(&Value::Null);
        lead.is_object().then(|| Self {
            internal_id: text(lead, "/internal_id"),
            description: text(attributes, "/description"),
            customer: Customer {
                name: text(attributes, "/customer/name"),
                email: text(attributes, "/customer/email"),
                phone: text(attributes, "/customer/phone"),
                phone2: text(attributes, "/customer/phone2"),
            },
            seller_name: text(attributes, "/seller/name"),
            seller_id: text(attributes, "/seller/id"),
            product_description: text(attributes, "/product/description"),
            product_ref: text(attributes, "/product/prop_ref"),
            price: text(attributes, "/product/price").or_else(|| text(attributes, "/product/price_float")),
            lead_source: text(attributes, "/lead_source/name"),
            status_alias: text(attributes, "/lead_status/alias"),
            status_name: text(attributes, "/lead_status/name"),
            created_at: text(attributes, "/created_at").and_then(|text| parse_instant(&text).ok()),
        })
    }
}

/// The text at `pointer`. PostgreSQL text cannot hold NUL, so NULs are dropped.
fn text(value: &Value, pointer: &str) -> Option<String> {
    let text = match value.pointer(pointer)? {
        Value::String(text) => text.replace('\0', ""),
        Value::Number(number) => number.to_string(),
        _ => return None,
    };
    (!text.trim().is_empty()).then_some(text)
}
