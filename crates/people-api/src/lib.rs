//! Services that know people: the only place that calls them. They are paid per call and see personal data, so nobody is
//! asked twice for one thing here, and nothing but what [`people::Person`] holds is kept of what they tell: answers carry
//! health, relatives and benefits, too.
//!
//! Every method is one call and never more: whoever calls takes it from the limit that all replicas share first
//! (`store::rate_limits`, with [`Source::name`] as the key) and decides about the next one.

mod diretrix;
mod error;
mod read;
mod work;

use futures::future::BoxFuture;
use people::{Cpf, Email, Person, Phone};

pub use diretrix::Diretrix;
pub use error::{Error, SetupError};
pub use work::WorkApi;

/// What can be asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Question {
    /// Whose phone is it?
    Phone,
    /// Whose address is it?
    Email,
    /// Who is it?
    Cpf,
}

/// Somebody who belongs to a phone or an address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// The number.
    pub cpf: Cpf,
}

/// A future answer.
pub type Answering<'a, T> = BoxFuture<'a, Result<T, Error>>;

/// A service that knows people. Nobody found is an empty answer and no error.
pub trait Source: Send + Sync + std::fmt::Debug {
    /// Its name in tables and spans, and the key of its limit.
    fn name(&self) -> &'static str;

    /// Calls a minute that all replicas may make together.
    fn rate_per_minute(&self) -> u32;

    /// Whether it has a call for this; without one it answers that it found nobody, and calls nothing.
    fn answers(&self, question: Question) -> bool;

    /// Whose phone it is; several people where it is not sure.
    fn by_phone<'a>(&'a self, phone: &'a Phone) -> Answering<'a, Vec<Identity>>;

    /// Whose e-mail address it is; several people where it is not sure.
    fn by_email<'a>(&'a self, email: &'a Email) -> Answering<'a, Vec<Identity>>;

    /// Who it is.
    fn by_cpf<'a>(&'a self, cpf: &'a Cpf) -> Answering<'a, Option<Person>>;
}
