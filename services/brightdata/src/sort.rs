//! What a record is: platform and kind, by what is said of its delivery, and else by its own host and shape.

use contract::{
    Envelope,
    brightdata::{Kind, Platform, dataset},
};
use store::scrape_requests::ScrapeRequest;

use crate::record::Record;

/// What is known of records before they are looked at. First hit wins, for each of the two.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Declared {
    pub(crate) platform: Option<Platform>,
    pub(crate) kind: Option<Kind>,
}

impl Declared {
    /// By the endpoint's own query or header, then by the dataset that the delivery names, then by the job.
    pub(crate) fn of(envelope: &Envelope, request: Option<&ScrapeRequest>) -> Self {
        let extension = |name| envelope.extensions.get(name).map(String::as_str);
        let request = |of: fn(&ScrapeRequest) -> Option<&str>| request.and_then(of);
        let mut declared = Self::default();
        declared.fill_words(extension("platform"), extension("kind"));
        declared.fill_dataset(extension("dataset"));
        declared.fill_words(
            request(|request| request.platform.as_deref()),
            request(|request| request.kind.as_deref()),
        );
        declared.fill_dataset(request(|request| request.dataset_id.as_deref()));
        declared
    }

    fn fill_words(&mut self, platform: Option<&str>, kind: Option<&str>) {
        let platform = platform.and_then(|word| word.parse().ok());
        self.fill(platform, kind.and_then(|word| word.parse().ok()));
    }

    fn fill_dataset(&mut self, id: Option<&str>) {
        if let Some((platform, kind)) = id.and_then(dataset) {
            self.fill(Some(platform), Some(kind));
        }
    }

    /// A kind is taken only from whom the platform agrees with.
    fn fill(&mut self, platform: Option<Platform>, kind: Option<Kind>) {
        if self.platform.is_none() || platform.is_none() || self.platform == platform {
            self.platform = self.platform.or(platform);
            self.kind = self.kind.or(kind);
        }
    }
}

/// The platform that a record's addresses are on.
pub(crate) fn platform_of(record: &Record<'_>) -> Option<Platform> {
    let addresses = ["url", "post_url", "user_url", "profile_url", "input.url", "discovery_input.url"];
    addresses.iter().find_map(|path| of_host(host(record.get(path)?.as_str()?)))
}

/// The kind that a record of `platform` shows by its address and its members. Proved by
/// `a_record_is_recognised_by_its_host_and_shape`.
pub(crate) fn kind_of(platform: Platform, record: &Record<'_>) -> Option<Kind> {
    let has = |name| record.has(name);
    let url = record.get("url").and_then(|url| url.as_str()).unwrap_or_default();
    let says = |name, word: &str| {
        let said = record.get(name).and_then(|value| value.as_str());
        said.is_some_and(|said| said.eq_ignore_ascii_case(word))
    };
    match platform {
        Platform::Facebook => match () {
            () if has("comment_id") && (has("post_url") || has("comment_text")) => Some(Kind::Comments),
            () if has("entity_type") || has("contact_and_basic_info") => Some(Kind::Pages),
            () if has("post_id") => Some(Kind::Posts),
            () => None,
        },
        Platform::Instagram => match () {
            () if has("comment_user") && has("post_user") => Some(Kind::Comments),
            () if has("comment_id") => Some(Kind::Comments),
            () if url.contains("/stories/") || says("content_type", "story") => Some(Kind::Stories),
            () if url.contains("/reel/") || says("product_type", "clips") => Some(Kind::Reels),
            () if url.contains("/p/") || has("content_type") || has("post_id") => Some(Kind::Posts),
            () => None,
        },
        Platform::LinkedIn => match () {
            () if has("employees_in_linkedin") || has("company_size") => Some(Kind::Companies),
            () if url.contains("/company/") && !has("post_text") => Some(Kind::Companies),
            () if has("use_url") || has("headline") || has("post_text") || has("post_type") => {
                Some(Kind::Posts)
            }
            () => None,
        },
        Platform::TikTok => match () {
            () if has("comment_id") => Some(Kind::Comments),
            () if has("awg_engagement_rate") || has("videos_count") => Some(Kind::Profiles),
            () if url.contains("/video/") || has("digg_count") && has("play_count") => Some(Kind::Videos),
            () => None,
        },
    }
}

fn of_host(host: &str) -> Option<Platform> {
    let is = |domain: &str| {
        host.strip_suffix(domain).is_some_and(|prefix| prefix.is_empty() || prefix.ends_with('.'))
    };
    match () {
        () if ["facebook.com", "fb.com", "fb.watch"].into_iter().any(is) => Some(Platform::Facebook),
        () if is("instagram.com") => Some(Platform::Instagram),
        () if is("linkedin.com") => Some(Platform::LinkedIn),
        () if is("tiktok.com") => Some(Platform::TikTok),
        () => None,
    }
}

/// The host of an address, which may lack its scheme.
fn host(url: &str) -> &str {
    let url = url.trim();
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let authority = rest.split(['/', '?', '#', ':']).next().unwrap_or_default();
    authority.rsplit('@').next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn record(raw: &'static str) -> Record<'static> {
        Record::parse(raw.as_bytes()).unwrap()
    }

    #[test]
    fn a_host_belongs_to_a_platform_only_by_its_domain() {
        for (url, platform) in [
            ("https://www.facebook.com/acme", Some(Platform::Facebook)),
            ("m.facebook.com/acme", Some(Platform::Facebook)),
            ("https://br.linkedin.com/in/x", Some(Platform::LinkedIn)),
            ("https://notfacebook.com/x", None),
            ("https://facebook.com.evil.example/x", None),
            ("https://evil.example/?u=https://facebook.com", None),
            ("", None),
        ] {
            assert_eq!(of_host(host(url)), platform, "{url}");
        }
    }

    #[test]
    fn a_comment_of_tiktok_is_no_video() {
        let raw = r#"{"url":"https://www.tiktok.com/@a/video/7","post_id":"7","comment_id":"9"}"#;
        assert_eq!(kind_of(Platform::TikTok, &record(raw)), Some(Kind::Comments));
    }

    #[test]
    fn what_is_said_of_a_delivery_wins_over_its_dataset_and_a_dataset_over_the_shape() {
        let mut envelope = crate::testing::envelope();
        envelope.extensions = BTreeMap::from([
            ("platform", "instagram".to_owned()),
            ("dataset", "gd_lkaxegm826bjpoo9m5".to_owned()),
        ]);
        let declared = Declared::of(&envelope, None);
        assert_eq!((declared.platform, declared.kind), (Some(Platform::Instagram), None), "they disagree");
        envelope.extensions.insert("platform", "fb".to_owned());
        let declared = Declared::of(&envelope, None);
        assert_eq!((declared.platform, declared.kind), (Some(Platform::Facebook), Some(Kind::Posts)));
    }
}
