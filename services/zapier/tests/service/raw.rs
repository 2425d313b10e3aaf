//! A server that says just these bytes, whatever HTTP thinks of them.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};

/// What it does with each request.
#[derive(Clone, Copy)]
pub(crate) enum Saying {
    /// These bytes at once, and then closes the connection.
    All(&'static str),
    /// These bytes, then this one again and again, with this much time between them.
    Drip(&'static str, &'static str, Duration),
    /// These bytes, then as many as are taken.
    Flood(&'static str),
}

/// A running server; dropping it stops it.
pub(crate) struct Raw {
    port: u16,
    requests: Arc<AtomicUsize>,
    task: JoinHandle<()>,
}

impl Raw {
    pub(crate) async fn start(saying: Saying) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let requests = Arc::<AtomicUsize>::default();
        let heard = Arc::clone(&requests);
        #[expect(clippy::disallowed_methods, reason = "ends with its handle; there is nothing to drain")]
        let task = tokio::spawn(async move {
            let mut open = tokio::task::JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                open.spawn(answer(stream, saying, Arc::clone(&heard)));
            }
        });
        Self { port, requests, task }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}/hook", self.port)
    }

    /// The same place, where no TLS is spoken.
    pub(crate) fn https_url(&self) -> String {
        format!("https://127.0.0.1:{}/hook", self.port)
    }

    pub(crate) fn requests(&self) -> usize {
        self.requests.load(Ordering::SeqCst)
    }
}

impl Drop for Raw {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn answer(mut stream: TcpStream, saying: Saying, heard: Arc<AtomicUsize>) {
    let mut request = vec![0; 64 * 1024];
    // Its beginning is enough to know that it came.
    if !matches!(stream.read(&mut request).await, Ok(1..)) {
        return;
    }
    heard.fetch_add(1, Ordering::SeqCst);
    match saying {
        Saying::All(text) => stream.write_all(text.as_bytes()).await.unwrap_or_default(),
        Saying::Drip(text, again, pause) => {
            let mut said = stream.write_all(text.as_bytes()).await;
            while said.is_ok() {
                tokio::time::sleep(pause).await;
                said = stream.write_all(again.as_bytes()).await;
            }
        }
        Saying::Flood(text) => {
            let mut said = stream.write_all(text.as_bytes()).await;
            while said.is_ok() {
                said = stream.write_all(&[b'x'; 16 * 1024]).await;
            }
        }
    }
}
