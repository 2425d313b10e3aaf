//! One event that may have effects, and the rows that it makes.

use consumer::Message;
use contract::{
    EventId,
    instagram::payload::{Comment, Fact, Payload, Reaction},
};
use store::{
    instagram_accounts::Handle,
    instagram_comments::Written,
    instagram_conversations::{Activity, What},
    instagram_mentions::Mention,
    instagram_messages::{Deleted, Edited, Parties, Sent},
    instagram_postbacks::Postback,
    instagram_reactions::Change,
    instagram_referrals::Referred,
    instagram_seen::Seen,
    webhook_events::Admitted,
};
use time::OffsetDateTime;

use crate::event::{Decoded, Understood};

/// One event that may have effects.
#[derive(Clone, Copy)]
pub(crate) struct Item<'a> {
    pub(crate) account_id: &'a str,
    understood: &'a Understood,
    pub(crate) payload: &'a Payload,
    sender_id: Option<&'a str>,
    participant_id: Option<&'a str>,
    /// By Meta's clock; where Meta does not say, when the edge received it.
    pub(crate) at: OffsetDateTime,
    pub(crate) event_id: EventId,
    pub(crate) received_at: OffsetDateTime,
}

impl<'a> Item<'a> {
    /// None for what must have no effect: a repeat, a press of the Test button, what we do not know.
    pub(crate) fn of(message: &'a Message, event: &'a Decoded, admitted: Admitted) -> Option<Self> {
        let (account_id, understood) = event.understood()?;
        let payload = &understood.payload;
        let received_at = message.envelope.time;
        Some(Self {
            account_id,
            understood,
            payload,
            sender_id: payload.sender_id.as_deref(),
            participant_id: payload.participant(account_id),
            at: payload.at.unwrap_or(received_at),
            event_id: admitted.ledger_id(message.envelope.id)?,
            received_at,
        })
    }

    fn is_own(&self) -> bool {
        self.sender_id == Some(self.account_id) || self.payload.is_echo()
    }

    fn parties(&self, mid: &'a str) -> Parties<'a> {
        Parties {
            account_id: self.account_id,
            mid,
            participant_id: self.participant_id,
            sender_id: self.sender_id,
            recipient_id: self.payload.recipient_id.as_deref(),
            is_echo: self.is_own(),
        }
    }

    pub(crate) fn sent(&self, message: &'a contract::instagram::payload::Message) -> Sent<'a> {
        Sent {
            // Of a message to oneself, only the copy is an echo.
            parties: Parties { is_echo: message.is_echo, ..self.parties(&message.mid) },
            sent_at: self.at,
            message,
            referral: self.payload.referral.as_ref().map(|referral| &referral.details),
            is_standby: self.understood.is_standby,
            event_id: self.event_id,
        }
    }

    pub(crate) fn edited(&self, mid: &'a str, num_edit: i32, text: Option<&'a str>) -> Edited<'a> {
        Edited { parties: self.parties(mid), num_edit, edited_at: self.at, text }
    }

    pub(crate) fn deleted(&self, mid: &'a str) -> Deleted<'a> {
        Deleted { parties: self.parties(mid), deleted_at: self.at }
    }

    pub(crate) fn reaction(&self, mid: &'a str, reaction: Option<&'a Reaction>) -> Option<Change<'a>> {
        Some(Change {
            account_id: self.account_id,
            mid,
            sender_id: self.sender_id?,
            participant_id: self.participant_id,
            reaction,
            at: self.at,
            event_id: self.event_id,
            received_at: self.received_at,
        })
    }

    pub(crate) fn seen(&self, mid: Option<&'a str>) -> Option<Seen<'a>> {
        Some(Seen {
            account_id: self.account_id,
            participant_id: self.participant_id?,
            reader_id: self.sender_id?,
            mid,
            seen_at: self.at,
            event_id: self.event_id,
            received_at: self.received_at,
        })
    }

    pub(crate) fn postback(&self, title: Option<&'a str>, payload: Option<&'a str>) -> Postback<'a> {
        Postback {
            account_id: self.account_id,
            postback_id: &self.understood.occurrence_id,
            mid: self.payload.mid(),
            participant_id: self.participant_id,
            sender_id: self.sender_id,
            title,
            payload,
            sent_at: self.at,
            event_id: self.event_id,
            received_at: self.received_at,
        }
    }

    pub(crate) fn referred(&self) -> Option<Referred<'a>> {
        Some(Referred {
            account_id: self.account_id,
            referral_id: &self.understood.occurrence_id,
            participant_id: self.participant_id,
            sender_id: self.sender_id,
            mid: self.payload.mid(),
            referral: self.payload.referral.as_ref()?,
            referred_at: self.at,
            event_id: self.event_id,
            received_at: self.received_at,
        })
    }

    pub(crate) fn comment(&self, comment: &'a Comment) -> Written<'a> {
        let Self { account_id, event_id, received_at, .. } = *self;
        Written { account_id, comment, event_id, received_at }
    }

    /// The account's handle, which its own comments tell.
    pub(crate) fn handle(&self, comment: &'a Comment) -> Option<Handle<'a>> {
        let username = comment.from_username.as_ref().filter(|_| comment.is_own(self.account_id))?;
        Some(Handle {
            account_id: self.account_id,
            username: username.to_lowercase(),
            seen_at: self.received_at,
        })
    }

    pub(crate) fn mention(&self, media_id: Option<&'a str>, comment_id: Option<&'a str>) -> Mention<'a> {
        let Self { account_id, event_id, received_at, .. } = *self;
        Mention { account_id, media_id, comment_id, event_id, received_at }
    }

    /// What it is to its conversation, if it happened in one.
    pub(crate) fn activity(&self) -> Option<Activity<'a>> {
        let what = match &self.payload.fact {
            Fact::Message(message) if self.is_own() => What::Outbound(&message.mid),
            Fact::Message(message) => What::Inbound(&message.mid),
            Fact::Postback { .. } if !self.is_own() => What::Tap,
            _ => What::Other,
        };
        let Self { account_id, participant_id, at, .. } = *self;
        Some(Activity { account_id, participant_id: participant_id?, at, what })
    }
}
