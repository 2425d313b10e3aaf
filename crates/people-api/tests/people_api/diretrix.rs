//! Diretrix.

use people_api::{Diretrix, Source};
use simulators::{Server, Step, diretrix, people::Person};

use crate::{cpf, email, phone, settings};

struct Given {
    diretrix: diretrix::Diretrix,
    _server: Server,
    api: Diretrix,
}

async fn given() -> Given {
    given_with_password("passw0rd-of-the-test").await
}

async fn given_with_password(password: &str) -> Given {
    let diretrix = diretrix::Diretrix::new("us3r", password);
    let server = diretrix.start().await.unwrap();
    let mut settings = settings();
    settings.people.diretrix.base_url = Some(server.url());
    let api = Diretrix::new(&settings.people.diretrix, &settings.outbound).unwrap().unwrap();
    Given { diretrix, _server: server, api }
}

#[tokio::test]
async fn phones_and_addresses_tell_who_and_a_cpf_tells_more() {
    let given = given().await;
    given.diretrix.add(Person::new("11144477735", "MARIA EXEMPLO", "11987654321", "x@example.com"));
    let found = given.api.by_phone(&phone("11 98765-4321")).await.unwrap();
    let cpfs: Vec<_> = found.iter().map(|found| found.cpf.expose()).collect();
    assert_eq!(cpfs, ["52998224725", "11144477735"], "a phone may belong to several");
    let found = given.api.by_email(&email("maria@example.com")).await.unwrap();
    assert_eq!(found[0].cpf.expose(), "11144477735");
    assert!(given.api.by_email(&email("n/obody+1@example.com")).await.unwrap().is_empty());

    let person = given.api.by_cpf(&cpf("52998224725")).await.unwrap().unwrap();
    assert_eq!(
        (person.name.as_deref(), person.mother.as_deref()),
        (Some("JOAO EXEMPLO"), Some("MAE EXEMPLO"))
    );
    assert_eq!(
        (person.phones[0].number.as_str(), person.addresses[0].street.as_str()),
        ("11987654321", "RUA TESTE, 1")
    );
    assert_eq!(given.api.by_cpf(&cpf("98765432100")).await.unwrap(), None);
}

#[tokio::test]
async fn every_form_of_an_answer_is_told_apart() {
    let given = given().await;
    let ask = async |status, body: &'static str| {
        given.diretrix.script.then([Step::Status(status, body)]);
        given.api.by_phone(&phone("11 98765-4321")).await
    };
    for (status, body) in
        [(200, "[]"), (200, "null"), (200, ""), (204, ""), (404, "nada"), (200, "[{\"cpf\":null}]")]
    {
        assert!(ask(status, body).await.unwrap().is_empty(), "{status} {body}");
    }
    assert_eq!(ask(200, "{\"cpf\":1234567890}").await.unwrap()[0].cpf.expose(), "01234567890");
    for (status, body) in [(200, "<html>"), (200, "7"), (200, "{}"), (500, ""), (429, ""), (408, "")] {
        let error = ask(status, body).await.unwrap_err();
        assert!(error.may_pass() && !error.is_account(), "{status} {body}: {error:?}");
    }
    for status in [401, 402, 403] {
        assert!(ask(status, "").await.unwrap_err().is_account(), "{status}");
    }
    let error = ask(422, "").await.unwrap_err();
    assert!(!error.may_pass() && !error.is_account(), "{error:?}");
}

#[tokio::test]
async fn a_wrong_password_is_the_accounts_failure() {
    let given = given_with_password("another").await;
    assert!(given.api.by_cpf(&cpf("52998224725")).await.unwrap_err().is_account());
}

#[test]
fn without_an_address_or_an_account_it_is_never_asked() {
    let settings = settings();
    assert!(Diretrix::new(&settings.people.diretrix, &settings.outbound).unwrap().is_none());
    let mut diretrix = settings.people.diretrix;
    diretrix.base_url = Some("https://diretrix.example.com".to_owned());
    diretrix.password = None;
    assert!(Diretrix::new(&diretrix, &settings.outbound).unwrap().is_none());
}
