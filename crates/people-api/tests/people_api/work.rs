//! The Work API.

use people_api::{Error, Question, Source, WorkApi};
use simulators::{Server, Step, people::Person, work};

use crate::{cpf, email, phone, settings};

struct Given {
    work: work::WorkApi,
    _server: Server,
    api: WorkApi,
}

async fn given() -> Given {
    let work = work::WorkApi::new("t0ken-of-the-test");
    let server = work.start().await.unwrap();
    let mut settings = settings();
    settings.people.work.base_url = format!("{}/api", server.url());
    let api = WorkApi::new(&settings.people.work, &settings.outbound).unwrap().unwrap();
    Given { work, _server: server, api }
}

#[tokio::test]
async fn a_person_is_told_by_cpf_and_nothing_that_nobody_should_keep() {
    let given = given().await;
    let person = given.api.by_cpf(&cpf("52998224725")).await.unwrap().unwrap();
    assert_eq!(person.name.as_deref(), Some("JOAO EXEMPLO"));
    assert_eq!((person.born.as_deref(), person.income.as_deref()), (Some("05/03/1980"), Some("2345,67")));
    assert_eq!((person.registration.as_deref(), person.is_dead), (Some("REGULAR"), false));
    assert_eq!((person.phones[0].number.as_str(), person.phones[0].whatsapp), ("11987654321", true));
    assert_eq!(
        (person.addresses[0].street.as_str(), person.addresses[0].city.as_str()),
        ("RUA TESTE, 1", "SAO PAULO")
    );
    let kept = serde_json::to_string(&person).unwrap();
    for other in ["PARENTE", "VIZINHO", "vacina", "AUXILIO", "700000000000000", "scoreCSB"] {
        assert!(!kept.contains(other), "{other}");
    }
    let asked = &given.work.script.requests()[0].query;
    assert!(asked.contains("modulo=cpf&consulta=52998224725"), "{asked}");
}

#[tokio::test]
async fn a_phone_tells_people_and_companies_are_none() {
    let given = given().await;
    given.work.add(Person::new("12345678000195", "EMPRESA EXEMPLO", "11987654321", "x@example.com"));
    let found = given.api.by_phone(&phone("+55 11 98765-4321")).await.unwrap();
    assert_eq!(found.iter().map(|found| found.cpf.expose()).collect::<Vec<_>>(), ["52998224725"]);
    assert!(given.api.by_phone(&phone("11 91234-5678")).await.unwrap().is_empty());

    assert!(!given.api.answers(Question::Email));
    assert!(given.api.by_email(&email("joao@example.com")).await.unwrap().is_empty());
    assert_eq!(given.work.script.requests().len(), 2, "there is no call for addresses");
}

#[tokio::test]
async fn a_200_may_be_anything_and_is_told_apart() {
    let given = given().await;
    let ask = async |body: &'static str| {
        given.work.script.then([Step::Status(200, body)]);
        given.api.by_cpf(&cpf("52998224725")).await
    };
    for nobody in [
        "{\"erro\":\"CPF nao encontrado\"}",
        "{\"status\":404}",
        "{\"status\":200,\"DadosBasicos\":null}",
        "{\"DadosBasicos\":{\"nome\":\" \"}}",
    ] {
        assert_eq!(ask(nobody).await.unwrap(), None, "{nobody}");
    }
    for account in [
        "{\"status\":403,\"statusMsg\":\"Forbidden\",\"reason\":\"Token invalido ou limite atingido\"}",
        "{\"status\":\"403\"}",
        "{\"status\":401}",
        "{\"erro\":\"Limite de consultas atingido\"}",
        "{\"status\":\"403 Forbidden\"}",
        "{\"status\":403.0}",
        "{\"status\":402}",
        "{\"status\":\"erro\",\"message\":\"Saldo insuficiente\"}",
        "{\"error\":\"Token expirado\"}",
    ] {
        let error = ask(account).await.unwrap_err();
        assert!(error.is_account() && !error.may_pass(), "{account}: {error:?}");
    }
    for passing in ["<html>", "", "[]", "{}", "{\"status\":500}", "{\"status\":429}", "{\"status\":302}"] {
        let error = ask(passing).await.unwrap_err();
        assert!(error.may_pass() && !error.is_account(), "{passing}: {error:?}");
    }
    let other = "{\"DadosBasicos\":{\"nome\":\"MARIA\",\"cpf\":\"11144477735\"}}";
    assert!(matches!(ask(other).await, Err(Error::Unexpected(_))), "somebody else's data is no answer");
}

#[tokio::test]
async fn a_number_without_its_zeros_is_the_same_person() {
    let given = given().await;
    given.work.script.then([
        Step::Status(200, "{\"DadosBasicos\":{\"nome\":\"ANA\",\"cpf\":1234567890}}"),
        Step::Status(
            200,
            "{\"msg\":[{\"cpf_cnpj\":1234567890},{\"cpf_cnpj\":\"01234567890\"},{\"cpf_cnpj\":null}]}",
        ),
        Step::Status(200, "{\"msg\":\"Nada encontrado\"}"),
    ]);
    assert!(given.api.by_cpf(&cpf("01234567890")).await.unwrap().is_some());
    assert_eq!(given.api.by_phone(&phone("55 3254-6724")).await.unwrap().len(), 1);
    assert!(given.api.by_phone(&phone("55 3254-6724")).await.unwrap().is_empty());
}

#[tokio::test]
async fn failures_pass_and_a_used_up_quota_does_not() {
    let given = given().await;
    for step in [Step::Status(500, ""), Step::Hang, Step::BreakOff(100), Step::RetryAfter(429, "5")] {
        given.work.script.then([step]);
        let error = given.api.by_cpf(&cpf("52998224725")).await.unwrap_err();
        assert!(error.may_pass(), "{error:?}");
    }
    assert_eq!(given.work.script.requests().len(), 4, "one question is one call");
    given.work.set_quota(Some(1));
    given.api.by_cpf(&cpf("52998224725")).await.unwrap();
    assert!(given.api.by_cpf(&cpf("52998224725")).await.unwrap_err().is_account());
    assert_eq!(given.work.answered(), 1);
}

#[test]
fn without_a_token_it_is_never_asked() {
    let mut settings = settings();
    settings.people.work.token = None;
    assert!(WorkApi::new(&settings.people.work, &settings.outbound).unwrap().is_none());
}
