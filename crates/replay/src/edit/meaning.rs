//! What an edited body says, read by the parsers that the edge and the consumers read it with.

use bytes::Bytes;
use contract::{
    Code,
    brightdata::{
        self, FORMAT_CSV, FORMAT_NDJSON, Notice, TYPE_FOREIGN, TYPE_MALFORMED, TYPE_NOTIFY, TYPE_PART,
        TYPE_REFERENCE,
    },
    c2s, code, instagram,
    stream::{
        brightdata::PROVIDER as BRIGHTDATA, c2s::PROVIDER as C2S, instagram::PROVIDER as INSTAGRAM,
        usage::PROVIDER as USAGE,
    },
    usage,
};
use serde_json::{Map, Value, json};

use super::EditError;
use crate::Original;

/// Longest word that travels in a header, bytes.
const WORD_MAX_BYTES: usize = 512;

/// What a body says of itself.
pub(super) struct Meaning {
    pub(super) body: Bytes,
    pub(super) event_type: String,
    pub(super) subject: Option<String>,
    pub(super) action: Option<String>,
    /// What the envelope says beside, if that is another now.
    pub(super) extensions: Option<Value>,
}

/// Reads an edited body.
pub(super) fn of(original: &Original, body: Bytes) -> Result<Meaning, EditError> {
    let provider = original.provider;
    let read = match provider {
        C2S => of_c2s(&body),
        INSTAGRAM => of_instagram(original, body),
        BRIGHTDATA => of_brightdata(original, body),
        USAGE => of_usage(original, &body),
        _ => Err((code::INTERNAL, "nobody knows how to read it")),
    };
    read.map_err(|(code, problem)| EditError::Invalid { provider, code, problem })
}

/// The subject's word for what happened.
pub(super) fn token(original: &Original, event_type: &str) -> String {
    let token = match original.provider {
        C2S => [c2s::Action::Created, c2s::Action::Updated, c2s::Action::Closed]
            .into_iter()
            .find(|action| action.event_type() == event_type)
            .unwrap_or(c2s::Action::Other)
            .token(),
        INSTAGRAM => instagram::Action::from_event_type(event_type).token(),
        BRIGHTDATA if event_type == TYPE_PART => brightdata::DELIVERY,
        USAGE => usage::TOKEN,
        _ => &original.token,
    };
    token.to_owned()
}

type Read = Result<Meaning, (Code, &'static str)>;

fn text(body: &Bytes) -> Result<&str, (Code, &'static str)> {
    str::from_utf8(body).map_err(|_| (code::MALFORMED, "it is no UTF-8"))
}

/// Exactly one; several belong to the edge, which gives each an id.
fn only<T>(mut events: impl Iterator<Item = T>) -> Result<T, (Code, &'static str)> {
    match (events.next(), events.next()) {
        (Some(event), None) => Ok(event),
        (None, _) => Err((code::UNEXPECTED_SHAPE, "it holds no event")),
        (Some(_), Some(_)) => Err((code::UNEXPECTED_SHAPE, "it holds several events: send it to the edge")),
    }
}

fn of_c2s(body: &Bytes) -> Read {
    let events = c2s::events(text(body)?).map_err(|code| (code, "it is no JSON that C2S sends"))?;
    let event = only(events)?.map_err(|rejected| (rejected.code, "its lead cannot be told"))?;
    if c2s::Lead::parse(event.body.as_bytes()).is_none() {
        return Err((code::MALFORMED, "its lead cannot be read"));
    }
    let action = c2s::Action::from_hook_action(event.hook_action.as_deref());
    Ok(Meaning {
        body: body.slice_ref(event.body.as_bytes()),
        event_type: action.event_type().to_owned(),
        subject: short(Some(event.lead_id)),
        action: short(event.hook_action),
        extensions: None,
    })
}

/// What was cut out of a delivery is an item; what could not be cut is the delivery still.
fn of_instagram(original: &Original, body: Bytes) -> Read {
    let envelope = &original.envelope;
    if envelope.rejected.is_some() {
        return of_instagrams_delivery(&body);
    }
    let action = instagram::Action::from_event_type(&envelope.event_type);
    let payload = instagram::payload::Payload::parse(&body, action);
    let payload = payload.map_err(|code| (code, "it is no JSON object"))?;
    if payload.is_none() && action != instagram::Action::Other {
        return Err((code::UNEXPECTED_SHAPE, "it does not say what its type says"));
    }
    Ok(unchanged(original, body))
}

fn of_instagrams_delivery(body: &Bytes) -> Read {
    let events = instagram::events(text(body)?).map_err(|code| (code, "it is no JSON that Meta sends"))?;
    let event = only(events)?.map_err(|rejected| (rejected.code, "its update cannot be told"))?;
    let flag = |is_set: bool| is_set.then_some("true");
    let mut extensions = json!({
        "platform": event.object, "kind": event.channel.as_str(),
        "entrytime": event.entry_time.map(|time| time.to_string()),
        "test": flag(event.is_test), "own": flag(event.is_own),
    });
    if let Value::Object(members) = &mut extensions {
        members.retain(|_, value| !value.is_null());
    }
    Ok(Meaning {
        body: body.slice_ref(event.body.as_bytes()),
        event_type: event.action.event_type().to_owned(),
        subject: short(event.entry_id),
        action: short(event.field),
        extensions: Some(extensions),
    })
}

fn of_brightdata(original: &Original, body: Bytes) -> Read {
    let text = text(&body)?;
    let format = original.envelope.extensions.get("format").map(String::as_str);
    match original.envelope.event_type.as_str() {
        TYPE_PART | TYPE_FOREIGN if format == Some(FORMAT_CSV) => {
            if text.lines().filter(|line| !line.trim().is_empty()).count() < 2 {
                return Err((code::MALFORMED, "CSV needs its header row and a record"));
            }
            Ok(without_claim(original, body))
        }
        TYPE_PART | TYPE_FOREIGN => {
            records(text)?;
            Ok(without_claim(original, body))
        }
        // What was no record is one now.
        TYPE_MALFORMED => {
            records(text)?;
            let mut meaning = without_claim(original, body);
            TYPE_PART.clone_into(&mut meaning.event_type);
            if let Some(Value::Object(members)) = &mut meaning.extensions {
                members.insert("format".to_owned(), FORMAT_NDJSON.into());
            }
            Ok(meaning)
        }
        TYPE_NOTIFY | TYPE_REFERENCE if Notice::parse(text).is_none() => {
            Err((code::MALFORMED, "it is no JSON object"))
        }
        _ => Ok(without_claim(original, body)),
    }
}

/// A record a line, each a JSON object.
fn records(text: &str) -> Result<(), (Code, &'static str)> {
    let mut lines = text.lines().filter(|line| !line.trim().is_empty()).peekable();
    if lines.peek().is_none() {
        return Err((code::UNEXPECTED_SHAPE, "it holds no record"));
    }
    let is_record = |line: &str| {
        !contract::json::is_too_deep(line) && serde_json::from_str::<Map<String, Value>>(line).is_ok()
    };
    if lines.all(is_record) {
        Ok(())
    } else {
        Err((code::MALFORMED, "every line must be a JSON object: a record"))
    }
}

fn of_usage(original: &Original, body: &Bytes) -> Read {
    let events = usage::events(text(body)?).map_err(|code| (code, "it is no JSON that a sender sends"))?;
    let event = only(events)?.map_err(|rejected| (rejected.code, "it is no usage report"))?;
    let subject = short(event.session_id.clone());
    let body = body.slice_ref(event.body.as_bytes());
    Ok(Meaning { event_type: usage::EVENT_TYPE.to_owned(), subject, ..unchanged(original, body) })
}

/// Says of itself what it said before.
fn unchanged(original: &Original, body: Bytes) -> Meaning {
    Meaning {
        body,
        event_type: original.envelope.event_type.clone(),
        subject: original.envelope.subject.clone(),
        action: original.envelope.action.clone(),
        extensions: None,
    }
}

/// The body is in the message now, not in the object that the message named.
fn without_claim(original: &Original, body: Bytes) -> Meaning {
    let extensions = original.envelope.extensions.iter().filter(|(name, _)| **name != "claim");
    let extensions = extensions.map(|(name, value)| ((*name).to_owned(), value.clone().into())).collect();
    Meaning { extensions: Some(Value::Object(extensions)), ..unchanged(original, body) }
}

/// A word that a header and a database take, if it is not too long.
fn short(word: Option<String>) -> Option<String> {
    word.filter(|word| word.len() <= WORD_MAX_BYTES && !word.contains(char::is_control))
}
