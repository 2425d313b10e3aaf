//! Streams, subjects and durable consumers by name. Their limits are data, in `infra/nats/`.

/// Words of the Contact2Sale stream.
pub mod c2s {
    /// The provider's name in tables, metrics and configuration.
    pub const PROVIDER: &str = "c2s";
    /// Stream that keeps lead events.
    pub const STREAM: &str = "C2S";
    /// Durable consumer that stores leads.
    pub const LEADS_CONSUMER: &str = "c2s-leads";
    /// Durable consumer that enriches leads.
    pub const ENRICHER_CONSUMER: &str = "c2s-enricher";
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

/// Words of the stream of usage reports.
pub mod usage {
    /// The provider's name in tables, metrics and configuration.
    pub const PROVIDER: &str = "usage";
    /// Stream that keeps usage reports.
    pub const STREAM: &str = "USAGE";
    /// Durable consumer that stores sessions.
    pub const SESSIONS_CONSUMER: &str = "usage-sessions";
    /// Durable consumer that hands events to the outbound webhooks.
    pub const DISPATCHER_CONSUMER: &str = "zapier-dispatcher";
}

/// Stream of result events, for the live feed and for anybody: `results.<provider>.<what>`, protobuf (`proto/`).
pub const RESULTS: &str = "RESULTS";

/// Subject on which any service that uses the database answers for it: the body is `connected` or `disconnected`.
///
/// The edge has no database, yet its `/health` carries the field that the older system's monitors read.
pub const DATABASE_HEALTH: &str = "weir.health.database";

/// Stream of the server's max-deliver and terminated advisories.
pub const ADVISORIES: &str = "ADVISORIES";
/// Durable consumer that records what the advisories tell of.
pub const DEAD_LETTERS_CONSUMER: &str = "dead-letters";

/// Every stream of a provider's events, by the provider's name; a stream is called like its provider, in capitals.
pub const PROVIDERS: &[(&str, &str)] = &[
    (c2s::PROVIDER, c2s::STREAM),
    (instagram::PROVIDER, instagram::STREAM),
    (brightdata::PROVIDER, brightdata::STREAM),
    (usage::PROVIDER, usage::STREAM),
];

/// The consumer of each provider's stream that keeps the ledger; all others are secondary.
pub const PRIMARIES: &[(&str, &str)] = &[
    (c2s::STREAM, c2s::LEADS_CONSUMER),
    (instagram::STREAM, instagram::HANDLER_CONSUMER),
    (brightdata::STREAM, brightdata::PROCESSOR_CONSUMER),
    (usage::STREAM, usage::SESSIONS_CONSUMER),
];

/// The primary consumer of a stream, if it is one of a provider's events.
pub fn primary_of(stream: &str) -> Option<&'static str> {
    PRIMARIES.iter().copied().find(|(name, _)| *name == stream).map(|(_, consumer)| consumer)
}

/// Provider and stream of a stream of this name, if it is one of a provider's events.
pub fn of_name(stream: &str) -> Option<(&'static str, &'static str)> {
    PROVIDERS.iter().copied().find(|(_, name)| *name == stream)
}

/// The subject of a replay that one consumer alone shall see: `replay.<provider>.<consumer>.<token>`.
pub fn replay_subject(provider: &str, consumer: &str, token: &str) -> String {
    format!("replay.{provider}.{}.{}", subject_token(consumer), subject_token(token))
}

/// The last token of a subject: the word for what happened, wherever it is published.
pub fn token_of(subject: &str) -> &str {
    subject.rsplit('.').next().unwrap_or(subject)
}

/// The subject of a provider's event: `ingest.<provider>.<token>`.
///
/// `token` comes from outside in some cases, so everything that means something to NATS (dots, wildcards, space)
/// becomes `_`, and the length is bounded. Proved by `a_hostile_token_stays_one_subject_token`.
pub fn ingest_subject(provider: &str, token: &str) -> String {
    format!("ingest.{provider}.{}", subject_token(token))
}

fn subject_token(text: &str) -> String {
    const TOKEN_MAX: usize = 64;
    let safe = |c: char| if c.is_ascii_alphanumeric() || c == '-' { c } else { '_' };
    let token: String = text.chars().take(TOKEN_MAX).map(safe).collect();
    if token.is_empty() { "_".to_owned() } else { token }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hostile_token_stays_one_subject_token() {
        assert_eq!(ingest_subject("c2s", "created"), "ingest.c2s.created");
        assert_eq!(ingest_subject("c2s", "a.b >*\r\né"), "ingest.c2s.a_b______");
        assert_eq!(ingest_subject("c2s", ""), "ingest.c2s._");
        assert_eq!(ingest_subject("c2s", &"x".repeat(900)).len(), "ingest.c2s.".len() + 64);
    }

    #[test]
    fn a_replay_keeps_the_word_for_what_happened() {
        let original = ingest_subject("c2s", "created");
        let directed = replay_subject("c2s", "c2s-leads", token_of(&original));
        assert_eq!(directed, "replay.c2s.c2s-leads.created");
        assert_eq!(ingest_subject("c2s", token_of(&directed)), original);
    }

    #[test]
    fn a_stream_is_called_like_its_provider() {
        for (provider, stream) in PROVIDERS {
            assert_eq!(provider.to_uppercase(), *stream);
            assert_eq!(of_name(stream), Some((*provider, *stream)));
            assert!(primary_of(stream).is_some(), "{stream} has no primary consumer");
        }
        assert_eq!(of_name(RESULTS), None);
    }
}
