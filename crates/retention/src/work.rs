//! A task under way, a batch at a time.

use contract::stream::PROVIDERS;
use sqlx::PgConnection;
use store::{
    retention::{
        Old, Step, bodies, dead_letters, duplicates, handlings, hook_events, ledger, replays, usage,
    },
    webhook_events::{Status, erase},
};
use uuid::Uuid;

use crate::{
    plan::Plan,
    task::{Line, What},
};

/// A task under way.
pub(crate) struct Work {
    line: Line,
    cursor: Cursor,
}

/// Where the last step ended.
enum Cursor {
    Begin,
    Instant(ledger::Instant),
    Position(ledger::Position),
    Repeat(duplicates::Key),
    Handling(handlings::Key),
    Session(usage::SessionKey),
    Id(Uuid),
}

/// Rows that went, or would; rows that stay although they are old; where the next step begins.
type Done = (u64, u64, Option<Cursor>);

impl Work {
    pub(crate) const fn begin(line: Line) -> Self {
        Self { line, cursor: Cursor::Begin }
    }

    pub(crate) const fn line(&self) -> &Line {
        &self.line
    }

    /// One batch. Whether there may be more.
    pub(crate) async fn step(&mut self, connection: &mut PgConnection, plan: &Plan) -> sqlx::Result<bool> {
        let cursor = std::mem::replace(&mut self.cursor, Cursor::Begin);
        let Line { what, provider, status, before, .. } = self.line;
        let stream = PROVIDERS.iter().find(|(name, _)| *name == provider).map_or("", |(_, stream)| *stream);
        let (old, real) = (Old { provider, stream, status, before, limit: plan.limit }, !plan.dry_run);
        let (deleted, kept, next) = match what {
            What::Events if status == Status::DeadLetter => {
                let step = ledger::dead(connection, &old, cursor.instant()).await?;
                let gone = if real { ledger::delete(connection, &step.rows).await? } else { step.count() };
                done(gone, step, Cursor::Instant)
            }
            What::Events => {
                let step = ledger::completed(connection, &old, cursor.position()).await?;
                let gone = if real { ledger::delete(connection, &step.rows).await? } else { step.count() };
                done(gone, step, Cursor::Position)
            }
            What::Bodies => {
                let step = bodies::step(connection, &old, cursor.instant()).await?;
                let gone = if real { erase(connection, &step.rows, plan.now).await? } else { step.count() };
                done(gone, step, Cursor::Instant)
            }
            What::Duplicates => {
                let step = duplicates::step(connection, &old, cursor.repeat()).await?;
                let gone =
                    if real { duplicates::delete(connection, &step.rows).await? } else { step.count() };
                done(gone, step, Cursor::Repeat)
            }
            What::Handlings => {
                let step = handlings::step(connection, &old, cursor.handling()).await?;
                let gone = if real { handlings::delete(connection, &step.rows).await? } else { step.count() };
                done(gone, step, Cursor::Handling)
            }
            What::DeadLetters => {
                let step = dead_letters::step(connection, &old, cursor.id()).await?;
                let gone =
                    if real { dead_letters::delete(connection, &step.rows).await? } else { step.count() };
                done(gone, step, Cursor::Id)
            }
            What::HookEvents => {
                let step = hook_events::step(connection, &old, cursor.instant()).await?;
                let gone =
                    if real { hook_events::delete(connection, &step.rows).await? } else { step.count() };
                done(gone, step, Cursor::Instant)
            }
            What::Queries => {
                let step = usage::queries(connection, &old, cursor.instant()).await?;
                let gone =
                    if real { usage::delete_queries(connection, &step.rows).await? } else { step.count() };
                done(gone, step, Cursor::Instant)
            }
            What::Sessions => {
                let step = usage::sessions(connection, &old, cursor.session()).await?;
                let gone = if real {
                    usage::delete_sessions(connection, &step.rows, old.before).await?
                } else {
                    step.count()
                };
                done(gone, step, Cursor::Session)
            }
            What::Replays => self.replays(connection, plan, cursor.id()).await?,
        };
        self.line.deleted += deleted;
        self.line.kept += kept;
        let Some(next) = next else { return Ok(false) };
        self.cursor = next;
        Ok(true)
    }

    /// Items first, a batch at a time; the job goes with its last ones.
    async fn replays(
        &self,
        connection: &mut PgConnection,
        plan: &Plan,
        after: Option<Uuid>,
    ) -> sqlx::Result<Done> {
        let Some(job) = replays::jobs(connection, self.line.before, after, 1).await?.pop() else {
            return Ok((0, 0, None));
        };
        if plan.dry_run {
            return Ok((replays::count_items(connection, job).await?, 0, Some(Cursor::Id(job))));
        }
        let deleted = replays::delete_items(connection, job, plan.limit).await?;
        if i64::try_from(deleted).is_ok_and(|deleted| deleted < plan.limit) {
            replays::delete_job(connection, job).await?;
            return Ok((deleted, 0, Some(Cursor::Id(job))));
        }
        // What is left of it is first again.
        Ok((deleted, 0, Some(after.map_or(Cursor::Begin, Cursor::Id))))
    }
}

fn done<Row, Key>(gone: u64, step: Step<Row, Key>, cursor: fn(Key) -> Cursor) -> Done {
    (gone, step.kept, step.next.map(cursor))
}

impl Cursor {
    fn instant(self) -> Option<ledger::Instant> {
        if let Self::Instant(key) = self { Some(key) } else { None }
    }

    fn position(self) -> Option<ledger::Position> {
        if let Self::Position(key) = self { Some(key) } else { None }
    }

    fn repeat(self) -> Option<duplicates::Key> {
        if let Self::Repeat(key) = self { Some(key) } else { None }
    }

    fn handling(self) -> Option<handlings::Key> {
        if let Self::Handling(key) = self { Some(key) } else { None }
    }

    fn session(self) -> Option<usage::SessionKey> {
        if let Self::Session(key) = self { Some(key) } else { None }
    }

    fn id(self) -> Option<Uuid> {
        if let Self::Id(id) = self { Some(id) } else { None }
    }
}
