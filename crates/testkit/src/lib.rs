//! A private broker, database and OTLP receiver per test, and a rig to run a service on them: the real servers, on ports of their own, gone with the test.
//!
//! Nothing here installs anything: `cargo xtask tools` does, and the panic of a test that lacks a server says so. This
//! crate panics where a library would return an error, because its callers are tests.

mod broker;
mod database;
mod eventually;
mod nodes;
mod otlp;
mod postgres;
mod rig;

pub use broker::Broker;
pub use database::Database;
pub use eventually::eventually;
pub use nodes::Nodes;
pub use otlp::{OtlpReceiver, ReceivedLog, ReceivedSpan, SpanRef};
pub use postgres::PostgresServer;
pub use rig::Rig;
