//! What a message says.

use anyhow::anyhow;
use consumer::{Failure, Message};
use contract::{
    brightdata::{
        Notice, PartMark, TYPE_EMPTY, TYPE_FOREIGN, TYPE_NOTIFY, TYPE_PART, TYPE_REFERENCE, TYPE_TEST,
        UNMATCHED,
    },
    code,
};

/// What a message says.
#[derive(Debug)]
pub(crate) enum Said {
    /// Some records of a delivery.
    Records {
        /// Its place in the delivery, from 1.
        part: u64,
        /// Whether another product of Bright Data's made them: then they are kept raw.
        is_foreign: bool,
    },
    /// A delivery without records.
    Empty,
    /// A job changed its status; or its data is ready elsewhere, which comes to the same.
    Notice(Box<Notice>),
    /// Somebody tries the endpoint.
    Test,
}

/// Reads what the edge read.
///
/// # Errors
/// It is nothing that the edge publishes for us.
pub(crate) fn read(message: &Message) -> Result<Said, Failure> {
    if message.envelope.extensions.contains_key("test") {
        return Ok(Said::Test);
    }
    match message.envelope.event_type.as_str() {
        TYPE_PART => Ok(Said::Records { part: part(message), is_foreign: false }),
        TYPE_FOREIGN => Ok(Said::Records { part: part(message), is_foreign: true }),
        TYPE_EMPTY => Ok(Said::Empty),
        TYPE_TEST => Ok(Said::Test),
        TYPE_NOTIFY => Ok(Said::Notice(Box::new(notice(message)))),
        TYPE_REFERENCE => {
            let notice = notice(message);
            let status = notice.status.clone().or_else(|| Some("ready".to_owned()));
            Ok(Said::Notice(Box::new(Notice { status, ..notice })))
        }
        other => Err(Failure::Dead {
            code: code::UNEXPECTED_SHAPE,
            source: anyhow!("no event of Bright Data's: {other}"),
        }),
    }
}

/// The job that it is about.
pub(crate) fn snapshot_id(message: &Message) -> Option<&str> {
    message.envelope.subject.as_deref().filter(|id| !id.is_empty() && *id != UNMATCHED && !id.contains('\0'))
}

fn part(message: &Message) -> u64 {
    let mark = message.envelope.extensions.get("part").and_then(|mark| mark.parse::<PartMark>().ok());
    mark.map_or(0, |mark| mark.number)
}

/// A notification in a form that nobody has seen yet is one all the same.
fn notice(message: &Message) -> Notice {
    Notice::parse(&String::from_utf8_lossy(&message.payload)).unwrap_or_default()
}
