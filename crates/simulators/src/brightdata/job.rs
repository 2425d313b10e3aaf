//! One job of the simulated API.

use std::collections::HashMap;

use serde_json::{Value, json};

use super::{DATASETS, Dataset, error_record, record};

/// How far a job is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Status {
    Running,
    Ready,
    Failed,
    Canceled,
}

impl Status {
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Ready => "ready",
            Self::Failed => "failed",
            Self::Canceled => "canceled",
        }
    }
}

#[derive(Debug, Clone)]
pub(crate) struct Job {
    pub(crate) dataset_id: String,
    pub(crate) status: Status,
    pub(crate) records: Vec<Value>,
    /// Times that it still says "running" before it is ready.
    pub(crate) polls_left: u32,
    pub(crate) endpoint: Option<String>,
    pub(crate) notify: Option<String>,
    pub(crate) authorization: Option<String>,
    pub(crate) gzip: bool,
}

impl Job {
    /// The job that the query of a trigger describes.
    pub(crate) fn new(
        query: &HashMap<String, String>,
        inputs: &[Value],
        records_per_input: usize,
        polls: u32,
        timestamp: &str,
    ) -> Self {
        let dataset_id = query.get("dataset_id").cloned().unwrap_or_default();
        let dataset = DATASETS.iter().find(|dataset| dataset.id == dataset_id);
        let include_errors = query.get("include_errors").is_some_and(|flag| flag == "true");
        let records = dataset.map(|dataset| {
            let of_input = |(number, input)| collected(dataset, number, input, records_per_input, timestamp);
            let records = inputs.iter().enumerate().flat_map(of_input);
            records.filter(|record| include_errors || record.get("error").is_none()).collect()
        });
        Self {
            dataset_id,
            status: Status::Running,
            records: records.unwrap_or_default(),
            polls_left: polls,
            endpoint: query.get("endpoint").cloned(),
            notify: query.get("notify").cloned(),
            authorization: query.get("auth_header").cloned(),
            gzip: query.get("uncompressed_webhook").is_none_or(|flag| flag != "true"),
        }
    }

    /// One step further, as time does it in the real API.
    pub(crate) fn advance(&mut self) {
        if self.status == Status::Running {
            match self.polls_left.checked_sub(1) {
                Some(left) => self.polls_left = left,
                None => self.status = Status::Ready,
            }
        }
    }

    pub(crate) fn progress(&self, id: &str) -> Value {
        let mut progress =
            json!({ "snapshot_id": id, "dataset_id": self.dataset_id, "status": self.status.word() });
        if let (Status::Ready, Value::Object(members)) = (self.status, &mut progress) {
            let errors = self.records.iter().filter(|record| record.get("error").is_some()).count();
            members.insert("records".to_owned(), (self.records.len() - errors).into());
            members.insert("errors".to_owned(), errors.into());
            members.insert("collection_duration".to_owned(), 1_234.into());
        }
        progress
    }
}

/// What one input brings: records, or an error where its URL speaks of something that is gone.
fn collected(dataset: &Dataset, number: usize, input: &Value, count: usize, timestamp: &str) -> Vec<Value> {
    let url = input.get("url").and_then(Value::as_str).unwrap_or_default();
    if url.contains("gone") {
        return vec![error_record(url, timestamp)];
    }
    let echoed = |it| {
        let mut record = record(dataset, number * count + it, timestamp);
        if let Value::Object(members) = &mut record {
            members.insert("input".to_owned(), input.clone());
        }
        record
    };
    (0..count).map(echoed).collect()
}
