//! Streams, subjects and durable consumers by name. Their limits are data, in `infra/nats/`.

/// Words of the Contact2Sale stream.
pub mod c2s {
    /// The provider's name in tables, metrics and configuration.
    pub const PROVIDER: &str = "c2s";
    /// Stream that keeps lead events.
    pub const STREAM: &str = "C2S";
    /// Durable consumer that stores leads.
    pub const LEADS_CONSUMER: &str = "c2s-leads";
}

/// Words of the Instagram stream.
pub mod instagram {
    /// The provider's name in tables, metrics and configuration.
    pub const PROVIDER: &str = "instagram";
    /// Stream that keeps Instagram events.
    pub const STREAM: &str = "INSTAGRAM";
    /// Durable consumer that handles them.
    pub const HANDLER_CONSUMER: &str = "instagram-handler";
}

/// Words of the Bright Data stream.
pub mod brightdata {
    /// The provider's name in tables, metrics and configuration.
    pub const PROVIDER: &str = "brightdata";
    /// Stream that keeps parts of deliveries, and notifications.
    pub const STREAM: &str = "BRIGHTDATA";
    /// Durable consumer that processes them.
    pub const PROCESSOR_CONSUMER: &str = "brightdata-processor";
}

/// Stream of result events, for the live feed and for anybody: `results.<provider>.<what>`, protobuf (`proto/`).
pub const RESULTS: &str = "RESULTS";

/// Subject on which any service that uses the database answers for it: the body is `connected` or `disconnected`.
///
/// The edge has no database, yet its `/health` carries the field that the older system's monitors read.
pub const DATABASE_HEALTH: &str = "weir.health.database";

/// Stream of the server's max-deliver and terminated advisories.
pub const ADVISORIES: &str = "ADVISORIES";

/// The subject of a provider's event: `ingest.<provider>.<token>`.
///
/// `token` comes from outside in some cases, so everything that means something to NATS (dots, wildcards, space)
/// becomes `_`, and the length is bounded. Proved by `a_hostile_token_stays_one_subject_token`.
pub fn ingest_subject(provider: &str, token: &str) -> String {
    const TOKEN_MAX: usize = 64;
    let mut subject = format!("ingest.{provider}.");
    let prefix = subject.len();
    subject.extend(
        token.chars().take(TOKEN_MAX).map(|c| if c.is_ascii_alphanumeric() || c == '-' { c } else { '_' }),
    );
    if subject.len() == prefix {
        subject.push('_');
    }
    subject
}

#[cfg(test)]
mod tests {
    use super::ingest_subject;

    #[test]
    fn a_hostile_token_stays_one_subject_token() {
        assert_eq!(ingest_subject("c2s", "created"), "ingest.c2s.created");
        assert_eq!(ingest_subject("c2s", "a.b >*\r\né"), "ingest.c2s.a_b______");
        assert_eq!(ingest_subject("c2s", ""), "ingest.c2s._");
        assert_eq!(ingest_subject("c2s", &"x".repeat(900)).len(), "ingest.c2s.".len() + 64);
    }
}
