-- What the secondary consumers of a stream made of each event. The ledger (webhook_events) belongs to the stream's
-- primary consumer; whoever else handles the same events keeps its account here.
create table event_handlings (
    event_id        uuid        not null,
    consumer        text        not null,
    provider        text        not null,
    dedup_key       text        not null,
    duplicate_of    uuid,
    stream          text        not null,
    stream_sequence bigint      not null,
    status          text        not null,
    attempts        integer     not null,
    error_code      text,
    error_message   text,
    trace_id        text,
    started_at      timestamptz not null,
    finished_at     timestamptz,
    constraint event_handlings_pkey primary key (event_id, consumer),
    constraint ck_event_handlings_status check (status in ('processing', 'completed', 'failed', 'dead_letter')),
    constraint ck_event_handlings_attempts check (attempts >= 0),
    constraint ck_event_handlings_settled check ((status in ('completed', 'dead_letter')) = (finished_at is not null)),
    constraint ck_event_handlings_reason check (status not in ('failed', 'dead_letter') or error_code is not null),
    constraint ck_event_handlings_duplicate check (duplicate_of is null or status = 'completed')
);

-- A repeat that comes after the stream's duplicate window is another event with the same key: it must act once too.
create unique index ux_event_handlings_dedup on event_handlings (consumer, provider, dedup_key)
    where duplicate_of is null;
-- Serves the lists and counts of what is not completed: failed, stuck, dead.
create index ix_event_handlings_status on event_handlings (consumer, status, started_at desc)
    where status <> 'completed';
-- Serves the removal of old rows.
create index ix_event_handlings_finished_at on event_handlings (finished_at) where finished_at is not null;

comment on table event_handlings is 'What each secondary consumer made of each event; the primary one''s account is webhook_events';
comment on column event_handlings.event_id is 'ce-id of the event';
comment on column event_handlings.consumer is 'Durable consumer that handles it';
comment on column event_handlings.dedup_key is 'Equal for every repeat of the event, as in webhook_events';
comment on column event_handlings.duplicate_of is 'The event that this one repeats; it had no effect of its own';
comment on column event_handlings.status is 'processing, completed, failed (will be tried again) or dead_letter';
comment on column event_handlings.attempts is 'Times the event was handled';
comment on column event_handlings.error_code is 'Stable word for what went wrong; null once completed';
comment on column event_handlings.started_at is 'When the first attempt began';
comment on column event_handlings.finished_at is 'When it was completed or given up';
