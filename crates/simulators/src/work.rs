//! The Work API. It answers 200 whatever happened.

use std::{
    collections::HashMap,
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use axum::{
    Json, Router,
    extract::{Query, State},
    routing::get,
};
use serde_json::{Value, json};

use crate::{
    Script, Server,
    people::{Person, everybody},
    server::ANY_PORT,
};

/// An API that knows people. Clones share them.
#[derive(Debug, Clone)]
pub struct WorkApi {
    /// What happens to the next requests.
    pub script: Script,
    known: Arc<Mutex<Known>>,
}

#[derive(Debug)]
struct Known {
    token: String,
    people: Vec<Person>,
    quota: Option<u32>,
    answered: u32,
}

impl WorkApi {
    /// An API that accepts this token and knows everybody.
    pub fn new(token: &str) -> Self {
        let known = Known { token: token.to_owned(), people: everybody(), quota: None, answered: 0 };
        Self { script: Script::default(), known: Arc::new(Mutex::new(known)) }
    }

    /// Starts it on a free port.
    ///
    /// # Errors
    /// There is none.
    pub async fn start(&self) -> std::io::Result<Server> {
        self.start_on(ANY_PORT).await
    }

    /// Starts it there. It is asked at `/api` below the server's address.
    ///
    /// # Errors
    /// The address is taken.
    pub async fn start_on(&self, listen: SocketAddr) -> std::io::Result<Server> {
        let router = Router::new().route("/api", get(ask)).with_state(self.clone());
        Server::start(router, &self.script, listen).await
    }

    /// Knows somebody more.
    pub fn add(&self, person: Person) {
        self.known().people.push(person);
    }

    /// Refuses everything after so many more answers; `None`: never.
    pub fn set_quota(&self, left: Option<u32>) {
        self.known().quota = left;
    }

    /// Answers that were given, and are paid for.
    pub fn answered(&self) -> u32 {
        self.known().answered
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn ask(State(api): State<WorkApi>, Query(query): Query<HashMap<String, String>>) -> Json<Value> {
    let given = |name: &str| query.get(name).map(String::as_str).unwrap_or_default();
    let mut known = api.known();
    if given("token") != known.token || known.quota == Some(0) {
        let reason = "Token invalido ou limite atingido";
        return Json(json!({ "status": 403, "statusMsg": "Forbidden", "reason": reason }));
    }
    if let Some(left) = &mut known.quota {
        *left -= 1;
    }
    known.answered += 1;
    let asked = given("consulta");
    Json(match given("modulo") {
        "cpf" => match known.people.iter().find(|person| person.cpf == asked) {
            Some(person) => person_json(person),
            None => json!({ "erro": "CPF nao encontrado" }),
        },
        "phone" => {
            let theirs = known.people.iter().filter(|person| person.has_phone(asked));
            let found: Vec<Value> =
                theirs.map(|person| json!({ "cpf_cnpj": person.cpf, "nome": person.name })).collect();
            json!({ "msg": found })
        }
        _ => json!({ "erro": "Modulo invalido" }),
    })
}

/// All that it tells, what nobody should keep included.
fn person_json(person: &Person) -> Value {
    let phone = |number: &String| json!({ "telefone": number, "status": "ATIVO", "tipo": "MOVEL", "operadora": "X", "whatsapp": "SIM" });
    let email = |address: &String| json!({ "email": address, "prioridade": "1", "qualidade": "BOM", "emailPessoal": "SIM", "blacklist": "NAO" });
    json!({
        "status": 200,
        "DadosBasicos": {
            "nome": person.name, "cpf": person.cpf, "cns": "700000000000000", "dataNascimento": "05/03/1980",
            "sexo": "M - MASCULINO", "cor": null, "nomeMae": "MAE EXEMPLO", "nomePai": null,
            "municipioNascimento": "SAO PAULO", "nacionalidade": "BRASILEIRO",
            "obito": { "obito": null, "dataObito": null },
            "situacaoCadastral": {
                "codigoSituacaoCadastral": "0", "descricaoSituacaoCadastral": "REGULAR",
                "dataSituacaoCadastral": "01/01/2024",
            },
        },
        "DadosEconomicos": {
            "renda": "2345,67",
            "poderAquisitivo": {
                "codigoPoderAquisitivo": "3", "poderAquisitivoDescricao": "MEDIO",
                "rendaPoderAquisitivo": "2500,00", "codigoFaixaRenda": "4",
                "faixaPoderAquisitivo": "De R$ 1630 ate R$ 4082",
            },
            "score": { "scoreCSB": "500", "scoreCSBFaixaRisco": "MEDIO" },
            "serasaMosaic": null,
        },
        "profissao": { "cbo": "252105", "cboDescricao": "ADMINISTRADOR", "pis": null },
        "empresas": [],
        "enderecos": [{
            "tipoLogradouro": "RUA", "logradouro": "TESTE", "logradouroNumero": "1", "complemento": "",
            "bairro": "CENTRO", "cidade": "SAO PAULO", "uf": "SP", "cep": "01000000",
        }],
        "telefones": person.phones.iter().map(phone).collect::<Vec<_>>(),
        "emails": person.emails.iter().map(email).collect::<Vec<_>>(),
        "parentes": [{ "nome": "PARENTE EXEMPLO", "grauParentesco": "IRMAO" }],
        "vacinasCovid": [{ "vacina": "X", "dose": "1" }],
        "beneficios": [{ "beneficio": "AUXILIO EXEMPLO" }],
        "vizinhos": [{ "nome": "VIZINHO EXEMPLO" }],
    })
}
