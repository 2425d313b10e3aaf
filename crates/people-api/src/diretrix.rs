//! Diretrix: whose phone, whose address, and who somebody is. What is asked stands in the path.

use std::fmt;

use base64::{Engine as _, prelude::BASE64_STANDARD};
use http::{HeaderValue, StatusCode, header};
use outbound::{Client, Request, Url};
use people::{Address, Cpf, Email, Person, PersonEmail, PersonPhone, Phone};
use serde_json::Value;

use crate::{
    Answering, Error, Identity, Question, SetupError, Source,
    read::{self, cpf, joined, list, text},
    work::distinct,
};

/// Diretrix as our account calls it.
#[derive(Clone)]
pub struct Diretrix {
    client: Client,
    settings: config::Diretrix,
    base: Url,
    authorization: HeaderValue,
}

impl Diretrix {
    /// Its name in tables and spans, and the key of its limit.
    pub const NAME: &'static str = "diretrix";

    /// The API of these settings; `None`: there is no address or no account, so it is never asked.
    ///
    /// # Errors
    /// See [`SetupError`].
    pub fn new(settings: &config::Diretrix, outbound: &config::Outbound) -> Result<Option<Self>, SetupError> {
        let config::Diretrix { base_url: Some(base), user: Some(user), password: Some(password), .. } =
            settings
        else {
            return Ok(None);
        };
        let base = base.parse::<Url>().ok().filter(|url| !url.cannot_be_a_base());
        let base = base.ok_or(SetupError::BaseUrl("people.diretrix.base_url"))?;
        let basic = BASE64_STANDARD.encode(format!("{user}:{}", password.expose()));
        let mut authorization =
            HeaderValue::try_from(format!("Basic {basic}")).expect("base64 fits a header");
        authorization.set_sensitive(true);
        let client = Client::new(Self::NAME, outbound)?;
        Ok(Some(Self { client, settings: settings.clone(), base, authorization }))
    }

    /// The body of an answer that is about somebody; `None`: nobody was found.
    async fn ask(&self, template: &'static str, path: &[&str]) -> Result<Option<(Value, StatusCode)>, Error> {
        let mut url = self.base.clone();
        url.path_segments_mut()
            .expect("checked when the client was made")
            .pop_if_empty()
            .extend(["Consultas", "Pessoa"])
            .extend(path);
        let request = Request::get(url)
            .template(template)
            .header(header::AUTHORIZATION, self.authorization.clone())
            .timeout(self.settings.timeout());
        let answer = self.client.send_once(&request).await.map_err(Error::Call)?;
        let status = answer.status;
        if !status.is_success() {
            // Its own words are not known, and could quote what was asked.
            let reason = || format!("people.diretrix.user or its password is refused with {status}");
            return Error::of(status, &answer, reason).map_or(Ok(None), Err);
        }
        if answer.body.trim_ascii().is_empty() {
            return Ok(None);
        }
        match read::json(&answer.body) {
            Some(Value::Null) => Ok(None),
            Some(body @ (Value::Array(_) | Value::Object(_))) => Ok(Some((body, status))),
            _ => Err(Error::Unexpected(status)),
        }
    }

    async fn identities(&self, template: &'static str, path: &[&str]) -> Result<Vec<Identity>, Error> {
        let Some((body, status)) = self.ask(template, path).await? else { return Ok(Vec::new()) };
        if body.is_array() {
            return Ok(distinct(
                list(&body, "").filter_map(|person| cpf(person, "/cpf").map(|cpf| Identity { cpf })),
            ));
        }
        // One person, where there is one; an object about something else says nothing of people.
        let one = cpf(&body, "/cpf").map(|cpf| Identity { cpf });
        one.map(|identity| vec![identity]).ok_or(Error::Unexpected(status))
    }

    async fn person(&self, cpf: &Cpf) -> Result<Option<Person>, Error> {
        let asked = self.ask("/Consultas/Pessoa/{cpf}", &[cpf.expose()]).await?;
        let Some((body, status)) = asked else { return Ok(None) };
        // In a list there are people, or nobody.
        let body = match body {
            Value::Array(mut people) if people.len() <= 1 => match people.pop() {
                Some(person) => person,
                None => return Ok(None),
            },
            other => other,
        };
        if body.get("nome").is_none() {
            return Err(Error::Unexpected(status));
        }
        // Data of somebody else must not reach the lead.
        if read::cpf(&body, "/cpf").is_some_and(|told| told != *cpf) {
            return Err(Error::Unexpected(status));
        }
        Ok(Some(person(&body)).filter(|person| !person.is_empty()))
    }
}

fn person(body: &Value) -> Person {
    let phones = ranked(body, "/telefones").into_iter().filter_map(|phone| {
        let number = joined([text(phone, "/ddd"), Some(text(phone, "/numero")?)], "");
        Some(PersonPhone { number, whatsapp: false })
    });
    let emails = ranked(body, "/emails")
        .into_iter()
        .filter_map(|email| Some(PersonEmail { address: text(email, "/endereco")? }));
    Person {
        name: text(body, "/nome"),
        born: text(body, "/dataNascimento"),
        sex: text(body, "/sexo"),
        mother: text(body, "/mae"),
        phones: phones.collect(),
        emails: emails.collect(),
        addresses: list(body, "/enderecos").map(address).collect(),
        ..Person::default()
    }
}

/// Elements by `ranking`, those without one last.
fn ranked<'a>(body: &'a Value, pointer: &str) -> Vec<&'a Value> {
    let rank = |element: &&Value| text(element, "/ranking").and_then(|rank| rank.parse::<u32>().ok());
    let mut elements: Vec<_> = list(body, pointer).collect();
    elements.sort_by_key(|element| rank(element).unwrap_or(u32::MAX));
    elements
}

fn address(address: &Value) -> Address {
    // `logadouro` is their spelling.
    let street = text(address, "/logadouro").or_else(|| text(address, "/logradouro"));
    Address {
        street: joined([street, text(address, "/numero"), text(address, "/complemento")], ", "),
        neighbourhood: text(address, "/bairro").unwrap_or_default(),
        city: text(address, "/cidade").unwrap_or_default(),
        state: text(address, "/uf").unwrap_or_default(),
        postal_code: text(address, "/cep").unwrap_or_default(),
    }
}

impl Source for Diretrix {
    fn name(&self) -> &'static str {
        Self::NAME
    }

    fn rate_per_minute(&self) -> u32 {
        self.settings.rate_per_minute
    }

    fn answers(&self, _: Question) -> bool {
        true
    }

    fn by_phone<'a>(&'a self, phone: &'a Phone) -> Answering<'a, Vec<Identity>> {
        Box::pin(async move {
            self.identities("/Consultas/Pessoa/Telefone/{phone}", &["Telefone", phone.expose()]).await
        })
    }

    fn by_email<'a>(&'a self, email: &'a Email) -> Answering<'a, Vec<Identity>> {
        Box::pin(async move {
            self.identities("/Consultas/Pessoa/Email/{email}", &["Email", email.expose()]).await
        })
    }

    fn by_cpf<'a>(&'a self, cpf: &'a Cpf) -> Answering<'a, Option<Person>> {
        Box::pin(self.person(cpf))
    }
}

impl fmt::Debug for Diretrix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Diretrix(..)")
    }
}
