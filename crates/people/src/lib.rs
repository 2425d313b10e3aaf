//! Brazilian people by what identifies them: CPF, phone and e-mail, read as people write them.
//!
//! A [`Cpf`] never prints but masked, wherever it is formatted (`a_cpf_never_prints_whole`); [`masked`] does the same
//! for text from outside, and [`plain_words`] leaves nothing of people in what other companies say. [`BlindIndex`] makes keys to find a person by, which tell nothing without the setting's key.
//!
//! Pure: no I/O, no clock, no database.

mod cpf;
mod email;
mod find;
mod index;
mod mask;
mod person;
mod phone;
mod told;

pub use cpf::{Cpf, InvalidCpf};
pub use email::{Email, InvalidEmail};
pub use find::{Found, find, find_in_field, mentions, mentions_in_json};
pub use index::{BlindIndex, IndexKeyError};
pub use mask::masked;
pub use person::{Address, Person, PersonEmail, PersonPhone};
pub use phone::{AreaCode, InvalidPhone, Phone};
pub use told::plain_words;
