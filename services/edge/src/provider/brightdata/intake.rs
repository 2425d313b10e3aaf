//! One delivery of Bright Data's, taken apart while it arrives: inflated, split, grouped. No I/O, no clock: the same bytes
//! give the same events (`a_retry_gives_the_same_events_however_it_arrives`).

use axum::http::StatusCode;
use bytes::{Buf as _, Bytes};
use contract::brightdata::{Limits, Splitter};
use serde_json::{Value, json};
use uuid::Uuid;

use super::{
    about::About,
    drafts::Drafts,
    inflate::{Caps, Inflate, Output},
};
use crate::{
    error::Refusal,
    provider::{Draft, Tally},
    streaming,
};

/// The numbers that taking apart goes by.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rules {
    pub(super) caps: Caps,
    pub(super) limits: Limits,
    pub(super) record_max_bytes: usize,
    pub(super) takes_csv: bool,
}

pub(super) struct Intake {
    input: Bytes,
    inflate: Inflate,
    plain: Bytes,
    splitter: Splitter,
    drafts: Drafts,
    progress: Progress,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Progress {
    Reading,
    /// The body has ended; what is still inside comes out.
    Ending,
    Done,
}

impl Intake {
    pub(super) fn new(about: About, delivery_id: Uuid, notifications: bool, rules: Rules) -> Self {
        Self {
            input: Bytes::new(),
            inflate: Inflate::new(rules.caps),
            plain: Bytes::new(),
            // A notification was never CSV, and a header row without rows would be a job that found nothing.
            splitter: Splitter::new(rules.record_max_bytes, rules.takes_csv && !notifications),
            drafts: Drafts::new(about, delivery_id, notifications, rules.limits),
            progress: Progress::Reading,
        }
    }

    /// Goes on until there is an event, or nothing left to read.
    fn advance(&mut self) -> Result<(), Refusal> {
        while !self.drafts.has_some() {
            let mut rest = &self.plain[..];
            if let Some(split) = self.splitter.next(&mut rest) {
                self.drafts.take(&split);
                let taken = self.plain.len() - rest.len();
                self.plain.advance(taken);
                continue;
            }
            self.plain.clear();
            match self.inflated()? {
                Some(Output::Plain(plain)) => self.plain = plain,
                Some(Output::Damaged) => self.splitter.give_up(),
                None if self.progress == Progress::Ending => self.finish(),
                None => break,
            }
            if self.progress == Progress::Done {
                break;
            }
        }
        Ok(())
    }

    fn finish(&mut self) {
        if let Some(split) = self.splitter.end() {
            self.drafts.take(&split);
        } else {
            self.progress = Progress::Done;
            self.drafts.finish();
        }
    }

    fn inflated(&mut self) -> Result<Option<Output>, Refusal> {
        match self.inflate.next(&mut self.input)? {
            None if self.progress == Progress::Ending => self.inflate.end(),
            output => Ok(output),
        }
    }
}

impl streaming::Intake for Intake {
    fn feed(&mut self, piece: Bytes) {
        self.input = piece;
    }

    fn end(&mut self) {
        self.progress = Progress::Ending;
    }

    fn next(&mut self) -> Result<Option<Draft>, Refusal> {
        if self.progress != Progress::Done {
            self.advance()?;
        }
        Ok(self.drafts.next())
    }

    fn answer(&self, tally: &Tally) -> (StatusCode, Value) {
        let Drafts { about, groups, notice, .. } = &self.drafts;
        let snapshot_id = &about.snapshot_id;
        if about.is_test {
            let answer = json!({
                "status": "test_received",
                "message": "test delivery received",
                "snapshot_id": snapshot_id,
                "records": groups.records(),
                "note": "kept as a test: nothing is processed",
            });
            return (StatusCode::OK, answer);
        }
        let mut answer = json!({
            "status": "received",
            "snapshot_id": snapshot_id,
            "records": groups.records(),
            "parts": groups.parts(),
            "duplicates": tally.duplicates,
            "rejected": groups.rejected(),
        });
        let status = notice.as_ref().and_then(|notice| notice.status.clone());
        if let (Some(status), Value::Object(members)) = (status, &mut answer) {
            members.insert("job_status".to_owned(), status.into());
        }
        (StatusCode::OK, answer)
    }
}

#[cfg(test)]
mod tests;
