//! PostgreSQL without Weir: the rows that `weir-c2s` writes for a lead, as fast as they go in.

use std::{fmt::Write as _, time::Instant};

use sqlx::{PgConnection, PgPool, postgres::PgPoolCopyExt as _};
use time::OffsetDateTime;
use uuid::Uuid;

use crate::{
    cases::Plan,
    machine::Machine,
    process::cpu,
    report::{Report, Row},
    traffic::{Sender, padding},
};

/// Rows of one transaction, as the consumer's `batch_max` has it.
const BATCH: usize = 256;

pub(super) async fn run(plan: &Plan, machine: &Machine, report: &mut Report) -> anyhow::Result<()> {
    for connections in [1, 2] {
        measure(plan, machine, report, "UNNEST, ledger", connections, Way::Ledger).await?;
        measure(plan, machine, report, "UNNEST, the same rows", connections, Way::SameRows).await?;
    }
    measure(plan, machine, report, "COPY, ledger", 1, Way::Copy).await
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    /// `insert … select from unnest` into the ledger alone.
    Ledger,
    /// The same, and into the tables of leads.
    SameRows,
    /// `copy` into the ledger alone.
    Copy,
}

async fn measure(
    plan: &Plan,
    machine: &Machine,
    report: &mut Report,
    name: &'static str,
    connections: usize,
    way: Way,
) -> anyhow::Result<()> {
    let mut database = machine.database().await?;
    let pids = database.pids();
    let before = cpu(&pids);
    let started = Instant::now();
    let writers = (0..connections).map(|writer| write(plan, &database.pool, way, writer as u64));
    let rows: u64 = futures::future::try_join_all(writers).await?.into_iter().sum();
    let elapsed = started.elapsed();
    let spent = cpu(&database.pids()).since(before);
    let mut row = Row::new("postgres", name).connections(connections).size(1);
    row.per_second = rows as f64 / elapsed.as_secs_f64();
    row.cpu_seconds("postgres", spent, rows);
    report.add(row)
}

async fn write(plan: &Plan, pool: &PgPool, way: Way, writer: u64) -> anyhow::Result<u64> {
    let (started, mut rows) = (Instant::now(), 0);
    while started.elapsed() < plan.period {
        let first = writer * 1_000_000_000 + rows;
        match way {
            Way::Copy => copy(pool, first).await?,
            Way::Ledger | Way::SameRows => {
                let mut transaction = pool.begin().await?;
                ledger(&mut transaction, first).await?;
                if way == Way::SameRows {
                    leads(&mut transaction, first).await?;
                }
                transaction.commit().await?;
            }
        }
        rows += BATCH as u64;
    }
    Ok(rows)
}

fn ids(count: usize) -> Vec<Uuid> {
    (0..count).map(|_| Uuid::now_v7()).collect()
}

fn bodies(first: u64) -> Vec<Vec<u8>> {
    (first..).take(BATCH).map(|number| Sender::C2s.delivery(number, 1_024).body.to_vec()).collect()
}

fn numbers(first: u64) -> Vec<i64> {
    (first..).take(BATCH).filter_map(|number| i64::try_from(number).ok()).collect()
}

async fn ledger(connection: &mut PgConnection, first: u64) -> sqlx::Result<()> {
    sqlx::query(
        "insert into webhook_events (id, provider, source, event_type, dedup_key, lead_id, updated_at, hook_action,
             status, attempts, body, content_type, stream, stream_subject, stream_sequence, received_at, processed_at)
         select id, 'c2s', '/api/v1/webhooks/c2s', 'c2s.lead.created', 'c2s:' || n, n::text, now(), 'on_create_lead',
             'completed', 1, body, 'application/json', 'C2S', 'ingest.c2s.created', n, now(), now()
         from unnest($1::uuid[], $2::bigint[], $3::bytea[]) as event (id, n, body)
         on conflict do nothing",
    )
    .bind(ids(BATCH))
    .bind(numbers(first))
    .bind(bodies(first))
    .execute(connection)
    .await?;
    Ok(())
}

async fn leads(connection: &mut PgConnection, first: u64) -> sqlx::Result<()> {
    sqlx::query(
        "insert into lead_events (event_id, lead_id, event_type, hook_action, updated_at, received_at)
         select id, n::text, 'c2s.lead.created', 'on_create_lead', now(), now()
         from unnest($1::uuid[], $2::bigint[]) as event (id, n)
         on conflict do nothing",
    )
    .bind(ids(BATCH))
    .bind(numbers(first))
    .execute(&mut *connection)
    .await?;
    sqlx::query(
        "insert into leads (lead_id, description, customer_name, customer_phone, updated_at, last_event_id,
             first_seen_at, last_seen_at)
         select n::text, text, 'Ana Exemplo', '+5511987654321', now(), id, now(), now()
         from unnest($1::uuid[], $2::bigint[], $3::text[]) as lead (id, n, text)
         on conflict on constraint leads_pkey do update set updated_at = excluded.updated_at
             where leads.updated_at < excluded.updated_at",
    )
    .bind(ids(BATCH))
    .bind(numbers(first))
    .bind(vec![padding(1_024, 190).to_owned(); BATCH])
    .execute(connection)
    .await?;
    Ok(())
}

async fn copy(pool: &PgPool, first: u64) -> anyhow::Result<()> {
    let now = OffsetDateTime::now_utc().format(&time::format_description::well_known::Rfc3339)?;
    let mut text = String::new();
    for (number, body) in (first..).zip(bodies(first)) {
        writeln!(
            text,
            "{}\tc2s\t/api/v1/webhooks/c2s\tc2s.lead.created\tc2s:{number}\t{number}\t{now}\ton_create_lead\tcompleted\t1\t\\\\x{}\tapplication/json\tC2S\tingest.c2s.created\t{number}\t{now}\t{now}",
            Uuid::now_v7(),
            hex::encode(body)
        )?;
    }
    let mut copy = pool
        .copy_in_raw(
            "copy webhook_events (id, provider, source, event_type, dedup_key, lead_id, updated_at, hook_action, status,
             attempts, body, content_type, stream, stream_subject, stream_sequence, received_at, processed_at) from stdin",
        )
        .await?;
    copy.send(text.into_bytes()).await?;
    copy.finish().await?;
    Ok(())
}
