//! What a call leaves in logs and spans.

use std::{
    io::Write,
    sync::{Arc, Mutex},
};

use config::Secret;
use outbound::Request;
use simulators::Step;
use tracing_subscriber::fmt::format::FmtSpan;

use crate::{Given, client, settings};

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
async fn no_span_and_no_log_line_at_any_level_tells_a_secret() {
    let log = Log::default();
    let writer = log.clone();
    // For the whole process: with one subscriber of one thread, tracing asks other threads what is of interest.
    tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_span_events(FmtSpan::FULL)
        .with_ansi(false)
        .with_writer(move || writer.clone())
        .init();

    let given = Given::steps([Step::Status(500, ""), Step::BreakOff(100)]).await;
    let request =
        Request::post(given.url()).bearer(&Secret::from("key-of-the-test")).json(&["body-of-the-test"]);
    client(&settings()).send(&request).await.unwrap();
    let seen_before = request.template("/{path}").attempts_before(6);
    client(&settings()).send_once(&seen_before).await.unwrap();

    let told = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    assert!(told.contains("outbound.attempt") && told.contains("access_token=[redacted]"), "{told}");
    assert!(told.contains("http.request.resend_count=2"), "{told}");
    assert!(told.contains("http.request.resend_count=6") && told.contains("/{path}?access_token="), "{told}");
    for secret in ["t0ken-of-the-test", "p4th-of-the-test", "key-of-the-test", "body-of-the-test"] {
        let line = told.lines().find(|line| line.contains(secret));
        assert_eq!(line, None, "it holds {secret}");
    }
}
