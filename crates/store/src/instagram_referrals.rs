//! Ways by which users came to an Instagram conversation.

use contract::{EventId, instagram::payload::Referral};
use serde_json::Value;
use sqlx::PgConnection;
use time::OffsetDateTime;

use crate::{column, in_order};

/// What brought a user here, once.
#[derive(Debug, Clone, Copy)]
pub struct Referred<'a> {
    /// The account.
    pub account_id: &'a str,
    /// What tells it from others.
    pub referral_id: &'a str,
    /// The user of the conversation.
    pub participant_id: Option<&'a str>,
    /// Who came.
    pub sender_id: Option<&'a str>,
    /// The message that it came with.
    pub mid: Option<&'a str>,
    /// What it says.
    pub referral: &'a Referral,
    /// When, by Meta's clock.
    pub referred_at: OffsetDateTime,
    /// Ledger row of the event.
    pub event_id: EventId,
    /// When the edge received it.
    pub received_at: OffsetDateTime,
}

/// Adds referrals; one that is there already stays as it is.
///
/// # Errors
/// Those of the database.
pub async fn insert(connection: &mut PgConnection, referrals: &[Referred<'_>]) -> sqlx::Result<()> {
    let referrals = in_order(referrals, |new| (new.account_id, new.referral_id));
    sqlx::query!(
        "insert into instagram_referrals (account_id, referral_id, participant_id, sender_id, mid, source, type, ref,
            ad_id, details, referred_at, event_id, received_at)
        select account_id, referral_id, participant_id, sender_id, mid, source, type, ref, ad_id, details::jsonb,
            referred_at, event_id, received_at
        from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[],
            $9::text[], $10::text[], $11::timestamptz[], $12::uuid[], $13::timestamptz[])
        as new (account_id, referral_id, participant_id, sender_id, mid, source, type, ref, ad_id, details,
            referred_at, event_id, received_at)
        on conflict do nothing",
        &column(&referrals, |new| new.account_id) as _,
        &column(&referrals, |new| new.referral_id) as _,
        &column(&referrals, |new| new.participant_id) as _,
        &column(&referrals, |new| new.sender_id) as _,
        &column(&referrals, |new| new.mid) as _,
        &column(&referrals, |new| new.referral.source.as_deref()) as _,
        &column(&referrals, |new| new.referral.kind.as_deref()) as _,
        &column(&referrals, |new| new.referral.parameter.as_deref()) as _,
        &column(&referrals, |new| new.referral.ad_id.as_deref()) as _,
        &column(&referrals, |new| Value::to_string(&new.referral.details)) as _,
        &column(&referrals, |new| new.referred_at),
        &column(&referrals, |new| new.event_id.0),
        &column(&referrals, |new| new.received_at),
    )
    .execute(connection)
    .await?;
    Ok(())
}
