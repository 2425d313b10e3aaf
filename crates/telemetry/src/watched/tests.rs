use std::{
    io,
    sync::{Arc, Mutex},
};

use opentelemetry_sdk::error::OTelSdkError;

use super::*;

/// Answers as told, from the last to the first.
#[derive(Debug)]
struct Scripted(Mutex<Vec<OTelSdkResult>>);

impl SpanExporter for Scripted {
    async fn export(&self, _: Vec<SpanData>) -> OTelSdkResult {
        self.0.lock().unwrap().pop().unwrap()
    }
}

#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl io::Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn an_outage_of_any_length_is_one_line_and_its_end_another() {
    let failed = || Err(OTelSdkError::InternalFailure("refused".to_owned()));
    let script = vec![failed(), Ok(()), Ok(()), failed(), failed(), failed(), Ok(())];
    let exports = script.len();
    let exporter = Watched::new("traces", Scripted(Mutex::new(script)));
    let lines = Lines::default();
    let sink = lines.clone();
    let subscriber =
        tracing_subscriber::fmt().with_writer(move || sink.clone()).with_ansi(false).without_time().finish();
    let quiet = tracing::subscriber::set_default(subscriber);
    for _ in 0..exports {
        exporter.export(Vec::new()).await.expect("the SDK is told that all is well");
    }
    drop(quiet);

    let text = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
    let levels: Vec<_> = text.lines().map(|line| line.split_whitespace().next().unwrap()).collect();
    assert_eq!(levels, ["WARN", "INFO", "WARN"], "{text}");
    assert!(text.contains("refused"), "{text}");
}
