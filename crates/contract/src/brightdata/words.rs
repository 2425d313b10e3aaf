//! Bright Data's words: platforms, kinds of records, dataset ids, job statuses.

use std::{fmt, str::FromStr};

/// Where the records were collected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Platform {
    /// facebook.com.
    Facebook,
    /// instagram.com.
    Instagram,
    /// linkedin.com.
    LinkedIn,
    /// tiktok.com.
    TikTok,
}

/// What the records are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    /// Posts of any form.
    Posts,
    /// Short videos of Facebook and Instagram.
    Reels,
    /// Instagram stories; no dataset of theirs exists.
    Stories,
    /// Videos of TikTok.
    Videos,
    /// Comments.
    Comments,
    /// Facebook pages.
    Pages,
    /// LinkedIn companies.
    Companies,
    /// Profiles of people and accounts.
    Profiles,
}

/// What a dataset holds.
pub type Dataset = (Platform, Kind);

/// What a job's status word means to us. Two vocabularies are in use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum JobStatus {
    /// It works on it.
    Processing,
    /// The records are there.
    Completed,
    /// It gave up.
    Failed,
    /// Somebody stopped it.
    Cancelled,
}

/// A word that this version does not know. Kept raw, never a reason to fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("unknown word")]
pub struct UnknownWord;

impl Platform {
    /// Every platform.
    pub const ALL: [Self; 4] = [Self::Facebook, Self::Instagram, Self::LinkedIn, Self::TikTok];

    /// The word that travels and is stored.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Facebook => "facebook",
            Self::Instagram => "instagram",
            Self::LinkedIn => "linkedin",
            Self::TikTok => "tiktok",
        }
    }
}

impl Kind {
    /// Every kind.
    pub const ALL: [Self; 8] = [
        Self::Posts,
        Self::Reels,
        Self::Stories,
        Self::Videos,
        Self::Comments,
        Self::Pages,
        Self::Companies,
        Self::Profiles,
    ];

    /// The word that travels and is stored.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Posts => "posts",
            Self::Reels => "reels",
            Self::Stories => "stories",
            Self::Videos => "videos",
            Self::Comments => "comments",
            Self::Pages => "pages",
            Self::Companies => "companies",
            Self::Profiles => "profiles",
        }
    }
}

impl JobStatus {
    /// The word that we store.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Processing => "processing",
            Self::Completed => "completed",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }
}

impl FromStr for Platform {
    type Err = UnknownWord;

    fn from_str(word: &str) -> Result<Self, UnknownWord> {
        match word.trim().to_ascii_lowercase().as_str() {
            "facebook" | "fb" => Ok(Self::Facebook),
            "instagram" | "ig" => Ok(Self::Instagram),
            "linkedin" => Ok(Self::LinkedIn),
            "tiktok" => Ok(Self::TikTok),
            _ => Err(UnknownWord),
        }
    }
}

impl FromStr for Kind {
    type Err = UnknownWord;

    fn from_str(word: &str) -> Result<Self, UnknownWord> {
        match word.trim().to_ascii_lowercase().as_str() {
            "posts" | "post" => Ok(Self::Posts),
            "reels" | "reel" => Ok(Self::Reels),
            "stories" | "story" => Ok(Self::Stories),
            "videos" | "video" => Ok(Self::Videos),
            "comments" | "comment" => Ok(Self::Comments),
            "pages" | "page" => Ok(Self::Pages),
            "companies" | "company" | "company_pages" => Ok(Self::Companies),
            "profiles" | "profile" | "people" | "users" | "user_profiles" => Ok(Self::Profiles),
            _ => Err(UnknownWord),
        }
    }
}

impl FromStr for JobStatus {
    type Err = UnknownWord;

    fn from_str(word: &str) -> Result<Self, UnknownWord> {
        match word.trim().to_ascii_lowercase().as_str() {
            "starting" | "running" | "collecting" | "digesting" | "building" | "scheduled" | "pending"
            | "processing" => Ok(Self::Processing),
            "ready" | "done" | "completed" => Ok(Self::Completed),
            "failed" => Ok(Self::Failed),
            "canceled" | "cancelled" => Ok(Self::Cancelled),
            _ => Err(UnknownWord),
        }
    }
}

impl fmt::Display for Platform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Display for JobStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What the dataset of this id holds; `None` for those that we have no records of.
pub fn dataset(id: &str) -> Option<Dataset> {
    Some(match id {
        "gd_lkaxegm826bjpoo9m5" | "gd_lyclm1571iy3mv57zw" | "gd_lz11l67o2cb3r0lkj3" => {
            (Platform::Facebook, Kind::Posts)
        }
        "gd_lkay758p1eanlolqw8" => (Platform::Facebook, Kind::Comments),
        "gd_lyclm3ey2q6rww027t" => (Platform::Facebook, Kind::Reels),
        "gd_mf0urb782734ik94dz" => (Platform::Facebook, Kind::Profiles),
        "gd_mf124a0511bauquyow" => (Platform::Facebook, Kind::Pages),
        "gd_l1vikfch901nx3by4" => (Platform::Instagram, Kind::Profiles),
        "gd_lk5ns7kz21pck8jpis" => (Platform::Instagram, Kind::Posts),
        "gd_lyclm20il4r5helnj" => (Platform::Instagram, Kind::Reels),
        "gd_ltppn085pokosxh13" => (Platform::Instagram, Kind::Comments),
        "gd_l1viktl72bvl7bjuj0" => (Platform::LinkedIn, Kind::Profiles),
        "gd_l1vikfnt1wgvvqz95w" => (Platform::LinkedIn, Kind::Companies),
        "gd_lyy3tktm25m4avu764" => (Platform::LinkedIn, Kind::Posts),
        "gd_l1villgoiiidt09ci" => (Platform::TikTok, Kind::Profiles),
        "gd_lu702nij2f790tmv9h" => (Platform::TikTok, Kind::Videos),
        "gd_lkf2st302ap89utw5k" => (Platform::TikTok, Kind::Comments),
        _ => return None,
    })
}
