//! A wire that can be cut in one direction: what a process says no longer arrives, and it does not know.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    task::JoinSet,
};

/// Forwards TCP connections to a target, until told to swallow what clients send.
#[derive(Debug)]
pub struct Proxy {
    address: String,
    deaf: Arc<AtomicBool>,
    _tasks: JoinSet<()>,
}

impl Proxy {
    /// A proxy to `target` (`host:port`).
    pub async fn start(target: String) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("loopback has a free port");
        let address = listener.local_addr().expect("a bound listener has an address").to_string();
        let deaf = Arc::new(AtomicBool::new(false));
        let mut tasks = JoinSet::new();
        tasks.spawn(accept(listener, target, Arc::clone(&deaf)));
        Self { address, deaf, _tasks: tasks }
    }

    /// Where to connect to.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// From now on nothing that a client sends arrives.
    pub fn swallow(&self) {
        self.deaf.store(true, Ordering::SeqCst);
    }
}

async fn accept(listener: TcpListener, target: String, deaf: Arc<AtomicBool>) {
    let mut connections = JoinSet::new();
    while let Ok((client, _)) = listener.accept().await {
        let Ok(server) = TcpStream::connect(&target).await else { continue };
        connections.spawn(forward(client, server, Arc::clone(&deaf)));
    }
}

async fn forward(client: TcpStream, server: TcpStream, deaf: Arc<AtomicBool>) {
    let ((mut from_client, mut to_client), (mut from_server, mut to_server)) =
        (client.into_split(), server.into_split());
    let upwards = async {
        let mut buffer = vec![0; 64 * 1024];
        while let Ok(read @ 1..) = from_client.read(&mut buffer).await {
            if !deaf.load(Ordering::SeqCst)
                && to_server.write_all(buffer.get(..read).unwrap_or_default()).await.is_err()
            {
                break;
            }
        }
    };
    let downwards = tokio::io::copy(&mut from_server, &mut to_client);
    tokio::select! {
        () = upwards => {}
        _ = downwards => {}
    }
}
