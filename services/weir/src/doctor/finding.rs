//! What doctor says.

use serde::Serialize;

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Finding {
    pub(crate) severity: Severity,
    pub(crate) area: &'static str,
    pub(crate) text: String,
    /// What to do.
    pub(crate) advice: Option<String>,
}

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Severity {
    /// As it should be.
    Ok,
    /// Worth knowing.
    Info,
    /// Will be a problem, or is one under some conditions.
    Warning,
    /// Promises are broken, or nothing works.
    Error,
}

impl Severity {
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Info => "info",
            Self::Warning => "WARN",
            Self::Error => "ERROR",
        }
    }
}

/// The findings about one area.
#[derive(Debug)]
pub(crate) struct Findings {
    area: &'static str,
    findings: Vec<Finding>,
}

impl Findings {
    pub(crate) const fn about(area: &'static str) -> Self {
        Self { area, findings: Vec::new() }
    }

    pub(crate) fn ok(&mut self, text: impl Into<String>) {
        self.push(Severity::Ok, text.into(), None);
    }

    pub(crate) fn info(&mut self, text: impl Into<String>, advice: impl Into<String>) {
        self.push(Severity::Info, text.into(), Some(advice.into()));
    }

    pub(crate) fn warning(&mut self, text: impl Into<String>, advice: impl Into<String>) {
        self.push(Severity::Warning, text.into(), Some(advice.into()));
    }

    pub(crate) fn error(&mut self, text: impl Into<String>, advice: impl Into<String>) {
        self.push(Severity::Error, text.into(), Some(advice.into()));
    }

    pub(crate) fn into_vec(self) -> Vec<Finding> {
        self.findings
    }

    fn push(&mut self, severity: Severity, text: String, advice: Option<String>) {
        self.findings.push(Finding { severity, area: self.area, text, advice });
    }
}
