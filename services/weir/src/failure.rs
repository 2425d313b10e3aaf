//! How a verb fails: one sentence, a hint, and an exit code that scripts can branch on.

use std::process::ExitCode;

use bus::ConnectError;
use config::LoadError;

/// Why a verb could not do what it says.
#[derive(Debug)]
pub(crate) struct Failure {
    kind: Kind,
    error: anyhow::Error,
    hint: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Wrong,
    Usage,
    Away,
}

/// Something is wrong.
pub(crate) const WRONG: u8 = 1;
/// Something needed does not answer.
pub(crate) const AWAY: u8 = 3;
/// Only warnings.
pub(crate) const WARNINGS: u8 = 4;

impl Failure {
    /// The command line or the configuration cannot be used.
    pub(crate) fn usage(error: impl Into<anyhow::Error>) -> Self {
        Self { kind: Kind::Usage, error: error.into(), hint: None }
    }

    /// Something needed does not answer.
    pub(crate) fn away(error: impl Into<anyhow::Error>) -> Self {
        Self { kind: Kind::Away, error: error.into(), hint: None }
    }

    /// What to do about it.
    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// The sentence.
    pub(crate) fn sentence(&self) -> String {
        format!("{:#}", self.error)
    }

    /// What to do, if there is something.
    pub(crate) fn advice(&self) -> Option<&str> {
        self.hint.as_deref()
    }

    /// Whether something needed does not answer, and later may.
    pub(crate) fn is_away(&self) -> bool {
        self.kind == Kind::Away
    }

    /// The process's exit code.
    pub(crate) fn code(&self) -> ExitCode {
        ExitCode::from(match self.kind {
            Kind::Wrong => WRONG,
            Kind::Usage => 2,
            Kind::Away => AWAY,
        })
    }

    /// Whether the reader of our output went away, which is no failure of ours (`weir events list | head`).
    pub(crate) fn is_broken_pipe(&self) -> bool {
        let broken = |error: &std::io::Error| error.kind() == std::io::ErrorKind::BrokenPipe;
        self.error.downcast_ref().is_some_and(broken)
    }
}

impl From<anyhow::Error> for Failure {
    fn from(error: anyhow::Error) -> Self {
        Self { kind: Kind::Wrong, error, hint: None }
    }
}

impl From<LoadError> for Failure {
    fn from(error: LoadError) -> Self {
        Self::usage(error).hint("`weir config names` lists every setting")
    }
}

impl From<ConnectError> for Failure {
    fn from(error: ConnectError) -> Self {
        match &error {
            ConnectError::Setting { .. } => Self::usage(error),
            ConnectError::TooOld { .. } => Self::from(anyhow::Error::from(error))
                .hint("older servers silently ignore options that Weir relies on"),
            ConnectError::Timeout(_) => Self::away(error)
                .hint("set WEIR_NATS__URLS (or NATS_URL); `--log debug` shows what the client says"),
            ConnectError::Refused(_) => {
                Self::away(error).hint("check the credentials of the nats section: `weir config show`")
            }
        }
    }
}
