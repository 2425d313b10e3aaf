//! A message understood as an Instagram event.

use anyhow::anyhow;
use consumer::{Failure, Message};
use contract::instagram::{
    Action, Channel,
    payload::{Fact, Payload},
};
use contract::stream::instagram::PROVIDER;
use store::webhook_events::Event;
use time::OffsetDateTime;

/// Longest account id that is believed, bytes: it is in every primary key.
const ACCOUNT_MAX_BYTES: usize = 512;
/// The account of everything that the dashboard's Test button sends.
const TEST_ACCOUNT: &str = "0";

/// What a message means.
#[derive(Debug)]
pub(crate) struct Decoded {
    pub(crate) action: Action,
    /// The account that it happened to, if it is one of Instagram's.
    account_id: Option<String>,
    content: Content,
}

/// What is to be stored of an event beside its ledger row.
#[derive(Debug)]
enum Content {
    /// What it says.
    Understood(Box<Understood>),
    /// Nothing: we do not know what it says.
    Strange,
    /// Nothing: a press of the Test button.
    Test,
}

/// What an event says, and how.
#[derive(Debug)]
pub(crate) struct Understood {
    pub(crate) payload: Payload,
    /// What tells a postback or a referral from others.
    pub(crate) occurrence_id: String,
    /// Came while another app was in control of the conversation.
    pub(crate) is_standby: bool,
}

impl Decoded {
    /// What is to be stored, and of which account.
    pub(crate) fn understood(&self) -> Option<(&str, &Understood)> {
        match (&self.account_id, &self.content) {
            (Some(account_id), Content::Understood(understood)) => Some((account_id, understood)),
            _ => None,
        }
    }

    /// The account that Meta's webhook was for; a press of the Test button is for none.
    pub(crate) fn account(&self) -> Option<&str> {
        self.account_id.as_deref().filter(|_| !matches!(self.content, Content::Test))
    }

    /// When it happened, by Meta's clock.
    pub(crate) fn event_at(&self) -> Option<OffsetDateTime> {
        self.understood().and_then(|(_, understood)| understood.payload.at)
    }

    /// The word for metrics.
    pub(crate) fn outcome(&self) -> &'static str {
        match (&self.content, self.understood()) {
            (Content::Test, _) => "test",
            (_, Some(_)) => "stored",
            _ => "kept",
        }
    }
}

/// Reads a message.
///
/// # Errors
/// [`Failure::Dead`]: its body is no JSON object.
pub(crate) fn decode(message: &Message) -> Result<Decoded, Failure> {
    let extension = |name| message.envelope.extensions.get(name).map(String::as_str);
    let action = Action::from_event_type(&message.envelope.event_type);
    let payload = Payload::parse(&message.payload, action)
        .map_err(|code| Failure::Dead { code, source: anyhow!("the body is no JSON object") })?;
    let subject = message.envelope.subject.as_deref();
    let content = match payload {
        _ if subject == Some(TEST_ACCOUNT) || extension("test") == Some("true") => Content::Test,
        Some(payload) => Content::Understood(Box::new(Understood {
            occurrence_id: occurrence_id(&payload),
            is_standby: extension("kind") == Some(Channel::Standby.as_str()),
            payload,
        })),
        None => Content::Strange,
    };
    // Of other objects (`page`, `user`) the account is another system's.
    let is_instagram = extension("platform").is_none_or(|object| object == PROVIDER);
    let account_id = subject.filter(|id| is_instagram && is_account(id)).map(str::to_owned);
    Ok(Decoded { action, account_id, content })
}

fn is_account(id: &str) -> bool {
    !id.trim().is_empty() && id.len() <= ACCOUNT_MAX_BYTES && !id.contains('\0')
}

fn occurrence_id(payload: &Payload) -> String {
    let distinct = match &payload.fact {
        Fact::Postback { payload, .. } => payload.as_deref(),
        _ => payload.referral.as_ref().and_then(|referral| referral.parameter.as_deref()),
    };
    payload.key(distinct.unwrap_or_default())
}

/// The ledger's view of a message.
pub(crate) fn ledger_event(message: &Message) -> Event<'_> {
    service::ledger::event(PROVIDER, message)
}
