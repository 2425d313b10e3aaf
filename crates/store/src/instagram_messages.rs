//! Instagram's direct messages. A row is made of parts (the message itself, its newest edit, its deletion) that arrive in
//! any order; each is written by a function of its own, into columns of its own, and only over an older one.

use std::{cmp::Reverse, collections::BTreeMap};

use contract::{EventId, instagram::payload::Message};
use serde_json::Value;
use sqlx::PgConnection;
use time::OffsetDateTime;

use crate::{column, newest_of_each};

/// Between whom a message went, as one of its events says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Parties<'a> {
    /// The account.
    pub account_id: &'a str,
    /// The message.
    pub mid: &'a str,
    /// The user of the conversation.
    pub participant_id: Option<&'a str>,
    /// Who wrote it.
    pub sender_id: Option<&'a str>,
    /// To whom.
    pub recipient_id: Option<&'a str>,
    /// Written by the account.
    pub is_echo: bool,
}

/// The message itself.
#[derive(Debug, Clone, Copy)]
pub struct Sent<'a> {
    /// Between whom.
    pub parties: Parties<'a>,
    /// When, by Meta's clock.
    pub sent_at: OffsetDateTime,
    /// What it says.
    pub message: &'a Message,
    /// The referral that it carries.
    pub referral: Option<&'a Value>,
    /// Came while another app was in control of the conversation.
    pub is_standby: bool,
    /// Ledger row of the event.
    pub event_id: EventId,
}

/// An edit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Edited<'a> {
    /// Between whom.
    pub parties: Parties<'a>,
    /// Which edit of the message it is.
    pub num_edit: i32,
    /// When.
    pub edited_at: OffsetDateTime,
    /// What the message says since then; an edit that does not say it changes nothing.
    pub text: Option<&'a str>,
}

/// A deletion.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Deleted<'a> {
    /// Between whom.
    pub parties: Parties<'a>,
    /// When.
    pub deleted_at: OffsetDateTime,
}

impl<'a> Parties<'a> {
    fn key(&self) -> (&'a str, &'a str) {
        (self.account_id, self.mid)
    }
}

/// Stores messages as they were sent; edits and deletions that came before stay.
///
/// # Errors
/// Those of the database.
pub async fn send(connection: &mut PgConnection, sent: &[Sent<'_>]) -> sqlx::Result<()> {
    // Of a message that an account sent to itself there are two: as it was received, and its echo.
    let sent = newest_of_each(
        sent,
        |sent| sent.parties.key(),
        |sent| (sent.sent_at, !sent.parties.is_echo, sent.event_id),
    );
    sqlx::query!(
        "insert into instagram_messages as kept (account_id, mid, participant_id, sender_id, recipient_id, is_echo,
            is_self, is_unsupported, is_standby, app_id, sent_at, original_text, attachments, quick_reply_payload,
            reply_to_mid, reply_to_story_id, reply_to_story_url, referral, event_id)
        select account_id, mid, participant_id, sender_id, recipient_id, is_echo, is_self, is_unsupported, is_standby,
            app_id, sent_at, original_text, attachments::jsonb, quick_reply_payload, reply_to_mid, reply_to_story_id,
            reply_to_story_url, referral::jsonb, event_id
        from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::boolean[], $7::boolean[],
            $8::boolean[], $9::boolean[], $10::text[], $11::timestamptz[], $12::text[], $13::text[], $14::text[],
            $15::text[], $16::text[], $17::text[], $18::text[], $19::uuid[])
        as new (account_id, mid, participant_id, sender_id, recipient_id, is_echo, is_self, is_unsupported, is_standby,
            app_id, sent_at, original_text, attachments, quick_reply_payload, reply_to_mid, reply_to_story_id,
            reply_to_story_url, referral, event_id)
        on conflict on constraint instagram_messages_pkey do update set
            participant_id = excluded.participant_id,
            sender_id = excluded.sender_id,
            recipient_id = excluded.recipient_id,
            is_echo = excluded.is_echo,
            is_self = excluded.is_self,
            is_unsupported = excluded.is_unsupported,
            is_standby = excluded.is_standby,
            app_id = excluded.app_id,
            sent_at = excluded.sent_at,
            original_text = excluded.original_text,
            attachments = excluded.attachments,
            quick_reply_payload = excluded.quick_reply_payload,
            reply_to_mid = excluded.reply_to_mid,
            reply_to_story_id = excluded.reply_to_story_id,
            reply_to_story_url = excluded.reply_to_story_url,
            referral = excluded.referral,
            event_id = excluded.event_id
        where kept.event_id is null
            or (kept.sent_at, not kept.is_echo, kept.event_id)
                < (excluded.sent_at, not excluded.is_echo, excluded.event_id)",
        &column(&sent, |new| new.parties.account_id) as _,
        &column(&sent, |new| new.parties.mid) as _,
        &column(&sent, |new| new.parties.participant_id) as _,
        &column(&sent, |new| new.parties.sender_id) as _,
        &column(&sent, |new| new.parties.recipient_id) as _,
        &column(&sent, |new| new.parties.is_echo),
        &column(&sent, |new| new.message.is_self),
        &column(&sent, |new| new.message.is_unsupported),
        &column(&sent, |new| new.is_standby),
        &column(&sent, |new| new.message.app_id.as_deref()) as _,
        &column(&sent, |new| new.sent_at),
        &column(&sent, |new| new.message.text.as_deref()) as _,
        &column(&sent, |new| new.message.attachments.as_ref().map(Value::to_string)) as _,
        &column(&sent, |new| new.message.quick_reply_payload.as_deref()) as _,
        &column(&sent, |new| new.message.reply_to_mid.as_deref()) as _,
        &column(&sent, |new| new.message.reply_to_story_id.as_deref()) as _,
        &column(&sent, |new| new.message.reply_to_story_url.as_deref()) as _,
        &column(&sent, |new| new.referral.map(Value::to_string)) as _,
        &column(&sent, |new| new.event_id.0),
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Applies edits, to messages that are still to come too; the edit with the highest number stays.
///
/// # Errors
/// Those of the database.
pub async fn edit(connection: &mut PgConnection, edits: &[Edited<'_>]) -> sqlx::Result<()> {
    expect(connection, edits.iter().map(|edit| edit.parties)).await?;
    let with_text: Vec<_> = edits.iter().filter(|edit| edit.text.is_some()).copied().collect();
    let edits = newest_of_each(
        &with_text,
        |edit| edit.parties.key(),
        |edit| (edit.num_edit, edit.edited_at, edit.text),
    );
    sqlx::query!(
        r#"update instagram_messages kept
        set num_edit = new.num_edit, edited_at = new.edited_at, edited_text = new.edited_text
        from unnest($1::text[], $2::text[], $3::integer[], $4::timestamptz[], $5::text[])
            as new (account_id, mid, num_edit, edited_at, edited_text)
        where kept.account_id = new.account_id and kept.mid = new.mid
            and (kept.num_edit is null
                or (kept.num_edit, kept.edited_at, kept.edited_text collate "C")
                    < (new.num_edit, new.edited_at, new.edited_text collate "C"))"#,
        &column(&edits, |new| new.parties.account_id) as _,
        &column(&edits, |new| new.parties.mid) as _,
        &column(&edits, |new| new.num_edit),
        &column(&edits, |new| new.edited_at),
        &column(&edits, |new| new.text) as _,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Marks messages as deleted, those that are still to come too; of several times the first stays.
///
/// # Errors
/// Those of the database.
pub async fn delete(connection: &mut PgConnection, deleted: &[Deleted<'_>]) -> sqlx::Result<()> {
    expect(connection, deleted.iter().map(|deleted| deleted.parties)).await?;
    let first =
        newest_of_each(deleted, |deleted| deleted.parties.key(), |deleted| Reverse(deleted.deleted_at));
    sqlx::query!(
        "update instagram_messages kept
        set deleted_at = new.deleted_at
        from unnest($1::text[], $2::text[], $3::timestamptz[]) as new (account_id, mid, deleted_at)
        where kept.account_id = new.account_id and kept.mid = new.mid
            and (kept.deleted_at is null or new.deleted_at < kept.deleted_at)",
        &column(&first, |new| new.parties.account_id) as _,
        &column(&first, |new| new.parties.mid) as _,
        &column(&first, |new| new.deleted_at),
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Makes rows for messages of which only other events are known. What those say of its parties holds until the message
/// itself is there; where two of them differ, the lesser id holds, so that their order does not matter.
async fn expect<'a>(
    connection: &mut PgConnection,
    parties: impl Iterator<Item = Parties<'a>>,
) -> sqlx::Result<()> {
    let mut by_key: BTreeMap<_, Parties<'a>> = BTreeMap::new();
    for new in parties {
        by_key.entry(new.key()).and_modify(|kept| *kept = kept.and(new)).or_insert(new);
    }
    let parties: Vec<_> = by_key.into_values().collect();
    sqlx::query!(
        "insert into instagram_messages as kept (account_id, mid, participant_id, sender_id, recipient_id, is_echo)
        select * from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::boolean[])
        on conflict on constraint instagram_messages_pkey do update set
            participant_id = least(kept.participant_id, excluded.participant_id),
            sender_id = least(kept.sender_id, excluded.sender_id),
            recipient_id = least(kept.recipient_id, excluded.recipient_id),
            is_echo = kept.is_echo or excluded.is_echo
        where kept.event_id is null",
        &column(&parties, |new| new.account_id) as _,
        &column(&parties, |new| new.mid) as _,
        &column(&parties, |new| new.participant_id) as _,
        &column(&parties, |new| new.sender_id) as _,
        &column(&parties, |new| new.recipient_id) as _,
        &column(&parties, |new| new.is_echo),
    )
    .execute(connection)
    .await?;
    Ok(())
}

impl Parties<'_> {
    fn and(self, other: Self) -> Self {
        let least = |one: Option<_>, other: Option<_>| one.into_iter().chain(other).min();
        Self {
            participant_id: least(self.participant_id, other.participant_id),
            sender_id: least(self.sender_id, other.sender_id),
            recipient_id: least(self.recipient_id, other.recipient_id),
            is_echo: self.is_echo || other.is_echo,
            ..self
        }
    }
}
