//! The lead inside an event, read leniently: a field that is missing, null, empty or of an unexpected type is absent,
//! and never fails the event. The raw body is kept beside it.

use std::{borrow::Cow, collections::BTreeMap};

use serde_json::value::RawValue;
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
        let event = Object::parse(str::from_utf8(body).ok()?)?;
        let inner = ["lead", "data"].iter().find_map(|name| event.object(name));
        let lead = inner.unwrap_or(event);
        let attributes = lead.object("attributes").unwrap_or_default();
        let within = |name| attributes.object(name).unwrap_or_default();
        let (customer, seller, product) = (within("customer"), within("seller"), within("product"));
        let status = within("lead_status");
        Some(Self {
            internal_id: lead.text("internal_id"),
            description: attributes.text("description"),
            customer: Customer {
                name: customer.text("name"),
                email: customer.text("email"),
                phone: customer.text("phone"),
                phone2: customer.text("phone2"),
            },
            seller_name: seller.text("name"),
            seller_id: seller.text("id"),
            product_description: product.text("description"),
            product_ref: product.text("prop_ref"),
            price: product.text("price").or_else(|| product.text("price_float")),
            lead_source: within("lead_source").text("name"),
            status_alias: status.text("alias"),
            status_name: status.text("name"),
            created_at: attributes.text("created_at").and_then(|text| parse_instant(&text).ok()),
        })
    }
}

/// The members of a JSON object, each unread until asked for: what is wrong with one (half of a surrogate pair, a
/// number of any size) is no matter of the others. Proved by `a_member_that_means_nothing_harms_only_itself`.
#[derive(Default)]
pub(super) struct Object<'a>(BTreeMap<Cow<'a, str>, &'a RawValue>);

impl<'a> Object<'a> {
    pub(super) fn parse(json: &'a str) -> Option<Self> {
        serde_json::from_str(json).ok().map(Self)
    }

    pub(super) fn object(&self, name: &str) -> Option<Self> {
        self.0.get(name).and_then(|value| Self::parse(value.get()))
    }

    /// The objects of a list.
    pub(super) fn objects(&self, name: &str) -> Vec<Self> {
        let list =
            self.0.get(name).and_then(|value| serde_json::from_str::<Vec<&'a RawValue>>(value.get()).ok());
        list.unwrap_or_default().into_iter().filter_map(|value| Self::parse(value.get())).collect()
    }

    /// A text, or a number as it is written. PostgreSQL's text cannot hold NUL, so NULs are dropped.
    pub(super) fn text(&self, name: &str) -> Option<String> {
        let json = self.0.get(name)?.get();
        let text = match json.as_bytes().first()? {
            b'"' => serde_json::from_str::<String>(json).ok()?.replace('\0', ""),
            b'-' | b'0'..=b'9' => json.to_owned(),
            _ => return None,
        };
        (!text.trim().is_empty()).then_some(text)
    }
}
