//! Metric names. OpenTelemetry's own where it has one; ours begin with `weir_`. Labels are words of small sets,
//! never ids, addresses or error texts.

/// Histogram, seconds: HTTP requests at the edge (OpenTelemetry HTTP conventions).
pub const HTTP_SERVER_REQUEST_DURATION: &str = "http.server.request.duration";
/// Up-down counter: HTTP requests being handled.
pub const HTTP_SERVER_ACTIVE_REQUESTS: &str = "http.server.active_requests";
/// Histogram, bytes: bodies that the edge accepted, by `provider`.
pub const HTTP_SERVER_REQUEST_BODY_SIZE: &str = "http.server.request.body.size";
/// Histogram, seconds: one attempt to call another company, by `destination`, method, status and error.
pub const HTTP_CLIENT_REQUEST_DURATION: &str = "http.client.request.duration";
/// Counter: destinations that failed too often in a row and were left alone for a while, by `destination`.
pub const OUTBOUND_RESTS: &str = "weir_outbound_rests";
/// Histogram, seconds: publish until its acknowledgement, by `stream` and `outcome`.
pub const PUBLISH_DURATION: &str = "messaging.client.operation.duration";
/// Histogram: events in one atomic batch, by `stream`.
pub const PUBLISH_BATCH_SIZE: &str = "weir_publish_batch_size";
/// Histogram, seconds: time until an atomic batch was committed, by `stream`.
pub const PUBLISH_BATCH_DURATION: &str = "weir_publish_batch_duration";
/// Counter: events that a batch handed back to be published alone, by `stream` and `reason`.
pub const PUBLISH_FALLBACKS: &str = "weir_publish_fallbacks";
/// Histogram, seconds: handling of one batch, by `consumer` and `outcome`.
pub const PROCESS_DURATION: &str = "messaging.process.duration";

/// Counter: events out of deliveries, by `provider` and `outcome` (`accepted`, `duplicate`, `rejected`).
pub const EDGE_EVENTS: &str = "weir_edge_events";
/// Counter: requests refused, by `provider` and `code`. Unauthorized, forbidden and rate limited are security events.
pub const EDGE_REFUSALS: &str = "weir_edge_refusals";
/// Counter: events received by a consumer, by `consumer`. Equals settled plus in flight.
pub const CONSUMER_RECEIVED: &str = "weir_consumer_received";
/// Counter: events settled by a consumer, by `consumer` and `outcome` (`completed`, `retry`, `dead`, `abandoned`).
pub const CONSUMER_SETTLED: &str = "weir_consumer_settled";
/// Up-down counter: events in a consumer's hands, by `consumer`.
pub const CONSUMER_IN_FLIGHT: &str = "weir_consumer_in_flight";
/// Gauge: events on the stream that the consumer has not received yet, by `consumer`.
pub const CONSUMER_PENDING: &str = "weir_consumer_pending";
/// Counter: events redelivered to a consumer, by `consumer`.
pub const CONSUMER_REDELIVERED: &str = "weir_consumer_redelivered";
/// Gauge: batches that wait because something every event needs is away, by `consumer`; above 0 the consumer is blocked.
pub const CONSUMER_BLOCKED: &str = "weir_consumer_blocked";
/// Up-down counter: batches that wait for a limit or for a paused destination, by `consumer` and `code`.
pub const CONSUMER_WAITING: &str = "weir_consumer_waiting";
/// Gauge: 1 while a consumer is paused, by `consumer` and `reason`: `dead_letters` (it paused itself, too many events
/// died) or `server` (an operator, or another replica).
pub const CONSUMER_PAUSED: &str = "weir_consumer_paused";
/// Counter: events by what the ledger made of them, by `provider` and `outcome` (`new`, `resumed`, `duplicate`, `moot`:
/// a replay of what is completed).
pub const LEDGER_ADMITTED: &str = "weir_ledger_admitted";
/// Counter: events that replay jobs took up, by `outcome` (`published`, `failed`).
pub const REPLAYED_EVENTS: &str = "weir_replayed_events";
/// Counter: dead letters by `provider`, `consumer` and `found_by` (`advisory`, `reconciler`); the consumer's own verdicts
/// are `weir_consumer_settled` with outcome `dead`.
pub const DEAD_LETTERS_RECORDED: &str = "weir_dead_letters_recorded";
/// Gauge: dead letters about which nobody has decided, by `provider`.
pub const DEAD_LETTERS_OPEN: &str = "weir_dead_letters_open";
/// Counter: advisories by what the recorder made of them: `recorded`, `known`, `settled` (the event was done after all),
/// `foreign`.
pub const ADVISORIES_HANDLED: &str = "weir_advisories_handled";
/// Gauge: events that an audit found on a provider's stream, by `provider` and `state`: `accepted`, `pending`,
/// `completed`, `dead`, `duplicate`, `directed`.
pub const AUDITED_EVENTS: &str = "weir_audited_events";
/// Gauge: accepted events that are neither pending nor completed nor dead, by `provider`; above 0 something was lost.
pub const UNACCOUNTED_EVENTS: &str = "weir_unaccounted_events";
/// Gauge, Unix seconds: when the last audit of a provider's stream ended, by `provider`.
pub const AUDIT_LAST: &str = "weir_audit_last_timestamp_seconds";
/// Counter: what the reconciler healed, by `provider` and `kind`: `dead` (recorded), `again` (published again), `claim` (an
/// object that no message names, deleted).
pub const AUDIT_HEALED: &str = "weir_audit_healed";
/// Counter: Instagram events that were new, by `type` (`ce-type`) and `outcome`: `stored`, `kept` (in the ledger alone,
/// because we do not know what they say) or `test`.
pub const INSTAGRAM_EVENTS: &str = "weir_instagram_events";
/// Gauge: Instagram accounts that webhooks have come for.
pub const INSTAGRAM_ACCOUNTS: &str = "weir_instagram_accounts";
/// Gauge: of these, accounts without a webhook for `instagram.graph.silence_minutes`.
pub const INSTAGRAM_ACCOUNTS_SILENT: &str = "weir_instagram_accounts_silent";
/// Gauge, Unix seconds: when the last webhook of all these accounts came.
pub const INSTAGRAM_LAST_WEBHOOK: &str = "weir_instagram_last_webhook_timestamp_seconds";
/// Counter: attempts to send an event to a hook, by `kind` and `outcome` (`delivered`, `retry`, `throttled`, `dead`,
/// `disabled`).
pub const HOOK_ATTEMPTS: &str = "weir_hook_attempts";
/// Gauge: events that wait for a hook, by `hook`: its name, which an operator gave it.
pub const HOOK_BACKLOG: &str = "weir_hook_backlog";
/// Gauge, seconds: how long the oldest of them has waited, by `hook`.
pub const HOOK_OLDEST: &str = "weir_hook_oldest_seconds";
/// Gauge: hooks that nothing is sent to although nobody said so, by `reason` (`gone`, `unreadable`).
pub const HOOKS_DISABLED: &str = "weir_hooks_disabled";
/// Counter: records of Bright Data, by `platform`, `kind` and `outcome` (`stored`, `error`, `unrecognised`).
pub const BRIGHTDATA_RECORDS: &str = "weir_brightdata_records";
/// Counter: records of Bright Data with a warning of its own, or a value that cannot be, by `platform` and `kind`.
pub const BRIGHTDATA_WARNINGS: &str = "weir_brightdata_warnings";
/// Counter: leads that the enricher is done with, by `outcome` (`enriched`, `no_cpf`, …, `unchanged`, `not_wanted`).
pub const ENRICHMENTS: &str = "weir_enricher_leads";
/// Counter: contacts of leads that nobody can be found by, by `kind` (`phone`, `email`) and `reason` (`shape`, `fake`, …).
pub const ENRICHER_CONTACTS_REFUSED: &str = "weir_enricher_contacts_refused";
/// Gauge: 1 while a service that the enricher calls is not called, by `destination`.
pub const ENRICHER_PAUSED: &str = "weir_enricher_paused";
/// Counter: rows that were old and removed, by `what` and `provider`.
pub const RETENTION_REMOVED: &str = "weir_retention_removed";
/// Resident memory of a process, by OpenTelemetry's conventions.
pub const PROCESS_MEMORY: &str = "process.memory.usage";
