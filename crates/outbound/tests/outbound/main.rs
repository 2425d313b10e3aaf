//! Calls against a server that misbehaves.
#![cfg(test)]

mod circuits;
mod downloads;
mod guard;
mod limits;
mod repeats;
mod secrets;

use config::Outbound;
use outbound::{Client, Request, Url};
use simulators::{Script, Server, Step, stranger};

/// The defaults, allowed to call this machine, with waits that a test can bear.
fn settings() -> Outbound {
    let mut settings = config::Settings::for_tests().outbound;
    settings.allowed_networks = config::List(vec!["127.0.0.1".parse().unwrap()]);
    settings.retry_base_ms = 5;
    settings.retry_max_ms = 2_000;
    settings.connect_timeout_ms = 500;
    settings.timeout_ms = 2_000;
    settings.idle_timeout_ms = 300;
    settings
}

/// A misbehaving server and what it was asked.
struct Given {
    server: Server,
    script: Script,
}

impl Given {
    async fn steps(steps: impl IntoIterator<Item = Step>) -> Self {
        let script = Script::of(steps);
        Self { server: stranger(&script).await.unwrap(), script }
    }

    fn url(&self) -> Url {
        format!("{}/p4th-of-the-test?access_token=t0ken-of-the-test", self.server.url()).parse().unwrap()
    }

    fn get(&self) -> Request {
        Request::get(self.url())
    }

    fn asked(&self) -> usize {
        self.script.requests().len()
    }
}

fn client(settings: &Outbound) -> Client {
    Client::new("stranger", settings).unwrap()
}
