//! Conversations of an Instagram account with one user each.

use std::collections::BTreeMap;

use sqlx::PgConnection;
use time::OffsetDateTime;

use crate::column;

/// Something that happened in a conversation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Activity<'a> {
    /// The account.
    pub account_id: &'a str,
    /// The user.
    pub participant_id: &'a str,
    /// When.
    pub at: OffsetDateTime,
    /// What.
    pub what: What<'a>,
}

/// What happened, as far as a conversation shows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum What<'a> {
    /// The user wrote this message.
    Inbound(&'a str),
    /// The account wrote this message.
    Outbound(&'a str),
    /// The user pressed a button.
    Tap,
    /// Anything else.
    Other,
}

/// A conversation as a batch leaves it; absent is older than anything.
#[derive(Debug, Clone, Copy)]
struct Row<'a> {
    first: OffsetDateTime,
    last: OffsetDateTime,
    inbound: Option<OffsetDateTime>,
    outbound: Option<OffsetDateTime>,
    message: Option<(OffsetDateTime, &'a str)>,
}

impl<'a> Row<'a> {
    fn of(activity: &Activity<'a>) -> Self {
        let at = activity.at;
        let (inbound, outbound, mid) = match activity.what {
            What::Inbound(mid) => (Some(at), None, Some(mid)),
            What::Outbound(mid) => (None, Some(at), Some(mid)),
            What::Tap => (Some(at), None, None),
            What::Other => (None, None, None),
        };
        Self { first: at, last: at, inbound, outbound, message: mid.map(|mid| (at, mid)) }
    }

    fn and(self, other: Self) -> Self {
        Self {
            first: self.first.min(other.first),
            last: self.last.max(other.last),
            inbound: self.inbound.max(other.inbound),
            outbound: self.outbound.max(other.outbound),
            message: self.message.max(other.message),
        }
    }
}

/// Moves each conversation forward, never back: late activity changes only when it began. Proved by
/// `any_order_of_events_about_a_message_leads_to_the_same_rows`.
///
/// # Errors
/// Those of the database.
pub async fn move_on(connection: &mut PgConnection, activities: &[Activity<'_>]) -> sqlx::Result<()> {
    let mut rows: BTreeMap<(&str, &str), Row<'_>> = BTreeMap::new();
    for activity in activities {
        let row = Row::of(activity);
        rows.entry((activity.account_id, activity.participant_id))
            .and_modify(|kept| *kept = kept.and(row))
            .or_insert(row);
    }
    let rows: Vec<_> = rows.into_iter().collect();
    sqlx::query!(
        "insert into instagram_conversations as kept (account_id, participant_id, first_activity_at, last_activity_at,
            last_inbound_at, last_outbound_at, last_message_at, last_message_mid)
        select * from unnest($1::text[], $2::text[], $3::timestamptz[], $4::timestamptz[], $5::timestamptz[],
            $6::timestamptz[], $7::timestamptz[], $8::text[])
        on conflict on constraint instagram_conversations_pkey do update set
            first_activity_at = least(kept.first_activity_at, excluded.first_activity_at),
            last_activity_at = greatest(kept.last_activity_at, excluded.last_activity_at),
            last_inbound_at = greatest(kept.last_inbound_at, excluded.last_inbound_at),
            last_outbound_at = greatest(kept.last_outbound_at, excluded.last_outbound_at),
            last_message_at = greatest(kept.last_message_at, excluded.last_message_at),
            last_message_mid = case
                when kept.last_message_at is null
                    or (kept.last_message_at, kept.last_message_mid)
                        < (excluded.last_message_at, excluded.last_message_mid)
                then excluded.last_message_mid else kept.last_message_mid end",
        &column(&rows, |((account_id, _), _)| *account_id) as _,
        &column(&rows, |((_, participant_id), _)| *participant_id) as _,
        &column(&rows, |(_, row)| row.first),
        &column(&rows, |(_, row)| row.last),
        &column(&rows, |(_, row)| row.inbound) as _,
        &column(&rows, |(_, row)| row.outbound) as _,
        &column(&rows, |(_, row)| row.message.map(|(at, _)| at)) as _,
        &column(&rows, |(_, row)| row.message.map(|(_, mid)| mid)) as _,
    )
    .execute(connection)
    .await?;
    Ok(())
}
