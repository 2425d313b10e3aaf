//! The calls.

use http::{HeaderName, HeaderValue};
use outbound::{Answer, BuildError, Client, Repeat, Request, Url, Verdict};
use serde_json::json;
use time::{OffsetDateTime, UtcOffset, format_description::FormatItem, macros::format_description};

use crate::{Error, Lead, Page, error::Call, lead};

/// Key of the limit that all replicas share for these calls.
pub const LIMIT_KEY: &str = "c2s-api";

/// Leads on a page: the most that C2S gives.
pub const PER_PAGE: u32 = 50;

/// The one form of instants that C2S takes.
const INSTANT: &[FormatItem<'_>] = format_description!("[year]-[month]-[day]T[hour]:[minute]:[second]Z");

/// C2S's documents name this header in some places and `Authorization` in others.
const AUTHENTICATION: HeaderName = HeaderName::from_static("authentication");

/// Contact2Sale's API as our account calls it.
#[derive(Debug, Clone)]
pub struct C2sApi {
    client: Client,
    settings: config::C2sApi,
    base: Url,
}

/// Why there is no client.
#[derive(Debug, thiserror::Error)]
pub enum SetupError {
    /// The address of the settings is none.
    #[error("c2s.api.base_url is not a URL")]
    BaseUrl,
    /// The HTTP client cannot be made.
    #[error(transparent)]
    Client(#[from] BuildError),
}

impl C2sApi {
    /// The API of these settings.
    ///
    /// # Errors
    /// See [`SetupError`].
    pub fn new(settings: &config::C2sApi, outbound: &config::Outbound) -> Result<Self, SetupError> {
        let base = settings.base_url.parse::<Url>().map_err(|_| SetupError::BaseUrl)?;
        if base.cannot_be_a_base() {
            return Err(SetupError::BaseUrl);
        }
        let client = Client::new("c2s-api", outbound)?;
        Ok(Self { client, settings: settings.clone(), base })
    }

    /// The lead as it is now, its messages included.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn lead(&self, lead_id: &str) -> Result<Lead, Error> {
        let request = Request::get(self.url(&[check(lead_id)?])).template("/leads/{id}");
        let answer = self.ask(Call::Lead, request).await?;
        let lead = lead::read_one(&answer.body).map_err(|_| Error::Unexpected(answer.status))?;
        lead.ok_or(Error::NotFound)
    }

    /// One page, from 1, of the leads that changed since then, youngest leads first. C2S ignores the time in some
    /// accounts, so older ones are left out here, too: [`Page::left_out`] says how many.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn changed_since(&self, since: OffsetDateTime, page: u32) -> Result<Page, Error> {
        // Without offset and fraction, and rounded down: rather a lead too many.
        let instant = since.to_offset(UtcOffset::UTC).format(INSTANT).map_err(|_| Error::Since)?;
        let page = page.max(1);
        let mut url = self.url(&[]);
        url.query_pairs_mut()
            .append_pair("page", &page.to_string())
            .append_pair("perpage", &PER_PAGE.to_string())
            .append_pair("sort", "-created_at")
            .append_pair("updated_gte", &instant);
        let answer = self.ask(Call::List, Request::get(url).template("/leads")).await?;
        lead::read_page(&answer.body, page, since).ok_or(Error::Unexpected(answer.status))
    }

    /// Posts a message to the lead. C2S does not know repeats: after an error that [is uncertain](Error::is_uncertain),
    /// read the lead and look for the message before posting it again.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn create_message(&self, lead_id: &str, text: &str) -> Result<(), Error> {
        let request = Request::post(self.url(&[check(lead_id)?, "create_message"]))
            .template("/leads/{id}/create_message")
            .json(&json!({ "body": text }))
            .repeat(Repeat::IfUnseen);
        self.ask(Call::Message, request).await.map(drop)
    }

    async fn ask(&self, call: Call, request: Request) -> Result<Answer, Error> {
        let token = self.settings.token.as_ref().ok_or(Error::NoToken)?;
        let mut named =
            HeaderValue::try_from(format!("Bearer {}", token.expose())).map_err(|_| Error::NoToken)?;
        named.set_sensitive(true);
        let request = request.bearer(token).header(AUTHENTICATION, named).timeout(self.settings.timeout());
        let answer = self.client.send_once(&request).await.map_err(Error::Call)?;
        match answer.verdict() {
            Verdict::Success => Ok(answer),
            Verdict::Retry | Verdict::Permanent | Verdict::Disable => {
                Err(Error::of(call, &answer, self.settings.rate_limit_wait()))
            }
        }
    }

    fn url(&self, path: &[&str]) -> Url {
        let mut url = self.base.clone();
        url.path_segments_mut()
            .expect("checked when the client was made")
            .pop_if_empty()
            .extend(["leads"])
            .extend(path);
        url
    }
}

/// An id that is one segment of a path; a dot or two would lead to another call.
fn check(lead_id: &str) -> Result<&str, Error> {
    const ID_MAX_LEN: usize = 200;
    let is_segment = !lead_id.is_empty() && lead_id.len() <= ID_MAX_LEN && !matches!(lead_id, "." | "..");
    if is_segment { Ok(lead_id) } else { Err(Error::LeadId) }
}
