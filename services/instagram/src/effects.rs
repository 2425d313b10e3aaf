//! What the events of a batch do to the tables, collected by table so that each is one statement.

use consumer::{Message, Received};
use contract::instagram::payload::Fact;
use sqlx::PgConnection;
use store::{
    instagram_accounts::{self, Handle, Sign},
    instagram_comments::{self, Written},
    instagram_conversations::{self, Activity},
    instagram_mentions::{self, Mention},
    instagram_messages::{self, Deleted, Edited, Sent},
    instagram_postbacks::{self, Postback},
    instagram_reactions::{self, Change},
    instagram_referrals::{self, Referred},
    instagram_seen::{self, Seen},
    instagram_story_insights::{self, Counted},
    webhook_events::Admitted,
};

use crate::{event::Decoded, item::Item};

/// Rows to be written, by table.
#[derive(Default)]
pub(crate) struct Effects<'a> {
    signs: Vec<Sign<'a>>,
    handles: Vec<Handle<'a>>,
    conversations: Vec<Activity<'a>>,
    sent: Vec<Sent<'a>>,
    edits: Vec<Edited<'a>>,
    deletions: Vec<Deleted<'a>>,
    reactions: Vec<Change<'a>>,
    seen: Vec<Seen<'a>>,
    comments: Vec<Written<'a>>,
    mentions: Vec<Mention<'a>>,
    postbacks: Vec<Postback<'a>>,
    referrals: Vec<Referred<'a>>,
    insights: Vec<Counted<'a>>,
}

impl<'a> Effects<'a> {
    /// The effects of a batch: of every event the sign of life, and of those that are admitted the rest.
    pub(crate) fn of(received: &'a [Received<Decoded>], admitted: &[Admitted]) -> Self {
        let mut effects = Self::default();
        for (Received { message, event }, admitted) in received.iter().zip(admitted) {
            effects.sign(message, event);
            if let Some(item) = Item::of(message, event, *admitted) {
                effects.add(item);
            }
        }
        effects
    }

    /// A repeat shows that Meta is alive; a replay is our own doing.
    fn sign(&mut self, message: &'a Message, event: &'a Decoded) {
        if let (Some(account_id), None) = (event.account(), message.envelope.replayed_from) {
            let webhook_at = message.envelope.time;
            self.signs.push(Sign { account_id, webhook_at, event_at: event.event_at() });
        }
    }

    fn add(&mut self, item: Item<'a>) {
        match &item.payload.fact {
            Fact::Message(message) => self.sent.push(item.sent(message)),
            Fact::Edit { mid, text, num_edit } => {
                self.edits.push(item.edited(mid, *num_edit, text.as_deref()));
            }
            Fact::Deletion { mid, .. } => self.deletions.push(item.deleted(mid)),
            Fact::Reaction { mid, reaction } => self.reactions.extend(item.reaction(mid, reaction.as_ref())),
            Fact::Seen { mid } => self.seen.extend(item.seen(mid.as_deref())),
            Fact::Postback { title, payload, .. } => {
                self.postbacks.push(item.postback(title.as_deref(), payload.as_deref()));
            }
            Fact::Comment(comment) => {
                self.handles.extend(item.handle(comment));
                self.comments.push(item.comment(comment));
            }
            Fact::Mention { media_id, comment_id } => {
                self.mentions.push(item.mention(media_id.as_deref(), comment_id.as_deref()));
            }
            Fact::StoryInsights(insights) => {
                let Item { account_id, event_id, received_at, .. } = item;
                self.insights.push(Counted { account_id, insights, event_id, received_at });
            }
            Fact::Referral => {}
        }
        self.referrals.extend(item.referred());
        self.conversations.extend(item.activity());
    }

    /// Writes them. The accounts come first: their rows are the locks for all the others.
    pub(crate) async fn write(&self, connection: &mut PgConnection) -> sqlx::Result<()> {
        if !self.signs.is_empty() {
            instagram_accounts::note(connection, &self.signs).await?;
        }
        if !self.handles.is_empty() {
            instagram_accounts::learn(connection, &self.handles).await?;
        }
        if !self.conversations.is_empty() {
            instagram_conversations::move_on(connection, &self.conversations).await?;
        }
        if !self.sent.is_empty() {
            instagram_messages::send(connection, &self.sent).await?;
        }
        if !self.edits.is_empty() {
            instagram_messages::edit(connection, &self.edits).await?;
        }
        if !self.deletions.is_empty() {
            instagram_messages::delete(connection, &self.deletions).await?;
        }
        if !self.reactions.is_empty() {
            instagram_reactions::change(connection, &self.reactions).await?;
        }
        if !self.seen.is_empty() {
            instagram_seen::advance(connection, &self.seen).await?;
        }
        if !self.comments.is_empty() {
            instagram_comments::upsert(connection, &self.comments).await?;
        }
        if !self.mentions.is_empty() {
            instagram_mentions::insert(connection, &self.mentions).await?;
        }
        if !self.postbacks.is_empty() {
            instagram_postbacks::insert(connection, &self.postbacks).await?;
        }
        if !self.referrals.is_empty() {
            instagram_referrals::insert(connection, &self.referrals).await?;
        }
        if !self.insights.is_empty() {
            instagram_story_insights::upsert(connection, &self.insights).await?;
        }
        Ok(())
    }
}
