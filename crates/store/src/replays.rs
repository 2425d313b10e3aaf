//! Replays: jobs, what each of them publishes again, and the chains that this makes.

mod chain;
mod edits;
mod erase;
mod items;
mod jobs;
mod leader;
mod root;
mod select;
mod source;

pub use chain::{Link, chain};
pub use edits::{Edit, add_edit, edits, edits_of};
pub use erase::{edited_bodies, erase_edits};
pub use items::{Item, ItemState, Refusal, Refused, claim, fail, insert, publish, refusals};
pub use jobs::{
    Job, JobStatus, NewJob, Outcomes, Progress, add, find, list, outcomes, progress, running, set_status,
};
pub use leader::{has_leader, lead};
pub(crate) use root::lock_roots;
pub use select::{Candidate, candidates, candidates_of_letters, letters_named};
pub use source::{Ledgered, Lettered, ledgered, lettered, sizes};
