//! The Work API. It answers 200 whatever happened, its token travels in the query, and what it says stands in the body.

use std::fmt;

use http::StatusCode;
use outbound::{Answer, Client, Request, Url};
use people::{Address, Cpf, Email, Person, PersonEmail, PersonPhone, Phone};
use serde_json::Value;

use crate::{
    Answering, Error, Identity, Question, SetupError, Source,
    read::{self, cpf, joined, list, text},
};

/// Words of an `erro` that is about our account, not about the person: taken for "nobody found", it would burn a lead.
const ACCOUNT_WORDS: [&str; 9] =
    ["token", "limite", "quota", "saldo", "credito", "crédito", "bloquead", "expirad", "autoriza"];

/// The Work API as our account calls it.
#[derive(Clone)]
pub struct WorkApi {
    client: Client,
    settings: config::WorkApi,
    base: Url,
    token: config::Secret,
}

impl WorkApi {
    /// Its name in tables and spans, and the key of its limit.
    pub const NAME: &'static str = "work-api";

    /// The API of these settings; `None`: there is no token, so it is never asked.
    ///
    /// # Errors
    /// See [`SetupError`].
    pub fn new(settings: &config::WorkApi, outbound: &config::Outbound) -> Result<Option<Self>, SetupError> {
        let token = settings.token.clone().filter(|token| !token.expose().is_empty());
        let Some(token) = token else { return Ok(None) };
        let base = settings.base_url.parse().map_err(|_| SetupError::BaseUrl("people.work.base_url"))?;
        let client = Client::new(Self::NAME, outbound)?;
        Ok(Some(Self { client, settings: settings.clone(), base, token }))
    }

    /// The body of an answer that is about a person; `None`: nobody was found.
    async fn ask(&self, module: &str, query: &str) -> Result<Option<(Value, StatusCode)>, Error> {
        let mut url = self.base.clone();
        url.query_pairs_mut()
            .append_pair("token", self.token.expose())
            .append_pair("modulo", module)
            .append_pair("consulta", query);
        let request = Request::get(url).template("/api").timeout(self.settings.timeout());
        let answer = self.client.send_once(&request).await.map_err(Error::Call)?;
        Self::judge(&answer)
    }

    fn judge(answer: &Answer) -> Result<Option<(Value, StatusCode)>, Error> {
        let http = answer.status;
        let body = read::json(&answer.body).filter(Value::is_object);
        if !http.is_success() {
            return Error::of(http, answer, || reason(body.as_ref())).map_or(Ok(None), Err);
        }
        let body = body.ok_or(Error::Unexpected(http))?;
        // A number, a text (`403 Forbidden`), or a float.
        let told = text(&body, "/status")
            .and_then(|status| StatusCode::from_bytes(status.as_bytes().get(..3).unwrap_or_default()).ok());
        if let Some(status) = told.filter(|status| !status.is_success()) {
            return Error::of(status, answer, || reason(Some(&body))).map_or(Ok(None), Err);
        }
        if body.get("erro").is_some_and(|error| !matches!(error, Value::Null | Value::Bool(false))) {
            return if is_about_account(&body) { Err(Error::Account(reason(Some(&body)))) } else { Ok(None) };
        }
        // Neither an answer nor an error in one of its forms: what it says decides.
        if !["/DadosBasicos", "/msg/0"].iter().any(|at| body.pointer(at).is_some()) && is_about_account(&body)
        {
            return Err(Error::Account(reason(Some(&body))));
        }
        Ok(Some((body, http)))
    }

    async fn identities(&self, phone: &Phone) -> Result<Vec<Identity>, Error> {
        let Some((body, status)) = self.ask("phone", phone.expose()).await? else { return Ok(Vec::new()) };
        match body.get("msg") {
            Some(Value::Array(_)) => {}
            // "Nothing found", in words.
            Some(Value::String(_) | Value::Null) => return Ok(Vec::new()),
            _ => return Err(Error::Unexpected(status)),
        }
        let found =
            list(&body, "/msg").filter_map(|person| cpf(person, "/cpf_cnpj").map(|cpf| Identity { cpf }));
        Ok(distinct(found))
    }

    async fn person(&self, cpf: &Cpf) -> Result<Option<Person>, Error> {
        let Some((body, status)) = self.ask("cpf", cpf.expose()).await? else { return Ok(None) };
        if body.get("DadosBasicos").is_none() {
            return Err(Error::Unexpected(status));
        }
        // Data of somebody else must not reach the lead.
        if read::cpf(&body, "/DadosBasicos/cpf").is_some_and(|told| told != *cpf) {
            return Err(Error::Unexpected(status));
        }
        Ok(Some(person(&body)).filter(|person| !person.is_empty()))
    }
}

fn said(body: Option<&Value>) -> Option<String> {
    ["/reason", "/erro", "/error", "/message", "/msg", "/statusMsg"].iter().find_map(|at| text(body?, at))
}

/// What it says for people, without the token and what could be of a person.
fn reason(body: Option<&Value>) -> String {
    people::plain_words(said(body).as_deref().unwrap_or("no reason is given"))
}

fn is_about_account(body: &Value) -> bool {
    let lower = said(Some(body)).unwrap_or_default().to_lowercase();
    ACCOUNT_WORDS.iter().any(|word| lower.contains(word))
}

/// Each person once, in the service's order.
pub(crate) fn distinct(found: impl Iterator<Item = Identity>) -> Vec<Identity> {
    found.fold(Vec::new(), |mut all, identity| {
        if !all.contains(&identity) {
            all.push(identity);
        }
        all
    })
}

fn person(body: &Value) -> Person {
    let phones = list(body, "/telefones").filter_map(|phone| {
        let number = text(phone, "/telefone")?;
        let whatsapp = text(phone, "/whatsapp").is_some_and(|word| word.eq_ignore_ascii_case("sim"));
        Some(PersonPhone { number, whatsapp })
    });
    let emails =
        list(body, "/emails").filter_map(|email| Some(PersonEmail { address: text(email, "/email")? }));
    Person {
        name: text(body, "/DadosBasicos/nome"),
        born: text(body, "/DadosBasicos/dataNascimento"),
        sex: text(body, "/DadosBasicos/sexo"),
        mother: text(body, "/DadosBasicos/nomeMae"),
        registration: text(body, "/DadosBasicos/situacaoCadastral/descricaoSituacaoCadastral"),
        is_dead: is_dead(body),
        occupation: text(body, "/profissao/cboDescricao"),
        income: text(body, "/DadosEconomicos/renda"),
        purchasing_power: text(body, "/DadosEconomicos/poderAquisitivo/poderAquisitivoDescricao"),
        income_range: text(body, "/DadosEconomicos/poderAquisitivo/faixaPoderAquisitivo"),
        phones: phones.collect(),
        emails: emails.collect(),
        addresses: list(body, "/enderecos").map(address).collect(),
    }
}

/// Whether a death is recorded: by its date, or by a word that is no "no".
fn is_dead(body: &Value) -> bool {
    let word = text(body, "/DadosBasicos/obito/obito");
    text(body, "/DadosBasicos/obito/dataObito").is_some()
        || word
            .is_some_and(|word| !matches!(word.to_uppercase().as_str(), "NAO" | "NÃO" | "N" | "0" | "FALSE"))
}

fn address(address: &Value) -> Address {
    let street = joined([text(address, "/tipoLogradouro"), text(address, "/logradouro")], " ");
    let rest = [text(address, "/logradouroNumero"), text(address, "/complemento")];
    Address {
        street: joined([Some(street).filter(|street| !street.is_empty()), Some(joined(rest, ", "))], ", ")
            .trim_end_matches(", ")
            .to_owned(),
        neighbourhood: text(address, "/bairro").unwrap_or_default(),
        city: text(address, "/cidade").unwrap_or_default(),
        state: text(address, "/uf").unwrap_or_default(),
        postal_code: text(address, "/cep").unwrap_or_default(),
    }
}

impl Source for WorkApi {
    fn name(&self) -> &'static str {
        Self::NAME
    }

    fn rate_per_minute(&self) -> u32 {
        self.settings.rate_per_minute
    }

    fn answers(&self, question: Question) -> bool {
        matches!(question, Question::Phone | Question::Cpf)
    }

    fn by_phone<'a>(&'a self, phone: &'a Phone) -> Answering<'a, Vec<Identity>> {
        Box::pin(self.identities(phone))
    }

    fn by_email<'a>(&'a self, _: &'a Email) -> Answering<'a, Vec<Identity>> {
        Box::pin(async { Ok(Vec::new()) })
    }

    fn by_cpf<'a>(&'a self, cpf: &'a Cpf) -> Answering<'a, Option<Person>> {
        Box::pin(self.person(cpf))
    }
}

impl fmt::Debug for WorkApi {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("WorkApi(..)")
    }
}
