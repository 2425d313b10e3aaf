//! Meta's names of what can be subscribed to, and the names that the older systems used for the same.

/// One of Meta's webhook fields of the object `instagram`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Field {
    /// Comments on media; with Instagram Login also mentions.
    Comments,
    /// Comments during a live broadcast.
    LiveComments,
    /// Mentions in captions and comments (Facebook Login only).
    Mentions,
    /// Messages that the account receives.
    Messages,
    /// Messages that the account sends.
    MessageEchoes,
    /// Edits of messages.
    MessageEdit,
    /// Reactions to messages.
    MessageReactions,
    /// Conversations that move between apps.
    MessagingHandover,
    /// Opt-ins to recurring messages.
    MessagingOptins,
    /// Warnings and blocks by Meta.
    MessagingPolicyEnforcement,
    /// Buttons pressed.
    MessagingPostbacks,
    /// Conversations begun by a link or an advertisement.
    MessagingReferral,
    /// Messages read.
    MessagingSeen,
    /// Feedback to automatic answers.
    ResponseFeedback,
    /// Messages of a conversation that another app has.
    Standby,
    /// Numbers of a story that has ended (Facebook Login only).
    StoryInsights,
}

impl Field {
    /// Every field.
    pub const ALL: [Self; 16] = [
        Self::Comments,
        Self::LiveComments,
        Self::Mentions,
        Self::Messages,
        Self::MessageEchoes,
        Self::MessageEdit,
        Self::MessageReactions,
        Self::MessagingHandover,
        Self::MessagingOptins,
        Self::MessagingPolicyEnforcement,
        Self::MessagingPostbacks,
        Self::MessagingReferral,
        Self::MessagingSeen,
        Self::ResponseFeedback,
        Self::Standby,
        Self::StoryInsights,
    ];

    /// Meta's word, the one to send to Meta.
    pub const fn meta(self) -> &'static str {
        match self {
            Self::Comments => "comments",
            Self::LiveComments => "live_comments",
            Self::Mentions => "mentions",
            Self::Messages => "messages",
            Self::MessageEchoes => "message_echoes",
            Self::MessageEdit => "message_edit",
            Self::MessageReactions => "message_reactions",
            Self::MessagingHandover => "messaging_handover",
            Self::MessagingOptins => "messaging_optins",
            Self::MessagingPolicyEnforcement => "messaging_policy_enforcement",
            Self::MessagingPostbacks => "messaging_postbacks",
            Self::MessagingReferral => "messaging_referral",
            Self::MessagingSeen => "messaging_seen",
            Self::ResponseFeedback => "response_feedback",
            Self::Standby => "standby",
            Self::StoryInsights => "story_insights",
        }
    }

    /// The older systems' word, which is also the event type; where they had none, Meta's.
    pub const fn seed(self) -> &'static str {
        match self {
            Self::MessagingPostbacks => "message_postbacks",
            Self::MessagingReferral => "message_referrals",
            Self::MessagingSeen => "message_seen",
            other => other.meta(),
        }
    }

    /// The field that either word names. Proved by `either_word_names_the_field`.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|field| field.meta() == word || field.seed() == word)
    }

    /// Whether its events are items of `messaging[]`, so that only a press of the Test button brings them as a change.
    pub(super) const fn is_messaging(self) -> bool {
        !matches!(self, Self::Comments | Self::LiveComments | Self::Mentions | Self::StoryInsights)
    }
}

#[cfg(test)]
mod tests {
    use super::Field;

    #[test]
    fn either_word_names_the_field() {
        for field in Field::ALL {
            assert_eq!(Field::from_word(field.meta()), Some(field));
            assert_eq!(Field::from_word(field.seed()), Some(field));
        }
        for (seed, meta) in [
            ("message_postbacks", "messaging_postbacks"),
            ("message_referrals", "messaging_referral"),
            ("message_seen", "messaging_seen"),
            ("comments", "comments"),
        ] {
            assert_eq!(Field::from_word(seed).unwrap().meta(), meta);
            assert_eq!(Field::from_word(meta).unwrap().seed(), seed);
        }
        assert_eq!(Field::from_word("feed"), None);
    }
}
