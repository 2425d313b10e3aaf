-- Usage reports: sessions of an application and their queries to a language model.
create table usage_sessions (
    session_id             text collate "C" not null,
    created_at             timestamptz not null,
    last_activity          timestamptz not null,
    query_count            bigint      not null,
    success_count          bigint      not null,
    failure_count          bigint      not null,
    total_tokens           bigint      not null,
    total_cost             double precision not null,
    total_response_time_ms bigint      not null,
    timed_count            bigint      not null,
    models_used            text[]      not null,
    categories             text[]      not null,
    constraint usage_sessions_pkey primary key (session_id),
    constraint ck_usage_sessions_activity check (created_at <= last_activity)
);
-- Serves the newest sessions, what the analytics of a period count, and the removal of old ones.
create index ix_usage_sessions_last_activity on usage_sessions (last_activity desc);

comment on table usage_sessions is 'Sessions of usage reports, as the sum of their queries';
comment on column usage_sessions.created_at is 'When its first query happened';
comment on column usage_sessions.last_activity is 'When its last query happened';
comment on column usage_sessions.success_count is 'Queries that say that they succeeded; some say nothing';
comment on column usage_sessions.total_cost is 'Sum of the costs that the sender told';
comment on column usage_sessions.timed_count is 'Queries that say how long they took, all of which are total_response_time_ms';

create table usage_queries (
    event_id             uuid        not null,
    session_id           text collate "C" not null,
    asked_at             timestamptz not null,
    received_at          timestamptz not null,
    summary              text,
    query_chars          integer,
    category             text        not null,
    estimated_complexity smallint    not null,
    model_name           text,
    model_used           text        not null,
    response_time_ms     bigint,
    estimated_tokens     bigint,
    estimated_cost       double precision,
    success              boolean,
    constraint usage_queries_pkey primary key (event_id),
    constraint ck_usage_queries_category check (category in ('code_review', 'debugging', 'architecture', 'general')),
    constraint ck_usage_queries_complexity check (estimated_complexity between 1 and 3)
);
-- Serves one session's queries.
create index ix_usage_queries_session on usage_queries (session_id, asked_at);
-- Serves the analytics of a period, and the removal of old ones.
create index ix_usage_queries_asked_at on usage_queries (asked_at);

comment on table usage_queries is 'One row per usage report; the whole query is in the ledger alone';
comment on column usage_queries.summary is 'First fifty characters of the query';
comment on column usage_queries.model_used is 'Family of the model, as the older client told it';

-- Outbound webhooks: where events are sent on.
create table hooks (
    id                     uuid        not null,
    name                   text        not null,
    kind                   text        not null,
    url_sealed             bytea       not null,
    host                   text        not null,
    event_filter           text[]      not null,
    body_form              text        not null,
    secret_sealed          bytea,
    older_secret_sealed    bytea,
    older_secret_until     timestamptz,
    signature_header       text        not null,
    signature_algorithm    text        not null,
    rate_count             integer     not null,
    rate_window_ms         bigint      not null,
    rate_burst             integer     not null,
    attempts_max           integer     not null,
    timeout_ms             bigint      not null,
    retry_base_ms          bigint      not null,
    retry_max_ms           bigint      not null,
    enabled                boolean     not null,
    disabled_reason        text,
    disabled_at            timestamptz,
    validated_at           timestamptz,
    seed                   bytea,
    created_at             timestamptz not null,
    updated_at             timestamptz not null,
    constraint hooks_pkey primary key (id),
    constraint ux_hooks_name unique (name),
    constraint ck_hooks_kind check (kind in ('zapier', 'webhook')),
    constraint ck_hooks_filter check (cardinality(event_filter) > 0),
    constraint ck_hooks_form check (body_form in ('both', 'flat', 'nested', 'envelope')),
    constraint ck_hooks_algorithm check (signature_algorithm in ('sha256', 'sha1')),
    constraint ck_hooks_numbers check (rate_count > 0 and rate_window_ms > 0 and rate_burst > 0 and attempts_max > 0
        and timeout_ms > 0 and retry_base_ms > 0 and retry_max_ms >= retry_base_ms),
    constraint ck_hooks_older_secret check ((older_secret_sealed is null) = (older_secret_until is null)),
    constraint ck_hooks_disabled check (enabled = (disabled_reason is null) and enabled = (disabled_at is null))
);

comment on table hooks is 'Outbound webhooks: where events are sent on';
comment on column hooks.kind is 'zapier (its limits hold) or webhook (any other)';
comment on column hooks.url_sealed is 'Where it is, sealed (crates/seal) for this table, column and id';
comment on column hooks.host is 'What may be shown of its URL';
comment on column hooks.event_filter is 'Event types that it wants; a * stands for anything';
comment on column hooks.body_form is 'Shape of what is sent: see contract::usage::Form';
comment on column hooks.older_secret_sealed is 'Secret before the last rotation; signs beside the new one until older_secret_until';
comment on column hooks.disabled_reason is 'Why nothing is sent: operator, settings, gone (it answered 410) or unreadable';
comment on column hooks.validated_at is 'When weir zapier test last got an answer from it';
comment on column hooks.seed is 'Digest of the settings that it was made of; null for those that an operator made';

-- Events on their way to hooks, each once.
create table hook_events (
    event_id        uuid        not null,
    root_id         uuid        not null,
    consumer        text        not null,
    provider        text        not null,
    event_type      text        not null,
    subject         text,
    body            bytea       not null,
    headers         jsonb       not null,
    stream          text        not null,
    stream_subject  text        not null,
    stream_sequence bigint      not null,
    received_at     timestamptz not null,
    created_at      timestamptz not null,
    constraint hook_events_pkey primary key (event_id),
    constraint ck_hook_events_headers check (jsonb_typeof(headers) = 'array')
);
-- Serves a replay, which goes to those hooks alone that the original did not reach.
create index ix_hook_events_root on hook_events (root_id);
-- Serves the deliveries of one session.
create index ix_hook_events_subject on hook_events (subject) where subject is not null;
-- Serves the removal of old ones.
create index ix_hook_events_created_at on hook_events (created_at);

comment on table hook_events is 'Events that hooks were chosen for, with all that sending them needs';
comment on column hook_events.root_id is 'The event itself, or the first one of those that it replays; webhook-id of what is sent';
comment on column hook_events.headers is 'All headers of the message, as a list of [name, value]';

-- Each hook's own queue: what it still has to get, and what became of the rest.
create table hook_deliveries (
    event_id      uuid        not null,
    hook_id       uuid        not null,
    hook_name     text        not null,
    status        text        not null,
    attempts      integer     not null default 0,
    due_at        timestamptz not null,
    claimed_until timestamptz,
    error_code    text,
    error_message text,
    created_at    timestamptz not null,
    first_tried_at timestamptz,
    finished_at   timestamptz,
    constraint hook_deliveries_pkey primary key (event_id, hook_id),
    constraint hook_deliveries_event_fkey foreign key (event_id) references hook_events (event_id) on delete cascade,
    constraint ck_hook_deliveries_status check (status in ('pending', 'delivered', 'dead', 'skipped')),
    constraint ck_hook_deliveries_finished check ((status = 'pending') = (finished_at is null)),
    constraint ck_hook_deliveries_reason check (status <> 'dead' or error_code is not null)
);
-- Serves the workers: what is due for a hook, oldest first.
create index ix_hook_deliveries_due on hook_deliveries (hook_id, due_at, event_id) where status = 'pending';

comment on table hook_deliveries is 'What each hook has to get: one row per event and hook';
comment on column hook_deliveries.hook_name is 'Its name when it was chosen; the hook may be gone since';
comment on column hook_deliveries.status is 'pending, delivered, dead, or skipped (the hook was removed)';
comment on column hook_deliveries.attempts is 'Attempts that count; those that the hook throttled do not';
comment on column hook_deliveries.due_at is 'Not to be sent before';
comment on column hook_deliveries.claimed_until is 'A process is at it until then; past it, it died and another one takes over';

-- Every attempt, for people.
create table hook_attempts (
    id               bigint      not null generated always as identity,
    event_id         uuid        not null,
    hook_id          uuid        not null,
    number           integer     not null,
    started_at       timestamptz not null,
    duration_ms      bigint      not null,
    outcome          text        not null,
    status_code      integer,
    error_code       text,
    error_message    text,
    response_excerpt text,
    constraint hook_attempts_pkey primary key (id),
    constraint ck_hook_attempts_outcome
        check (outcome in ('delivered', 'retry', 'throttled', 'dead', 'disabled'))
);
-- Serves one event's attempts.
create index ix_hook_attempts_event on hook_attempts (event_id, hook_id, id);
-- Serves rates of a period, and the removal of old ones.
create index ix_hook_attempts_started_at on hook_attempts (started_at);

comment on table hook_attempts is 'Every attempt to send an event to a hook';
comment on column hook_attempts.outcome is
    'delivered, retry (another one follows), throttled (429, which does not count), dead, or disabled (410)';
comment on column hook_attempts.error_code is 'Why there was no answer, in one word';
comment on column hook_attempts.response_excerpt is 'Beginning of what the hook answered';
