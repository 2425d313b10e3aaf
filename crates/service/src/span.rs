//! The database's part of each event's trace, by OpenTelemetry's semantic conventions for database clients.

use consumer::Message;
use sqlx::PgPool;
use tracing::{Span, field, info_span};

/// One statement as many traces see it: a batch shares its transaction, yet each event's own trace ends in its SQL.
/// The spans last as long as this value.
#[derive(Debug)]
pub struct StatementSpans(Vec<Span>);

impl StatementSpans {
    /// Opens a span under that of each message.
    pub fn open<'a>(
        operation: &'static str,
        collection: &'static str,
        messages: impl ExactSizeIterator<Item = &'a Message>,
        pool: &PgPool,
    ) -> Self {
        let options = pool.connect_options();
        let size = messages.len();
        let open = |message: &Message| {
            let span = info_span!(
                parent: &message.span,
                "statement",
                otel.name = format!("{operation} {collection}"),
                otel.kind = "client",
                otel.status_code = field::Empty,
                error.type = field::Empty,
                db.system.name = "postgresql",
                db.namespace = options.get_database(),
                db.operation.name = operation,
                db.operation.batch.size = field::Empty,
                db.collection.name = collection,
                db.response.status_code = field::Empty,
                server.address = options.get_host(),
                server.port = i64::from(options.get_port()),
            );
            // The conventions want it only for two or more.
            if size > 1 {
                span.record("db.operation.batch.size", size);
            }
            span
        };
        Self(messages.map(open).collect())
    }

    /// Closes them as failed.
    pub fn fail(self, error: &sqlx::Error) {
        let code = store::sqlstate(error);
        for span in self.0 {
            span.record("otel.status_code", "ERROR");
            span.record("error.type", code.as_deref().unwrap_or("connection"));
            if let Some(code) = &code {
                span.record("db.response.status_code", code.as_str());
            }
        }
    }
}
