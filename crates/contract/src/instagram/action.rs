//! What happened, in our words, and the way by which Meta said it.

use super::Field;

/// What happened at an Instagram account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Action {
    /// Somebody wrote to the account.
    MessageReceived,
    /// The account wrote.
    MessageEcho,
    /// A message was taken back.
    MessageDeleted,
    /// A message was changed.
    MessageEdited,
    /// Somebody reacted to a message, or took the reaction back.
    Reaction,
    /// A button was pressed.
    Postback,
    /// A conversation began with a link or an advertisement.
    Referral,
    /// A message was read.
    Seen,
    /// A comment on media.
    Comment,
    /// A comment during a live broadcast.
    LiveComment,
    /// The account was mentioned.
    Mention,
    /// The numbers of a story.
    StoryInsights,
    /// A conversation moves between apps.
    Handover,
    /// Anything else: stored like the rest.
    Other,
}

impl Action {
    /// The last token of the subject: the older systems' event type.
    pub const fn token(self) -> &'static str {
        match self {
            Self::MessageReceived | Self::MessageEcho | Self::MessageDeleted | Self::MessageEdited => {
                Field::Messages.seed()
            }
            Self::Reaction => Field::MessageReactions.seed(),
            Self::Postback => Field::MessagingPostbacks.seed(),
            Self::Referral => Field::MessagingReferral.seed(),
            Self::Seen => Field::MessagingSeen.seed(),
            Self::Comment => Field::Comments.seed(),
            Self::LiveComment => Field::LiveComments.seed(),
            Self::Mention => Field::Mentions.seed(),
            Self::StoryInsights => Field::StoryInsights.seed(),
            Self::Handover | Self::Other => "other",
        }
    }

    /// The event type, as `ce-type` carries it.
    pub const fn event_type(self) -> &'static str {
        match self {
            Self::MessageReceived => "instagram.message.received",
            Self::MessageEcho => "instagram.message.echo",
            Self::MessageDeleted => "instagram.message.deleted",
            Self::MessageEdited => "instagram.message.edited",
            Self::Reaction => "instagram.reaction",
            Self::Postback => "instagram.postback",
            Self::Referral => "instagram.referral",
            Self::Seen => "instagram.seen",
            Self::Comment => "instagram.comment",
            Self::LiveComment => "instagram.live_comment",
            Self::Mention => "instagram.mention",
            Self::StoryInsights => "instagram.story_insights",
            Self::Handover => "instagram.handover",
            Self::Other => "instagram.other",
        }
    }

    /// The action that an event type names; unknown types are [`Self::Other`].
    pub fn from_event_type(event_type: &str) -> Self {
        const ALL: [Action; 13] = [
            Action::MessageReceived,
            Action::MessageEcho,
            Action::MessageDeleted,
            Action::MessageEdited,
            Action::Reaction,
            Action::Postback,
            Action::Referral,
            Action::Seen,
            Action::Comment,
            Action::LiveComment,
            Action::Mention,
            Action::StoryInsights,
            Action::Handover,
        ];
        ALL.into_iter().find(|action| action.event_type() == event_type).unwrap_or(Self::Other)
    }

    /// What a field says before its value is looked at.
    pub(super) const fn of_field(field: Field) -> Self {
        match field {
            Field::Comments => Self::Comment,
            Field::LiveComments => Self::LiveComment,
            Field::Mentions => Self::Mention,
            Field::StoryInsights => Self::StoryInsights,
            Field::Messages => Self::MessageReceived,
            Field::MessageEchoes => Self::MessageEcho,
            Field::MessageEdit => Self::MessageEdited,
            Field::MessageReactions => Self::Reaction,
            Field::MessagingPostbacks => Self::Postback,
            Field::MessagingReferral => Self::Referral,
            Field::MessagingSeen => Self::Seen,
            Field::MessagingHandover => Self::Handover,
            Field::MessagingOptins
            | Field::MessagingPolicyEnforcement
            | Field::ResponseFeedback
            | Field::Standby => Self::Other,
        }
    }
}

/// Where in a delivery an event stood, which says what its body is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Channel {
    /// An element of `changes[]`: `{"field":…,"value":…}`.
    Changes,
    /// An element of `messaging[]`.
    Messaging,
    /// An element of `standby[]`: as in `messaging[]`, of a conversation that another app has.
    Standby,
    /// A whole entry that has `field` and `value` itself.
    Flat,
    /// A whole entry of no shape that we know.
    Entry,
    /// A whole delivery without entries.
    Delivery,
}

impl Channel {
    /// The word for it, in the extension `kind`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Changes => "changes",
            Self::Messaging => "messaging",
            Self::Standby => "standby",
            Self::Flat => "flat",
            Self::Entry => "entry",
            Self::Delivery => "delivery",
        }
    }

    /// The channel that a word names.
    pub fn from_word(word: &str) -> Option<Self> {
        [Self::Changes, Self::Messaging, Self::Standby, Self::Flat, Self::Entry, Self::Delivery]
            .into_iter()
            .find(|channel| channel.as_str() == word)
    }
}

#[cfg(test)]
mod tests {
    use super::{Action, Field};

    #[test]
    fn every_event_type_names_its_action() {
        for field in Field::ALL {
            let action = Action::of_field(field);
            assert_eq!(Action::from_event_type(action.event_type()), action);
        }
        assert_eq!(Action::from_event_type("instagram.message.deleted"), Action::MessageDeleted);
        assert_eq!(Action::from_event_type("instagram.teleport"), Action::Other);
    }

    #[test]
    fn the_subject_has_the_older_systems_event_type() {
        for (action, token) in [
            (Action::MessageEdited, "messages"),
            (Action::MessageEcho, "messages"),
            (Action::Postback, "message_postbacks"),
            (Action::Seen, "message_seen"),
            (Action::Handover, "other"),
        ] {
            assert_eq!(action.token(), token);
        }
    }
}
