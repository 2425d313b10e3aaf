//! Whose the lead is: text, else phone and e-mail.

use consumer::Failure;
use people::{Cpf, Email, Phone};
use people_api::{Question, Source};
use store::lead_enrichments::{Claimed, Outcome};
use uuid::Uuid;

use super::{
    Enricher,
    progress::{Progress, Step},
    wanted::Asked,
};

/// Whose a lead is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Whose {
    /// The lead itself names the CPF.
    Given(Cpf),
    /// Phone and e-mail are one person's.
    Same(Cpf),
    /// The phone's owner.
    OfPhone(Cpf),
    /// The e-mail address's owner.
    OfEmail(Cpf),
    /// Phone and e-mail are of two people.
    Two { phone: Cpf, email: Cpf },
}

impl Whose {
    /// Of the people behind phone and e-mail, best first, whose the lead is. Somebody whom both lead to comes first.
    fn of(phone: &[Cpf], email: &[Cpf]) -> Option<Self> {
        if let Some(same) = phone.iter().find(|cpf| email.contains(cpf)) {
            return Some(Self::Same(*same));
        }
        match (phone.first(), email.first()) {
            (Some(phone), Some(email)) => Some(Self::Two { phone: *phone, email: *email }),
            (Some(phone), None) => Some(Self::OfPhone(*phone)),
            (None, Some(email)) => Some(Self::OfEmail(*email)),
            (None, None) => None,
        }
    }
}

/// An end without anybody to look up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Nobody {
    pub(super) outcome: Outcome,
    pub(super) note: &'static str,
}

/// What is asked with.
#[derive(Debug, Clone, Copy)]
enum Contact<'a> {
    Phone(&'a Phone),
    Email(&'a Email),
}

impl Contact<'_> {
    const fn question(self) -> Question {
        match self {
            Self::Phone(_) => Question::Phone,
            Self::Email(_) => Question::Email,
        }
    }

    const fn word(self) -> &'static str {
        match self {
            Self::Phone(_) => "phone",
            Self::Email(_) => "email",
        }
    }

    fn expose(&self) -> &str {
        match self {
            Self::Phone(phone) => phone.expose(),
            Self::Email(email) => email.expose(),
        }
    }
}

/// For whose sake it is asked, and what was answered so far.
struct Inquiry<'a> {
    lead_id: &'a str,
    id: Uuid,
    progress: &'a mut Progress,
}

impl Enricher {
    /// Whose the lead is. Each answer is kept before the next question.
    pub(super) async fn search(
        &self,
        lead_id: &str,
        asked: &Asked,
        claimed: &Claimed,
    ) -> Result<Result<(Whose, Progress), Nobody>, Failure> {
        let mut progress = self.open_progress(claimed.id, claimed.progress_sealed.as_deref());
        let whose = if let Some(cpf) = asked.cpf {
            self.keep_given(claimed.id, &progress, &cpf).await?;
            Some(Whose::Given(cpf))
        } else {
            let mut inquiry = Inquiry { lead_id, id: claimed.id, progress: &mut progress };
            let phone = self.by_phone(asked, &mut inquiry).await?;
            let email = self.by_email(asked, &mut inquiry).await?;
            Whose::of(&phone, &email)
        };
        let Some(whose) = whose else {
            return Ok(Err(Nobody { outcome: Outcome::NoCpf, note: nobody_note(asked) }));
        };
        // Who was erased is not looked up again.
        let remaining = self.not_erased(whose).await?;
        let suppressed = Nobody { outcome: Outcome::Suppressed, note: "the person asked to be forgotten" };
        Ok(remaining.map(|whose| (whose, progress)).ok_or(suppressed))
    }

    async fn by_phone(&self, asked: &Asked, inquiry: &mut Inquiry<'_>) -> Result<Vec<Cpf>, Failure> {
        // The second number only where the first one leads to nobody.
        for phone in &asked.phones {
            let found = self.ask_all(inquiry, Contact::Phone(phone)).await?;
            if !found.is_empty() {
                return Ok(found);
            }
        }
        Ok(Vec::new())
    }

    async fn by_email(&self, asked: &Asked, inquiry: &mut Inquiry<'_>) -> Result<Vec<Cpf>, Failure> {
        match &asked.email {
            Some(email) => self.ask_all(inquiry, Contact::Email(email)).await,
            None => Ok(Vec::new()),
        }
    }

    /// One source after the other, until one knows somebody.
    async fn ask_all(&self, inquiry: &mut Inquiry<'_>, contact: Contact<'_>) -> Result<Vec<Cpf>, Failure> {
        for source in self.sources.iter().filter(|source| source.answers(contact.question())) {
            let step = Step { source: source.name(), question: contact.word(), what: contact.expose() };
            let found = match inquiry.progress.answer(step) {
                Some(known) => known.to_vec(),
                None => self.ask(&**source, inquiry, step, contact).await?,
            };
            if !found.is_empty() {
                return Ok(found);
            }
        }
        Ok(Vec::new())
    }

    async fn ask(
        &self,
        source: &dyn Source,
        inquiry: &mut Inquiry<'_>,
        step: Step<'_>,
        contact: Contact<'_>,
    ) -> Result<Vec<Cpf>, Failure> {
        let asking = self.limits.ask(inquiry.lead_id, source, || match contact {
            Contact::Phone(phone) => source.by_phone(phone),
            Contact::Email(email) => source.by_email(email),
        });
        let answer = asking.await?;
        let outcome = match &answer {
            None => "refused",
            Some(found) if found.is_empty() => "nobody",
            Some(_) => "found",
        };
        let cpfs: Vec<_> = answer.unwrap_or_default().into_iter().map(|identity| identity.cpf).collect();
        self.keep_answer(inquiry.id, inquiry.progress, step, cpfs.clone(), outcome).await?;
        Ok(cpfs)
    }

    /// Without those who asked to be forgotten.
    async fn not_erased(&self, whose: Whose) -> Result<Option<Whose>, Failure> {
        Ok(match whose {
            Whose::Two { phone, email } => {
                match (self.is_erased(&phone).await?, self.is_erased(&email).await?) {
                    (false, false) => Some(whose),
                    (false, true) => Some(Whose::OfPhone(phone)),
                    (true, false) => Some(Whose::OfEmail(email)),
                    (true, true) => None,
                }
            }
            Whose::Given(cpf) | Whose::Same(cpf) | Whose::OfPhone(cpf) | Whose::OfEmail(cpf) => {
                (!self.is_erased(&cpf).await?).then_some(whose)
            }
        })
    }

    pub(super) async fn is_erased(&self, cpf: &Cpf) -> Result<bool, Failure> {
        let asking = async {
            let mut connection = self.pool.acquire().await?;
            store::person_erasures::is_erased(&mut connection, &self.index.all_of_cpf(cpf)).await
        };
        asking.await.map_err(service::failure)
    }
}

const fn nobody_note(asked: &Asked) -> &'static str {
    if asked.is_ambiguous {
        "the text names several CPFs, and phone and e-mail lead to nobody"
    } else if asked.phones.is_empty() && asked.email.is_none() {
        "no CPF in the text, and neither phone nor e-mail to find one by"
    } else {
        "Could not find CPF: none in the text, and phone and e-mail lead to nobody"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn phone_and_email_are_of_one_person_or_of_two() {
        let [a, b, c] =
            ["52998224725", "11144477735", "12345678909"].map(|text| text.parse::<Cpf>().unwrap());
        for (phone, email, expected) in [
            (&[a][..], &[a][..], Some(Whose::Same(a))),
            (&[a, b], &[c, b], Some(Whose::Same(b))),
            (&[a], &[b], Some(Whose::Two { phone: a, email: b })),
            (&[a, b], &[], Some(Whose::OfPhone(a))),
            (&[], &[c], Some(Whose::OfEmail(c))),
            (&[], &[], None),
        ] {
            assert_eq!(Whose::of(phone, email), expected);
        }
    }
}
