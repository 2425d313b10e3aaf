//! Bright Data: the sender of deliveries and notifications, and the API that takes jobs.

mod api;
mod job;
mod records;
mod sender;

pub use api::BrightDataApi;
pub use records::{DATASETS, Dataset, corrupt_record, error_record, record, records};
pub use sender::{Authorization, Delivery, Form, Sender, gzip};
