//! A server that ends with its handle.

use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};

use axum::{Router, middleware};
use tokio::{net::TcpListener, task::JoinHandle};

use crate::{Script, script};

/// A free port of this machine.
pub(crate) const ANY_PORT: SocketAddr = SocketAddr::V4(SocketAddrV4::new(Ipv4Addr::LOCALHOST, 0));

/// A running server; dropping it stops it.
#[derive(Debug)]
pub struct Server {
    address: SocketAddr,
    task: JoinHandle<()>,
}

impl Server {
    /// Serves the routes, each request first asking the script.
    pub(crate) async fn start(router: Router, script: &Script, listen: SocketAddr) -> std::io::Result<Self> {
        let listener = TcpListener::bind(listen).await?;
        let address = listener.local_addr()?;
        let router = router.layer(middleware::from_fn_with_state(script.clone(), script::play));
        let serving = async move {
            // Serving ends with the task and not before.
            axum::serve(listener, router).await.ok();
        };
        #[expect(clippy::disallowed_methods, reason = "ends with this handle; there is nothing to drain")]
        let task = tokio::spawn(serving);
        Ok(Self { address, task })
    }

    /// `http://127.0.0.1:PORT`
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Runs until the process ends.
    pub async fn forever(mut self) {
        // Aborted or panicked, it is over either way.
        (&mut self.task).await.ok();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}
