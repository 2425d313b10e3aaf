//! Names of the headers on our messages. Inbound HTTP headers are never copied: the few that matter travel under these.

/// CloudEvents: id of the event, a UUIDv7 made by the edge.
pub const CE_ID: &str = "ce-id";
/// CloudEvents: where the event entered, as the path of the endpoint.
pub const CE_SOURCE: &str = "ce-source";
/// CloudEvents: version of the specification, always `1.0`.
pub const CE_SPECVERSION: &str = "ce-specversion";
/// CloudEvents: what happened, in our words (`c2s.lead.created`).
pub const CE_TYPE: &str = "ce-type";
/// CloudEvents: what it happened to (account, lead, snapshot).
pub const CE_SUBJECT: &str = "ce-subject";
/// CloudEvents: when the edge received the delivery, RFC 3339.
pub const CE_TIME: &str = "ce-time";
/// CloudEvents: media type of the body.
pub const CE_DATACONTENTTYPE: &str = "ce-datacontenttype";

/// CloudEvents extension attributes that we use, each in a header `ce-<name>`: what scraped data is about (`platform`,
/// `kind`, `dataset`), which `part` of a delivery this is, the `format` of the body, whether it is a `test`, and the
/// `claim` (object) that holds a body which is too large for a message. Instagram adds whether the account did it
/// `own` self, and the sender's `entrytime` of the delivery (Unix seconds or milliseconds).
pub const EXTENSIONS: &[(&str, &str)] = &[
    ("platform", "ce-platform"),
    ("kind", "ce-kind"),
    ("dataset", "ce-dataset"),
    ("part", "ce-part"),
    ("format", "ce-format"),
    ("test", "ce-test"),
    ("claim", "ce-claim"),
    ("own", "ce-own"),
    ("entrytime", "ce-entrytime"),
];

/// The key by which the stream drops repeats inside its duplicate window, and the ledger drops them for ever.
pub const NATS_MSG_ID: &str = "Nats-Msg-Id";
/// The event's own dedup key, where `Nats-Msg-Id` must be another: a message that is published again because its first
/// place on the stream was passed over, within the stream's duplicate window.
pub const DEDUP_KEY: &str = "weir-dedup-key";
/// W3C Trace Context.
pub const TRACEPARENT: &str = "traceparent";
/// W3C Trace Context, vendor part.
pub const TRACESTATE: &str = "tracestate";

/// Id of the HTTP delivery that the event came in, which is also the request id answered to the caller.
pub const DELIVERY_ID: &str = "weir-delivery-id";
/// The provider's own word for what happened, unchanged (`lead.created`, `on_create_lead`).
pub const ACTION: &str = "weir-action";
/// Why the edge could not accept the event as valid: a [`crate::Code`]. Such an event goes straight to the dead letters.
pub const REJECTED: &str = "weir-rejected";
/// Id of the event that this one replays.
pub const REPLAYED_FROM: &str = "weir-replayed-from";
/// Of a replay of a replay: id of the first event of the chain.
pub const REPLAY_ROOT: &str = "weir-replay-root";
/// Id of the job that replays it.
pub const REPLAY: &str = "weir-replay";
/// `true`: the replay has effects although the original had them.
pub const FORCE_EFFECTS: &str = "weir-force-effects";
