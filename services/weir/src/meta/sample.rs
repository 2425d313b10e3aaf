//! Bodies of the shapes that Meta sends, each with ids of its own. The people in them are invented.

use serde_json::{Value, json};
use time::OffsetDateTime;
use uuid::Uuid;

/// The account that everything happens to.
const ACCOUNT: &str = "17841400000000001";
const FAN: &str = "9000000000000001";

/// A shape of Meta's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Sample {
    /// A message to the account.
    Message,
    /// A message by the account.
    Echo,
    /// A reaction to a message.
    Reaction,
    /// A button pressed.
    Postback,
    /// A conversation begun by a link.
    Referral,
    /// A message read.
    Seen,
    /// A comment.
    Comment,
    /// A comment during a live broadcast.
    LiveComment,
    /// A mention in a caption.
    Mention,
    /// The numbers of a story.
    StoryInsights,
    /// What the Test button of Meta's dashboard sends for messages.
    TestButton,
}

/// One delivery: when it was sent, and what its ids begin with.
#[derive(Debug, Clone)]
pub(crate) struct Press {
    id: Uuid,
    at: OffsetDateTime,
}

impl Press {
    /// A delivery that nobody has seen.
    pub(crate) fn new() -> Self {
        Self { id: Uuid::now_v7(), at: OffsetDateTime::now_utc() }
    }

    pub(crate) const fn id(&self) -> Uuid {
        self.id
    }

    fn millis(&self) -> i128 {
        self.at.unix_timestamp_nanos() / 1_000_000
    }

    /// An id of digits, as comments and media have.
    fn number(&self, n: u32) -> String {
        format!("{}{n:05}", self.id.as_u128() % 1_000_000_000_000_000)
    }
}

impl Sample {
    /// A body of so many events.
    pub(crate) fn body(self, press: &Press, events: u32) -> String {
        let items: Vec<_> = (0..events).map(|n| self.item(press, n)).collect();
        let seconds = press.at.unix_timestamp();
        let entry = match self {
            Self::TestButton => json!({ "id": "0", "time": seconds, "changes": items }),
            Self::Comment | Self::LiveComment | Self::Mention | Self::StoryInsights => {
                json!({ "id": ACCOUNT, "time": seconds, "changes": items })
            }
            _ => {
                json!({ "id": ACCOUNT, "time": i64::try_from(press.millis()).unwrap_or_default(), "messaging": items })
            }
        };
        json!({ "object": "instagram", "entry": [entry] }).to_string()
    }

    fn item(self, press: &Press, n: u32) -> Value {
        let mid = format!("weir-sample-{}-{n}", press.id);
        let from = json!({ "id": FAN, "username": "fan.one" });
        let comment = |product: &str| {
            json!({
                "id": press.number(n), "from": from, "text": "Qual o valor?",
                "media": { "id": "18100000000000001", "media_product_type": product },
            })
        };
        let messaging = |member: &str, detail: Value| item(press, (FAN, ACCOUNT), member, detail);
        match self {
            Self::Message => messaging("message", json!({ "mid": mid, "text": "hello" })),
            Self::Echo => item(
                press,
                (ACCOUNT, FAN),
                "message",
                json!({ "mid": mid, "text": "Obrigado", "is_echo": true, "app_id": 1_234_567_890 }),
            ),
            Self::Reaction => messaging(
                "reaction",
                json!({ "mid": mid, "action": "react", "reaction": "love", "emoji": "\u{2764}\u{fe0f}" }),
            ),
            Self::Postback => {
                messaging("postback", json!({ "mid": mid, "title": "Talk to us", "payload": "HUMAN" }))
            }
            Self::Referral => {
                messaging("referral", json!({ "ref": mid, "source": "IGME", "type": "OPEN_THREAD" }))
            }
            Self::Seen => messaging("read", json!({ "mid": mid })),
            Self::Comment => json!({ "field": "comments", "value": comment("FEED") }),
            Self::LiveComment => json!({ "field": "live_comments", "value": comment("LIVE") }),
            Self::Mention => json!({ "field": "mentions", "value": { "media_id": press.number(n) } }),
            Self::StoryInsights => json!({ "field": "story_insights", "value": {
                "media_id": press.number(n), "exits": 1, "replies": -1, "reach": 17, "taps_forward": 12, "taps_back": 2,
                "impressions": 28,
            } }),
            Self::TestButton => json!({ "field": "messages", "value": {
                "sender": { "id": "12334" }, "recipient": { "id": "23245" }, "timestamp": "1527459824",
                "message": { "mid": if n == 0 { "random_mid".to_owned() } else { format!("random_mid_{n}") }, "text": "random_text" },
            } }),
        }
    }
}

/// An item of `messaging[]`.
fn item(press: &Press, (sender, recipient): (&str, &str), member: &str, detail: Value) -> Value {
    let timestamp = i64::try_from(press.millis()).unwrap_or_default();
    let mut item =
        json!({ "sender": { "id": sender }, "recipient": { "id": recipient }, "timestamp": timestamp });
    if let Value::Object(members) = &mut item {
        members.insert(member.to_owned(), detail);
    }
    item
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use clap::ValueEnum as _;
    use contract::instagram::Action;

    use super::*;

    #[test]
    fn every_sample_is_what_the_edge_understands() {
        let press = Press::new();
        for sample in Sample::value_variants() {
            let body = sample.body(&press, 3);
            let events: Vec<_> =
                contract::instagram::split(&body).unwrap().into_iter().map(Result::unwrap).collect();
            let keys: BTreeSet<_> = events.iter().map(|event| &event.dedup_key).collect();
            assert_eq!(keys.len(), 3, "{sample:?}");
            assert!(events.iter().all(|event| event.action != Action::Other), "{sample:?}");
            assert!(
                events.iter().all(|event| event.is_test == (*sample == Sample::TestButton)),
                "{sample:?}"
            );
        }
    }
}
