//! Who a CPF is: from the cache, else from the services.

use consumer::Failure;
use people::{Cpf, Person};
use people_api::Question;
use seal::Place;
use store::people::{Entry, Kept};
use time::{Duration, OffsetDateTime};
use uuid::Uuid;

use super::{
    Enricher,
    compose::Block,
    progress::{Progress, Step},
    search::Whose,
};

/// Who told that nobody is known.
const NOBODY: &str = "nobody";

impl Enricher {
    /// What is known of the lead's people; those of whom nothing is known are left out.
    pub(super) async fn people(
        &self,
        lead_id: &str,
        id: Uuid,
        (whose, mut progress): (Whose, Progress),
    ) -> Result<Vec<Block>, Failure> {
        let mut blocks = Vec::new();
        for (cpf, whose) in whose.blocks() {
            if let Some(person) = self.person(lead_id, id, &cpf, &mut progress).await? {
                blocks.push(Block { whose, cpf, person });
            }
        }
        Ok(blocks)
    }

    async fn person(
        &self,
        lead_id: &str,
        id: Uuid,
        cpf: &Cpf,
        progress: &mut Progress,
    ) -> Result<Option<Person>, Failure> {
        if let Some(kept) = self.kept(cpf).await? {
            if kept.person_sealed.is_none() {
                return Ok(None);
            }
            // What cannot be opened any more is asked again.
            if let Some(person) = self.open_person(&kept) {
                return Ok(Some(person));
            }
        }
        for source in self.sources.iter().filter(|source| source.answers(Question::Cpf)) {
            let step = Step { source: source.name(), question: "cpf", what: cpf.expose() };
            if progress.answer(step).is_some() {
                continue;
            }
            let answer = self.limits.ask(lead_id, &**source, || source.by_cpf(cpf)).await?;
            let refused = answer.is_none();
            if let Some(person) = answer.flatten() {
                self.keep_person(cpf, Some(&person), source.name()).await?;
                let noted = serde_json::json!({ "step": "cpf", "source": source.name(), "outcome": "found" });
                self.note(id, &noted).await?;
                return Ok(Some(person));
            }
            let outcome = if refused { "refused" } else { "nobody" };
            self.keep_answer(id, progress, step, Vec::new(), outcome).await?;
        }
        self.keep_person(cpf, None, NOBODY).await?;
        Ok(None)
    }

    async fn kept(&self, cpf: &Cpf) -> Result<Option<Kept>, Failure> {
        let finding = async {
            let mut connection = self.pool.acquire().await?;
            store::people::find(&mut connection, &self.index.all_of_cpf(cpf), OffsetDateTime::now_utc()).await
        };
        finding.await.map_err(service::failure)
    }

    fn open_person(&self, kept: &Kept) -> Option<Person> {
        let row = kept.id.to_string();
        let opened = self.keys.open(kept.person_sealed.as_deref()?, &place(&row, "person_sealed")).ok()?;
        serde_json::from_slice(&opened).ok()
    }

    async fn keep_person(&self, cpf: &Cpf, person: Option<&Person>, source: &str) -> Result<(), Failure> {
        // Somebody may have been erased while we asked.
        if self.is_erased(cpf).await? {
            return Ok(());
        }
        let id = Uuid::now_v7();
        let row = id.to_string();
        let text = person.map(|person| serde_json::to_vec(person).expect("a person is plain data"));
        let now = OffsetDateTime::now_utc();
        let days = if person.is_some() { self.people.cache_days } else { self.people.unknown_cache_days };
        let person_sealed = text.map(|text| self.keys.seal(&text, &place(&row, "person_sealed")));
        let entry = Entry {
            id,
            cpf_index: &self.index.of_cpf(cpf),
            cpf_sealed: &self.keys.seal(cpf.expose().as_bytes(), &place(&row, "cpf_sealed")),
            person_sealed: person_sealed.as_deref(),
            source,
            fetched_at: now,
            expires_at: now + Duration::days(i64::from(days)),
        };
        let keeping = async {
            let mut connection = self.pool.acquire().await?;
            store::people::keep(&mut connection, &entry).await
        };
        keeping.await.map_err(service::failure)
    }

    async fn note(&self, id: Uuid, noted: &serde_json::Value) -> Result<(), Failure> {
        let noting = async {
            let mut connection = self.pool.acquire().await?;
            store::lead_enrichments::note_step(&mut connection, id, noted).await
        };
        noting.await.map_err(service::failure)
    }
}

fn place<'a>(row: &'a str, column: &'a str) -> Place<'a> {
    Place { table: "people", column, row }
}
