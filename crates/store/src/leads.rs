//! Contact2Sale leads, each as its newest event describes it.

mod erase;

use std::collections::BTreeMap;

use contract::{EventId, c2s::Lead};
use sqlx::PgConnection;
use time::OffsetDateTime;

use crate::{column, text::storable};

pub use erase::{contacts, count, erase, is_of_others, naming};

/// A lead as one event describes it.
#[derive(Debug, Clone, Copy)]
pub struct Snapshot<'a> {
    /// C2S's id of the lead.
    pub lead_id: &'a str,
    /// When C2S changed it.
    pub updated_at: OffsetDateTime,
    /// What it says.
    pub lead: &'a Lead,
    /// Ledger row of the event.
    pub event_id: EventId,
    /// When the edge received the event.
    pub received_at: OffsetDateTime,
}

/// Stores each lead as the newest of its events describes it, whole: what that event does not say is not kept from an
/// older one, so the result is the same in whatever order events arrive.
///
/// An older event never overwrites a newer one, and of two with the same instant the first one stays. Proved by
/// `a_lead_is_what_its_newest_event_says_in_any_order`.
///
/// # Errors
/// Those of the database.
pub async fn upsert(connection: &mut PgConnection, snapshots: &[Snapshot<'_>]) -> sqlx::Result<()> {
    let newest = newest_of_each(snapshots);
    sqlx::query!(
        "insert into leads (lead_id, internal_id, description, customer_name, customer_email, customer_phone,
            customer_phone2, seller_id, seller_name, product_description, product_ref, price, lead_source,
            status_alias, status_name, created_at, updated_at, last_event_id, first_seen_at, last_seen_at)
        select lead_id, internal_id, description, customer_name, customer_email, customer_phone,
            customer_phone2, seller_id, seller_name, product_description, product_ref, price, lead_source,
            status_alias, status_name, created_at, updated_at, last_event_id, seen_at, seen_at
        from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[],
            $9::text[], $10::text[], $11::text[], $12::text[], $13::text[], $14::text[], $15::text[],
            $16::timestamptz[], $17::timestamptz[], $18::uuid[], $19::timestamptz[])
        as new (lead_id, internal_id, description, customer_name, customer_email, customer_phone, customer_phone2,
            seller_id, seller_name, product_description, product_ref, price, lead_source, status_alias, status_name,
            created_at, updated_at, last_event_id, seen_at)
        on conflict on constraint leads_pkey do update set
            internal_id = excluded.internal_id,
            description = excluded.description,
            customer_name = excluded.customer_name,
            customer_email = excluded.customer_email,
            customer_phone = excluded.customer_phone,
            customer_phone2 = excluded.customer_phone2,
            seller_id = excluded.seller_id,
            seller_name = excluded.seller_name,
            product_description = excluded.product_description,
            product_ref = excluded.product_ref,
            price = excluded.price,
            lead_source = excluded.lead_source,
            status_alias = excluded.status_alias,
            status_name = excluded.status_name,
            created_at = excluded.created_at,
            updated_at = excluded.updated_at,
            last_event_id = excluded.last_event_id,
            last_seen_at = excluded.last_seen_at
        where leads.updated_at < excluded.updated_at",
        &column(&newest, |new| storable(new.lead_id)) as _,
        &column(&newest, |new| new.lead.internal_id.as_deref()) as _,
        &column(&newest, |new| new.lead.description.as_deref()) as _,
        &column(&newest, |new| new.lead.customer.name.as_deref()) as _,
        &column(&newest, |new| new.lead.customer.email.as_deref()) as _,
        &column(&newest, |new| new.lead.customer.phone.as_deref()) as _,
        &column(&newest, |new| new.lead.customer.phone2.as_deref()) as _,
        &column(&newest, |new| new.lead.seller_id.as_deref()) as _,
        &column(&newest, |new| new.lead.seller_name.as_deref()) as _,
        &column(&newest, |new| new.lead.product_description.as_deref()) as _,
        &column(&newest, |new| new.lead.product_ref.as_deref()) as _,
        &column(&newest, |new| new.lead.price.as_deref()) as _,
        &column(&newest, |new| new.lead.lead_source.as_deref()) as _,
        &column(&newest, |new| new.lead.status_alias.as_deref()) as _,
        &column(&newest, |new| new.lead.status_name.as_deref()) as _,
        &column(&newest, |new| new.lead.created_at) as _,
        &column(&newest, |new| new.updated_at),
        &column(&newest, |new| new.event_id.0),
        &column(&newest, |new| new.received_at),
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// One snapshot per lead: one statement must not touch a row twice. In the order of lead ids, so that two transactions
/// with the same leads wait for each other instead of deadlocking.
fn newest_of_each<'a>(snapshots: &[Snapshot<'a>]) -> Vec<Snapshot<'a>> {
    let mut newest = BTreeMap::new();
    for snapshot in snapshots {
        newest
            .entry(storable(snapshot.lead_id))
            .and_modify(|kept: &mut Snapshot<'a>| {
                if kept.updated_at < snapshot.updated_at {
                    *kept = *snapshot;
                }
            })
            .or_insert(*snapshot);
    }
    newest.into_values().collect()
}
