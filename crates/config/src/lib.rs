//! Settings of every Weir process: embedded defaults, then a file, then the environment, into one typed tree that
//! knows every key. An unknown key, a bad value or a missing secret is an error that names the key, before anything binds.
//!
//! This crate is the only one that reads the environment. A secret is never part of an error, of `Debug` or of what a
//! setting serialises to: proved by `no_secret_is_ever_shown`.

mod address;
mod environment;
mod file;
mod key;
mod legacy;
mod list;
mod load;
mod origin;
mod problem;
mod redact;
mod role;
mod schema;
mod secret;
mod sections;
mod settings;
mod source;
mod validate;

pub use address::{IpAddrOrNet, NotAnAddress};
pub use key::{Key, Kind, all as keys};
pub use legacy::{OLD_NAMES, OldName};
pub use list::List;
pub use load::{load, load_from, load_with};
pub use origin::Origin;
pub use problem::{LoadError, Problem};
pub use redact::redact_userinfo;
pub use role::Role;
pub use schema::schema;
pub use secret::Secret;
pub use sections::*;
pub use settings::{Entry, Settings};
pub use source::Sources;

/// The embedded `config.default.toml`: every key with its meaning, unit and default.
pub const DEFAULTS: &str = include_str!("../config.default.toml");

/// Variables that begin with `WEIR_` and are no settings, with what they are for.
pub const NOT_SETTINGS: &[(&str, &str)] = environment::NOT_SETTINGS;
