-- Replays: events that are published again, by jobs that survive a crash of whoever runs them.

alter table webhook_events add column replay_root uuid;
alter table webhook_events add column effects_by uuid;
-- Serves the chain of an event's replays, and the decision which of them may have effects.
create index ix_webhook_events_replay_root on webhook_events (replay_root) where replay_root is not null;

comment on column webhook_events.replayed_from is 'The event that this one replays; it may be a replay itself';
comment on column webhook_events.replay_root is 'The original at the beginning of the chain of replays';
comment on column webhook_events.effects_by is
    'The event that had the effects in place of this one: a replay of it, or what it replays';

create table replay_jobs (
    id              uuid             not null,
    name            text             not null,
    status          text             not null,
    selection       jsonb            not null,
    consumer        text,
    rate_per_second integer          not null,
    force_effects   boolean          not null,
    total           integer          not null,
    created_at      timestamptz      not null,
    started_at      timestamptz,
    finished_at     timestamptz,
    constraint replay_jobs_pkey primary key (id),
    constraint ux_replay_jobs_name unique (name),
    constraint ck_replay_jobs_status check (status in ('running', 'paused', 'aborted', 'completed')),
    constraint ck_replay_jobs_rate check (rate_per_second > 0),
    constraint ck_replay_jobs_finished check ((status in ('aborted', 'completed')) = (finished_at is not null))
);
-- Serves the runner, which asks for what is to be done every second.
create index ix_replay_jobs_running on replay_jobs (id) where status = 'running';

comment on table replay_jobs is 'Named jobs that publish events again; the runner in weir-dead-letters works them off';
comment on column replay_jobs.status is 'running (or waiting for a runner), paused, aborted or completed';
comment on column replay_jobs.selection is 'What was asked for, in words';
comment on column replay_jobs.consumer is 'The consumer that alone shall see the replays';
comment on column replay_jobs.total is 'Items, refused ones included';

create table replay_items (
    job_id          uuid        not null,
    position        integer     not null,
    event_id        uuid        not null,
    root_id         uuid        not null,
    consumer        text,
    stream          text        not null,
    state           text        not null,
    replay_id       uuid,
    stream_sequence bigint,
    reason_code     text,
    error           text,
    settled_at      timestamptz,
    constraint replay_items_pkey primary key (job_id, position),
    constraint ux_replay_items_event unique nulls not distinct (job_id, event_id, consumer),
    constraint ck_replay_items_state check (state in ('pending', 'publishing', 'published', 'refused', 'failed')),
    constraint ck_replay_items_replay check (state not in ('publishing', 'published') or replay_id is not null),
    constraint ck_replay_items_reason check ((state in ('refused', 'failed')) = (reason_code is not null))
);
-- Serves the next batch of a job.
create index ix_replay_items_open on replay_items (job_id, position) where state in ('pending', 'publishing');
-- Serve the chain of an event's replays where the ledger has no row of them: they are on their way, or went to one
-- secondary consumer.
create index ix_replay_items_root on replay_items (root_id);
create index ix_replay_items_replay on replay_items (replay_id) where replay_id is not null;

comment on table replay_items is 'What a job publishes again, one row for each event (and consumer)';
comment on column replay_items.root_id is 'The original at the beginning of the chain of replays';
comment on column replay_items.consumer is 'The consumer that alone shall see this replay';
comment on column replay_items.state is
    'pending, publishing (claimed; it may be on the stream), published, refused (can never succeed) or failed';
comment on column replay_items.replay_id is 'ce-id of the replay, fixed before it is published the first time';

create table replay_edits (
    job_id          uuid        not null,
    event_id        uuid        not null,
    body            bytea       not null,
    diff            text        not null,
    event_type      text        not null,
    subject         text,
    hook_action     text,
    extensions      jsonb,
    created_at      timestamptz not null,
    constraint replay_edits_pkey primary key (job_id, event_id),
    constraint replay_edits_job_fkey foreign key (job_id) references replay_jobs (id) on delete cascade
);
-- Serves "how was this event edited".
create index ix_replay_edits_event on replay_edits (event_id);

comment on table replay_edits is 'Bodies that a person changed before they were published again';
comment on column replay_edits.diff is 'Unified diff from the original''s body to this one';
comment on column replay_edits.event_type is 'What the new body says happened';
comment on column replay_edits.extensions is 'What the new envelope says beside; null: what the original says';
