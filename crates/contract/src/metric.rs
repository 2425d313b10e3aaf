//! Metric names. OpenTelemetry's own where it has one; ours begin with `weir_`. Labels are words of small sets,
//! never ids, addresses or error texts.

/// Histogram, seconds: HTTP requests at the edge (OpenTelemetry HTTP conventions).
pub const HTTP_SERVER_REQUEST_DURATION: &str = "http.server.request.duration";
/// Up-down counter: HTTP requests being handled.
pub const HTTP_SERVER_ACTIVE_REQUESTS: &str = "http.server.active_requests";
/// Histogram, bytes: bodies that the edge accepted, by `provider`.
pub const HTTP_SERVER_REQUEST_BODY_SIZE: &str = "http.server.request.body.size";
/// Histogram, seconds: publish until its acknowledgement, by `stream` and `outcome`.
pub const PUBLISH_DURATION: &str = "messaging.client.operation.duration";
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
/// Counter: events by what the ledger made of them, by `provider` and `outcome` (`new`, `resumed`, `duplicate`).
pub const LEDGER_ADMITTED: &str = "weir_ledger_admitted";
