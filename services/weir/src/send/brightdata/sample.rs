//! Bodies of the shapes that Bright Data sends, with records that nobody has seen. The accounts in them are invented.

use serde_json::{Value, json};
use time::{OffsetDateTime, format_description::well_known::Rfc3339};
use uuid::Uuid;

/// What a body holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Sample {
    /// Posts of Facebook pages.
    FacebookPosts,
    /// Posts of Instagram.
    InstagramPosts,
    /// Comments on Instagram posts.
    InstagramComments,
    /// Posts of LinkedIn.
    LinkedinPosts,
    /// Videos of TikTok.
    TiktokVideos,
    /// Inputs that could not be collected.
    Errors,
    /// A job that found nothing.
    Empty,
    /// The older system's test body.
    Test,
    /// A notification.
    Notify,
}

/// How the records stand in a body.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Form {
    /// A JSON array.
    Array,
    /// One JSON object a line.
    Ndjson,
    /// An array in `data` of an object that names the job.
    Wrapper,
}

impl Sample {
    pub(crate) fn platform(self) -> Option<&'static str> {
        match self {
            Self::FacebookPosts => Some("facebook"),
            Self::InstagramPosts | Self::InstagramComments | Self::Errors => Some("instagram"),
            Self::LinkedinPosts => Some("linkedin"),
            Self::TiktokVideos => Some("tiktok"),
            Self::Empty | Self::Test | Self::Notify => None,
        }
    }

    pub(crate) fn kind(self) -> Option<&'static str> {
        match self {
            Self::FacebookPosts | Self::InstagramPosts | Self::LinkedinPosts | Self::Errors => Some("posts"),
            Self::InstagramComments => Some("comments"),
            Self::TiktokVideos => Some("videos"),
            Self::Empty | Self::Test | Self::Notify => None,
        }
    }

    /// Whether a header names the job.
    pub(crate) fn is_of_a_job(self) -> bool {
        !matches!(self, Self::Test | Self::Notify)
    }

    pub(crate) fn has_records(self) -> bool {
        self.platform().is_some()
    }

    pub(crate) fn body(
        self,
        snapshot: &str,
        form: Form,
        records: u32,
        status: &str,
        now: OffsetDateTime,
    ) -> String {
        match self {
            Self::Empty => return "[]".to_owned(),
            Self::Test => return r#"{"test": true, "platform": "facebook"}"#.to_owned(),
            Self::Notify => return json!({ "snapshot_id": snapshot, "status": status }).to_string(),
            _ => {}
        }
        let now = now.format(&Rfc3339).unwrap_or_default();
        let records: Vec<_> = (0..records).map(|_| self.record(&now).to_string()).collect();
        match form {
            Form::Array => format!("[{}]", records.join(",")),
            Form::Ndjson => records.join("\n"),
            Form::Wrapper => {
                let platform = self.platform().unwrap_or_default();
                format!(
                    r#"{{"snapshot_id":"{snapshot}","platform":"{platform}","data":[{}]}}"#,
                    records.join(",")
                )
            }
        }
    }

    fn record(self, now: &str) -> Value {
        let id = Uuid::now_v7().as_u128().to_string();
        let url = |page: &str| format!("https://www.{page}/{id}");
        let mut record = match self {
            Self::FacebookPosts => json!({
                "url": url("facebook.com/acmeexample/posts"), "post_id": id, "user_username_raw": "Acme Example",
                "content": "Opening hours change on Monday.", "date_posted": now, "hashtags": ["acme"],
                "num_comments": 55, "num_shares": 16, "num_likes_type": { "type": "Like", "num": 265 }, "likes": 316,
                "page_name": "Acme Example",
            }),
            Self::InstagramComments => json!({
                "url": url("instagram.com/p"), "comment_user": "fan.one", "comment_date": now, "comment": "Lindo!",
                "likes_number": 1, "replies_number": 0, "post_url": url("instagram.com/p"), "post_user": "acme.example",
                "comment_id": id, "post_id": "3500000000000000001",
            }),
            Self::LinkedinPosts => json!({
                "url": url("linkedin.com/posts"), "id": id, "user_id": "acme-example",
                "use_url": "https://www.linkedin.com/company/acme-example", "title": "News", "headline": "News of Acme",
                "post_text": "We make examples.", "date_posted": now, "num_likes": 12, "num_comments": 3,
            }),
            Self::TiktokVideos => json!({
                "url": url("tiktok.com/@acme.example/video"), "post_id": id, "description": "demo #acme",
                "create_time": now, "digg_count": 1200, "share_count": "35", "comment_count": 41, "play_count": 90210,
                "profile_username": "acme.example",
            }),
            Self::Errors => json!({ "error": "4XX page - dead page.", "error_code": "dead_page" }),
            Self::InstagramPosts | Self::Empty | Self::Test | Self::Notify => json!({
                "url": url("instagram.com/p"), "user_posted": "acme.example", "description": "New year. #acme",
                "hashtags": ["#acme"], "num_comments": 8, "date_posted": now, "likes": 312, "post_id": id,
                "photos": ["https://cdn.example.com/1.jpg"], "content_type": "Image", "product_type": "feed",
            }),
        };
        if let Value::Object(members) = &mut record {
            members.insert("timestamp".to_owned(), now.into());
            members.insert("input".to_owned(), json!({ "url": url("example.com") }));
        }
        record
    }
}

#[cfg(test)]
mod tests {
    use clap::ValueEnum as _;
    use contract::brightdata::{Body, Split, Splitter};

    use super::*;

    #[test]
    fn every_sample_is_what_the_edge_understands() {
        for sample in Sample::value_variants() {
            for form in Form::value_variants() {
                let body = sample.body("s_1", *form, 3, "ready", OffsetDateTime::UNIX_EPOCH);
                let mut splitter = Splitter::new(1_000_000, false);
                let (mut input, mut records, mut control) = (body.as_bytes(), 0, None);
                let mut take = |split: Split<'_>| match split {
                    Split::Record(_) => records += 1,
                    Split::Object(object) => {
                        control = Some(Body::of(std::str::from_utf8(object).unwrap(), false));
                    }
                    Split::Members(_) => {}
                    other => panic!("{sample:?} {form:?}: {other:?}"),
                };
                while let Some(split) = splitter.next(&mut input) {
                    take(split);
                }
                while let Some(split) = splitter.end() {
                    take(split);
                }
                assert_eq!(records, if sample.has_records() { 3 } else { 0 }, "{sample:?} {form:?}");
                assert_eq!(control.is_some(), [Sample::Test, Sample::Notify].contains(sample), "{sample:?}");
            }
        }
    }
}
