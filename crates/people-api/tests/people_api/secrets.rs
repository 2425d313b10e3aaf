//! What questions leave in logs, spans and errors.

use std::{
    fmt::Write as _,
    io::Write,
    sync::{Arc, Mutex},
};

use people_api::{Diretrix, Source, WorkApi};
use simulators::{Script, Step, stranger};
use tracing_subscriber::fmt::format::FmtSpan;

use crate::{cpf, email, phone, settings};

/// Everything that is logged.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn neither_token_nor_person_is_told_at_any_level() {
    let log = Log::default();
    let writer = log.clone();
    // For the whole process: with one subscriber of one thread, tracing asks other threads what is of interest.
    tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_span_events(FmtSpan::FULL)
        .with_ansi(false)
        .with_writer(move || writer.clone())
        .init();

    let echo = "{\"status\":403,\"reason\":\"t0ken-of-the-test 52998224725 joao@example.com\"}";
    let script =
        Script::of([Step::Status(200, echo), Step::Status(401, echo), Step::Hang, Step::BreakOff(100)]);
    let server = stranger(&script).await.unwrap();
    let mut settings = settings();
    settings.people.work.base_url = format!("{}/api", server.url());
    settings.people.diretrix.base_url = Some(server.url());
    let work = WorkApi::new(&settings.people.work, &settings.outbound).unwrap().unwrap();
    let diretrix = Diretrix::new(&settings.people.diretrix, &settings.outbound).unwrap().unwrap();
    let mut told = format!("{work:?} {diretrix:?} {settings:?}");
    let errors = [
        work.by_cpf(&cpf("52998224725")).await.unwrap_err(),
        diretrix.by_cpf(&cpf("52998224725")).await.unwrap_err(),
        diretrix.by_email(&email("joao@example.com")).await.unwrap_err(),
        diretrix.by_phone(&phone("11987654321")).await.unwrap_err(),
    ];
    for error in &errors {
        write!(told, "{error} {error:?}").unwrap();
    }
    told.push_str(&String::from_utf8(log.0.lock().unwrap().clone()).unwrap());
    assert!(told.contains("/Consultas/Pessoa/Email/{email}") && told.contains("token=[redacted]"), "{told}");
    for secret in ["t0ken-of-the-test", "passw0rd", "52998224725", "joao", "11987654321", "dXMzcj"] {
        let line = told.lines().find(|line| line.contains(secret));
        assert_eq!(line, None, "it holds {secret}");
    }
}
