//! What a job is asked for with.

use config::Secret;
use serde_json::Value;

/// Form of the delivered data.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Format {
    /// One array.
    #[default]
    Json,
    /// One record a line.
    Ndjson,
    /// Comma-separated values.
    Csv,
}

impl Format {
    /// Bright Data's word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Json => "json",
            Self::Ndjson => "ndjson",
            Self::Csv => "csv",
        }
    }
}

/// A job to be.
#[derive(Debug, Clone)]
pub struct Trigger<'a> {
    /// Dataset, such as `gd_lk5ns7kz21pck8jpis`.
    pub dataset_id: &'a str,
    /// What to collect: an array of objects.
    pub inputs: &'a [Value],
    /// Where the data is delivered; absent: nowhere, it has to be fetched.
    pub endpoint: Option<&'a str>,
    /// Where the end of the job is told.
    pub notify: Option<&'a str>,
    /// What both of them carry as `Authorization: Bearer`.
    pub token: Option<&'a Secret>,
    /// Form of the data.
    pub format: Format,
    /// Deliver without compression.
    pub uncompressed: bool,
    /// Bring failed inputs as error records.
    pub include_errors: bool,
    /// Discover new inputs by this (`keyword`, `profile_url`, …).
    pub discover_by: Option<&'a str>,
    /// Results of one input, at most.
    pub limit_per_input: Option<u32>,
    /// Results altogether, at most.
    pub limit_multiple_results: Option<u32>,
}

impl Trigger<'_> {
    /// The query as it may be stored: everything but the token.
    pub fn parameters(&self) -> Vec<(&'static str, String)> {
        let flag = |flag: bool| flag.to_string();
        let optional = [
            ("endpoint", self.endpoint.map(str::to_owned)),
            ("notify", self.notify.map(str::to_owned)),
            ("type", self.discover_by.map(|_| "discover_new".to_owned())),
            ("discover_by", self.discover_by.map(str::to_owned)),
            ("limit_per_input", self.limit_per_input.map(|limit| limit.to_string())),
            ("limit_multiple_results", self.limit_multiple_results.map(|limit| limit.to_string())),
        ];
        let mut parameters = vec![
            ("dataset_id", self.dataset_id.to_owned()),
            ("format", self.format.as_str().to_owned()),
            ("include_errors", flag(self.include_errors)),
            ("uncompressed_webhook", flag(self.uncompressed)),
        ];
        parameters.extend(optional.into_iter().filter_map(|(name, value)| Some((name, value?))));
        parameters
    }

    /// The query as it is sent.
    pub(crate) fn query(&self) -> Vec<(&'static str, String)> {
        let mut query = self.parameters();
        // Sent back to us verbatim.
        query.extend(self.token.map(|token| ("auth_header", format!("Bearer {}", token.expose()))));
        query
    }
}
