//! Questions to services of our own.
#![cfg(test)]

mod diretrix;
mod secrets;
mod work;

use config::Secret;

/// The defaults, allowed to call this machine.
fn settings() -> config::Settings {
    let mut settings = config::Settings::for_tests();
    settings.outbound.allowed_networks = config::List(vec!["127.0.0.1".parse().unwrap()]);
    settings.people.work.timeout_ms = 500;
    settings.people.work.token = Some(Secret::from("t0ken-of-the-test"));
    settings.people.diretrix.timeout_ms = 500;
    settings.people.diretrix.user = Some("us3r".to_owned());
    settings.people.diretrix.password = Some(Secret::from("passw0rd-of-the-test"));
    settings
}

fn cpf(text: &str) -> people::Cpf {
    text.parse().unwrap()
}

fn phone(text: &str) -> people::Phone {
    people::Phone::parse(text, None).unwrap()
}

fn email(text: &str) -> people::Email {
    text.parse().unwrap()
}
