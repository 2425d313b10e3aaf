//! Outbound webhooks: whom events are sent on to, and sending them.
//!
//! Every hook has a queue of its own in the database. A hook that is slow, limited, throttled or disabled keeps its own
//! events waiting and nobody else's; what one hook has is not sent to it again because another one failed.
//!
//! Promised: an event that is in a queue is sent until its hook has it or it is given up, which makes a dead letter; at
//! least once, and always under the same `webhook-id` (a process that dies between sending and writing that down leaves
//! an event that is sent again); never faster than the hook's limit, all replicas together; and neither a URL nor a
//! secret shows in a log, a span, an error or a listing. Proved by the tests of this crate and of `services/zapier`.
//!
//! Never here: which events there are, and what is in them.

mod attempt;
mod catalogue;
mod filter;
pub mod health;
mod limits;
mod metrics;
mod opened;
mod said;
mod shared;
mod sign;
mod supervisor;
mod validation;
mod worker;

pub use catalogue::{Catalogue, Change, Error, Made, Rotated};
pub use filter::wants;
pub use limits::{LimitError, check};
pub use shared::{Backlogs, Hooks, Render};
pub use store::hooks::{Disabled, Hook, Kind, Manner};
pub use supervisor::start;
pub use validation::Validation;
