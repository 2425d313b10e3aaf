//! Diretrix: whose phone, whose address, and who somebody is.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use axum::{
    Json, Router,
    extract::{Path, State},
    http::{HeaderMap, StatusCode, header},
    routing::get,
};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use serde_json::{Value, json};

use crate::{
    Script, Server,
    people::{Person, everybody},
    server::ANY_PORT,
};

/// An API that knows people. Clones share them.
#[derive(Debug, Clone)]
pub struct Diretrix {
    /// What happens to the next requests.
    pub script: Script,
    authorization: String,
    people: Arc<Mutex<Vec<Person>>>,
}

impl Diretrix {
    /// An API that accepts this account and knows everybody.
    pub fn new(user: &str, password: &str) -> Self {
        let authorization = format!("Basic {}", BASE64_STANDARD.encode(format!("{user}:{password}")));
        Self { script: Script::default(), authorization, people: Arc::new(Mutex::new(everybody())) }
    }

    /// Starts it on a free port.
    ///
    /// # Errors
    /// There is none.
    pub async fn start(&self) -> std::io::Result<Server> {
        self.start_on(ANY_PORT).await
    }

    /// Starts it there.
    ///
    /// # Errors
    /// The address is taken.
    pub async fn start_on(&self, listen: SocketAddr) -> std::io::Result<Server> {
        let router = Router::new()
            .route("/Consultas/Pessoa/Telefone/{phone}", get(by_phone))
            .route("/Consultas/Pessoa/Email/{email}", get(by_email))
            .route("/Consultas/Pessoa/{cpf}", get(by_cpf))
            .with_state(self.clone());
        Server::start(router, &self.script, listen).await
    }

    /// Knows somebody more.
    pub fn add(&self, person: Person) {
        self.people().push(person);
    }

    fn people(&self) -> MutexGuard<'_, Vec<Person>> {
        self.people.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn admit(&self, headers: &HeaderMap) -> Result<MutexGuard<'_, Vec<Person>>, StatusCode> {
        let is_ours = headers.get(header::AUTHORIZATION).is_some_and(|given| *given == *self.authorization);
        if is_ours { Ok(self.people()) } else { Err(StatusCode::UNAUTHORIZED) }
    }

    fn of(&self, headers: &HeaderMap, is: impl Fn(&Person) -> bool) -> Result<Json<Value>, StatusCode> {
        let people = self.admit(headers)?;
        let found = people.iter().filter(|person| is(person));
        Ok(Json(found.map(|person| json!({ "cpf": person.cpf, "nome": person.name })).collect()))
    }
}

async fn by_phone(
    State(api): State<Diretrix>,
    Path(phone): Path<String>,
    headers: HeaderMap,
) -> Result<Json<Value>, StatusCode> {
    api.of(&headers, |person| person.has_phone(&phone))
}

async fn by_email(
    State(api): State<Diretrix>,
    Path(email): Path<String>,
    headers: HeaderMap,
) -> Result<Json<Value>, StatusCode> {
    api.of(&headers, |person| person.has_email(&email))
}

async fn by_cpf(
    State(api): State<Diretrix>,
    Path(cpf): Path<String>,
    headers: HeaderMap,
) -> Result<Json<Value>, StatusCode> {
    let people = api.admit(&headers)?;
    let person = people.iter().find(|person| person.cpf == cpf).ok_or(StatusCode::NOT_FOUND)?;
    let phones: Vec<Value> = person
        .phones
        .iter()
        .filter_map(|phone| phone.split_at_checked(2))
        .zip(1..)
        .map(|((ddd, number), ranking)| json!({ "ddd": ddd, "numero": number, "operadora": "X", "tipo": "C", "ranking": ranking }))
        .collect();
    let emails: Vec<Value> =
        person.emails.iter().map(|email| json!({ "endereco": email, "ranking": 1 })).collect();
    Ok(Json(json!({
        "nome": person.name, "cpf": person.cpf, "rg": "000000000", "dataNascimento": "05/03/1980", "idade": 45,
        "signo": "PEIXES", "sexo": "M", "mae": "MAE EXEMPLO", "telefones": phones, "emails": emails,
        "enderecos": [{
            "logadouro": "RUA TESTE", "numero": "1", "complemento": "", "bairro": "CENTRO", "cidade": "SAO PAULO",
            "uf": "SP", "cep": "01000000",
        }],
    })))
}
