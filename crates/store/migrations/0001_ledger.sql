-- The ledger: one row per event, whatever provider it came from. Column names are those of the systems that Weir
-- replaces wherever two of them do not contradict each other, so that their queries keep working.
create table webhook_events (
    id              uuid        not null,
    provider        text        not null,
    source          text        not null,
    event_type      text        not null,
    subject         text,
    dedup_key       text        not null,
    lead_id         text,
    updated_at      timestamptz,
    page_id         text        generated always as (case provider when 'instagram' then subject end) stored,
    hook_action     text,
    status          text        not null,
    attempts        integer     not null,
    retry_count     integer     not null generated always as (greatest(attempts - 1, 0)) stored,
    error_code      text,
    error_message   text,
    last_error      text        generated always as (error_message) stored,
    body            bytea       not null,
    content_type    text        not null,
    headers         jsonb,
    trace_id        text,
    delivery_id     uuid,
    stream          text        not null,
    stream_subject  text        not null,
    stream_sequence bigint      not null,
    replayed_from   uuid,
    received_at     timestamptz not null,
    processed_at    timestamptz,
    created_at      timestamptz not null default now(),
    constraint webhook_events_pkey primary key (id),
    constraint ux_webhook_events_dedup unique (provider, dedup_key),
    constraint ck_webhook_events_status
        check (status in ('received', 'processing', 'completed', 'failed', 'dead_letter')),
    constraint ck_webhook_events_attempts check (attempts >= 0),
    constraint ck_webhook_events_settled check (status not in ('completed', 'dead_letter') or processed_at is not null),
    constraint ck_webhook_events_reason check (status not in ('failed', 'dead_letter') or error_code is not null)
);

-- A second fence behind ux_webhook_events_dedup: one event per lead and instant, whatever made its key. A replay
-- repeats its original on purpose.
create unique index ux_webhook_events_lead_updated on webhook_events (lead_id, updated_at)
    where lead_id is not null and replayed_from is null;
-- Serves the lists and counts of what is not completed: failed, stuck, dead.
create index ix_webhook_events_status on webhook_events (status, received_at desc, id desc)
    where status <> 'completed';
-- Serves the newest-first list (keyset on both columns) and every "in the last hour" query.
create index ix_webhook_events_received_at on webhook_events (received_at desc, id desc);
-- Serves the history of one lead, replays and rejected events included.
create index ix_webhook_events_lead_id on webhook_events (lead_id, received_at desc)
    where lead_id is not null;

comment on table webhook_events is 'Ledger: one row per event that a consumer has seen';
comment on column webhook_events.id is 'ce-id of the event; UUIDv7, made by the edge';
comment on column webhook_events.source is 'ce-source: path of the endpoint that received it';
comment on column webhook_events.event_type is 'ce-type: <provider>.<noun>.<verb>';
comment on column webhook_events.subject is 'ce-subject: account, lead or snapshot that the event is about';
comment on column webhook_events.dedup_key is 'Equal for every repeat of the event; Nats-Msg-Id on the stream';
comment on column webhook_events.updated_at is 'When the provider changed the lead; not when this row changed';
comment on column webhook_events.page_id is 'Account of an Instagram event';
comment on column webhook_events.hook_action is 'The provider''s own word for what happened';
comment on column webhook_events.status is 'received, processing, completed, failed (will be retried) or dead_letter';
comment on column webhook_events.attempts is 'Times the event was handled';
comment on column webhook_events.retry_count is 'attempts without the first';
comment on column webhook_events.error_code is 'Stable word for what went wrong; null once completed';
comment on column webhook_events.body is 'The event''s exact bytes; read them as JSON with the function payload()';
comment on column webhook_events.headers is 'Message headers, only where no envelope could be read from them';
comment on column webhook_events.stream_subject is 'Subject that the message was published on, and would be replayed on';
comment on column webhook_events.replayed_from is 'The event that this one replays';
comment on column webhook_events.received_at is 'When the edge received the delivery';
comment on column webhook_events.processed_at is 'When the event was completed or given up';

-- pglz costs more than the rest of an insert; lz4 does not. A server built without it keeps its default.
do $$
begin
    alter table webhook_events alter column body set compression lz4;
exception when feature_not_supported then
    raise notice 'this server has no lz4: event bodies are compressed with pglz';
end
$$;

-- e.payload: the body as JSON, null where it is none (or holds \u0000, which jsonb cannot). Made when asked for, so
-- that a write does not pay for it. Not parallel safe: an exception block is a subtransaction.
create function payload(event webhook_events) returns jsonb language plpgsql stable as $$
begin
    return convert_from(event.body, 'UTF8')::jsonb;
exception when data_exception or program_limit_exceeded then
    return null;
end
$$;
comment on function payload(webhook_events) is 'Body of an event as JSON: select e.payload from webhook_events e';

-- Each position of a stream is in webhook_events or here, so that nothing on a stream is unaccounted for.
create table webhook_event_duplicates (
    stream          text        not null,
    stream_sequence bigint      not null,
    event_id        uuid        not null,
    duplicate_of    uuid,
    provider        text        not null,
    dedup_key       text        not null,
    received_at     timestamptz not null,
    created_at      timestamptz not null default now(),
    constraint webhook_event_duplicates_pkey primary key (stream, stream_sequence, event_id)
);
-- Serves "how often was this event repeated".
create index ix_webhook_event_duplicates_of on webhook_event_duplicates (duplicate_of);

comment on table webhook_event_duplicates is 'Messages that repeat an event already in the ledger; they had no effect';
comment on column webhook_event_duplicates.event_id is 'ce-id of the repeat';
comment on column webhook_event_duplicates.duplicate_of is
    'Ledger row with the same dedup key; null when only the lead and its instant are the same';
