//! The outside systems that Weir works with, as far as Weir meets them: what they send, and the APIs that they offer,
//! with the bad days that they have.
//!
//! Small real servers and real HTTP, used by tests and by `cargo xtask up`. All people and ids in them are invented.
//! Nothing here is part of a deployment.

pub mod brightdata;
pub mod c2s;
pub mod diretrix;
pub mod meta;
pub mod people;
mod script;
mod sender;
mod server;
pub mod usage;
pub mod work;
pub mod zapier;

pub use script::{Request, Script, Step};
pub use sender::Reply;
pub use server::Server;

/// A server that is nobody in particular: it plays its script, then answers every request with 200 and `ok`.
///
/// # Errors
/// The address cannot be listened on.
pub async fn stranger(script: &Script) -> std::io::Result<Server> {
    let router = axum::Router::new().fallback(async || "ok");
    Server::start(router, script, server::ANY_PORT).await
}
