//! What was found so far, kept sealed after every answer: a question is paid for once.

use consumer::Failure;
use people::Cpf;
use seal::Place;
use serde::{Deserialize, Serialize};
use serde_json::json;
use store::lead_enrichments;
use time::OffsetDateTime;
use tracing::warn;
use uuid::Uuid;

use super::Enricher;

/// Answers that an enrichment has had.
#[derive(Default, Serialize, Deserialize)]
pub(super) struct Progress {
    answers: Vec<Answered>,
}

/// One answer.
#[derive(Serialize, Deserialize)]
struct Answered {
    /// Who was asked.
    source: String,
    /// What was asked: digits or an address.
    what: String,
    /// Who it is; nobody, if it is empty.
    cpfs: Vec<Cpf>,
}

/// A question as the record of steps names it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Step<'a> {
    pub(super) source: &'static str,
    /// `phone`, `email` or `cpf`.
    pub(super) question: &'static str,
    pub(super) what: &'a str,
}

impl Progress {
    /// What this source said, if it was asked.
    pub(super) fn answer(&self, step: Step<'_>) -> Option<&[Cpf]> {
        let known =
            self.answers.iter().find(|answer| answer.source == step.source && answer.what == step.what);
        known.map(|answer| answer.cpfs.as_slice())
    }

    fn cpfs(&self) -> impl Iterator<Item = &Cpf> {
        self.answers.iter().flat_map(|answer| &answer.cpfs)
    }
}

impl Enricher {
    /// What an earlier attempt found. What cannot be opened any more is asked again.
    pub(super) fn open_progress(&self, id: Uuid, sealed: Option<&[u8]>) -> Progress {
        let Some(sealed) = sealed else { return Progress::default() };
        let row = id.to_string();
        let opened = self.keys.open(sealed, &place(&row));
        opened.ok().and_then(|text| serde_json::from_slice(&text).ok()).unwrap_or_else(|| {
            warn!(enrichment.id = row, "what was found before cannot be opened; it is asked again");
            Progress::default()
        })
    }

    /// Keeps an answer. `given` is the CPF that the lead names itself.
    pub(super) async fn keep_answer(
        &self,
        id: Uuid,
        progress: &mut Progress,
        step: Step<'_>,
        cpfs: Vec<Cpf>,
        outcome: &str,
    ) -> Result<(), Failure> {
        let source = step.source.to_owned();
        let origin = cpfs.first().map(|_| step.question);
        progress.answers.push(Answered { source, what: step.what.to_owned(), cpfs });
        let noted =
            json!({ "step": step.question, "source": step.source, "outcome": outcome, "at": now_text() });
        self.save(id, progress, origin, None, &noted).await
    }

    /// Notes that the lead itself names its CPF.
    pub(super) async fn keep_given(&self, id: Uuid, progress: &Progress, cpf: &Cpf) -> Result<(), Failure> {
        let noted = json!({ "step": "text", "outcome": "found", "at": now_text() });
        self.save(id, progress, Some("text"), Some(cpf), &noted).await
    }

    async fn save(
        &self,
        id: Uuid,
        progress: &Progress,
        origin: Option<&str>,
        given: Option<&Cpf>,
        noted: &serde_json::Value,
    ) -> Result<(), Failure> {
        let row = id.to_string();
        let text = serde_json::to_vec(progress).expect("answers are plain data");
        let sealed = self.keys.seal(&text, &place(&row));
        let cpf_indexes: Vec<_> = progress.cpfs().chain(given).map(|cpf| self.index.of_cpf(cpf)).collect();
        let kept =
            lead_enrichments::Progress { sealed: &sealed, cpf_indexes: &cpf_indexes, cpf_source: origin };
        let saving = async {
            let mut connection = self.pool.acquire().await?;
            lead_enrichments::advance(&mut connection, id, kept, noted).await
        };
        saving.await.map_err(service::failure)
    }
}

fn place(row: &str) -> Place<'_> {
    Place { table: "lead_enrichments", column: "progress_sealed", row }
}

fn now_text() -> String {
    OffsetDateTime::now_utc().format(&time::format_description::well_known::Rfc3339).unwrap_or_default()
}
