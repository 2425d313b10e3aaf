-- Dead letters: what was given up, whole, so that it outlives its stream. One row per event and consumer, whoever found
-- it: the consumer's own verdict, the broker's advisory, or the reconciler. The first complete one wins, later ones add
-- what is missing.
create table dead_letters (
    id              uuid        not null,
    event_id        uuid        not null,
    consumer        text        not null,
    provider        text        not null,
    source          text        not null,
    event_type      text        not null,
    subject         text,
    dedup_key       text        not null,
    stream          text        not null,
    stream_subject  text        not null,
    stream_sequence bigint      not null,
    body            bytea,
    content_type    text        not null,
    headers         jsonb,
    attempts        integer     not null,
    reason_code     text        not null,
    last_error      text,
    fingerprint     text        not null,
    received_at     timestamptz not null,
    first_failed_at timestamptz not null,
    last_failed_at  timestamptz not null,
    trace_id        text,
    delivery_id     uuid,
    found_by        text        not null,
    status          text        not null default 'dead',
    replayed_as     uuid,
    discard_reason  text,
    settled_at      timestamptz,
    announced_at    timestamptz,
    created_at      timestamptz not null default now(),
    constraint dead_letters_pkey primary key (id),
    constraint ux_dead_letters_event unique (event_id, consumer),
    constraint ck_dead_letters_found_by check (found_by in ('verdict', 'advisory', 'reconciler')),
    constraint ck_dead_letters_status check (status in ('dead', 'replayed', 'discarded')),
    constraint ck_dead_letters_attempts check (attempts >= 0),
    constraint ck_dead_letters_headers check (headers is null or jsonb_typeof(headers) = 'array'),
    constraint ck_dead_letters_settled check ((status = 'dead') = (settled_at is null)),
    constraint ck_dead_letters_replayed check ((status = 'replayed') = (replayed_as is not null)),
    constraint ck_dead_letters_discarded check ((status = 'discarded') = (discard_reason is not null))
);
-- Serves "is the message at this position recorded": every advisory asks.
create index ix_dead_letters_position on dead_letters (stream, stream_sequence);
-- Serves the groups of failures and the list of one group.
create index ix_dead_letters_fingerprint on dead_letters (fingerprint, last_failed_at desc);
-- Serves the announcer, which empties it.
create index ix_dead_letters_unannounced on dead_letters (id) where announced_at is null;
-- Serves the lists and replays of what is still dead.
create index ix_dead_letters_dead on dead_letters (id) where status = 'dead';

comment on table dead_letters is 'Events that a consumer gave up, with body and headers';
comment on column dead_letters.id is 'UUIDv7: ids sort by when the dead letter was recorded';
comment on column dead_letters.event_id is 'ce-id of the event; its ledger row where the consumer keeps the ledger';
comment on column dead_letters.body is
    'Exact bytes; where the message only named an object, the object''s. Null: gone before they could be copied';
comment on column dead_letters.headers is 'All headers of the message, as a list of [name, value]';
comment on column dead_letters.reason_code is 'Stable word: why it was given up';
comment on column dead_letters.last_error is 'What the last attempt said';
comment on column dead_letters.fingerprint is 'Equal for failures that differ in ids, numbers and quoted text only';
comment on column dead_letters.found_by is 'Who recorded it first: verdict, advisory or reconciler';
comment on column dead_letters.status is 'dead, replayed or discarded';
comment on column dead_letters.replayed_as is 'The newest event that replays it';
comment on column dead_letters.settled_at is 'When it was replayed or discarded';
comment on column dead_letters.announced_at is 'When its result event was on the stream RESULTS';

do $$
begin
    alter table dead_letters alter column body set compression lz4;
exception when feature_not_supported then
    raise notice 'this server has no lz4: bodies of dead letters are compressed with pglz';
end
$$;

-- Serves the accounting of a stream's positions, here and in webhook_event_duplicates (its primary key).
create index ix_webhook_events_position on webhook_events (stream, stream_sequence);

-- Serves "does any event name this object".
create index ix_webhook_events_claim on webhook_events ((extensions ->> 'claim')) where extensions ? 'claim';

-- The books of a stream, one row for each time that it was created. Everything up to settled_sequence is counted here
-- for good, so that what retention deletes from the ledger stays counted, and an audit reads the rest only.
create table stream_accounts (
    stream           text        not null,
    incarnation      timestamptz not null,
    provider         text        not null,
    last_sequence    bigint      not null,
    settled_sequence bigint      not null,
    completed        bigint      not null,
    dead             bigint      not null,
    duplicates       bigint      not null,
    directed         bigint      not null,
    lost             bigint      not null,
    updated_at       timestamptz not null,
    constraint stream_accounts_pkey primary key (stream, incarnation),
    constraint ck_stream_accounts_sum
        check (settled_sequence = completed + dead + duplicates + directed + lost),
    constraint ck_stream_accounts_last check (settled_sequence <= last_sequence)
);

comment on table stream_accounts is 'What became of the positions of each stream that an audit has passed';
comment on column stream_accounts.incarnation is 'When the server created the stream: positions count anew from there';
comment on column stream_accounts.last_sequence is 'Newest position that an audit has seen';
comment on column stream_accounts.settled_sequence is 'Every position up to here is accounted for';
comment on column stream_accounts.directed is 'Messages for one other consumer (a replay), which are none of the ledger';
comment on column stream_accounts.lost is 'Positions that the stream no longer has and the ledger never had';

-- Positions that a stream lost (purged, expired, deleted with it) before any consumer had settled them.
create table lost_positions (
    stream          text        not null,
    incarnation     timestamptz not null,
    first_sequence  bigint      not null,
    last_sequence   bigint      not null,
    provider        text        not null,
    found_at        timestamptz not null,
    acknowledged_at timestamptz,
    acknowledgement text,
    constraint lost_positions_pkey primary key (stream, incarnation, first_sequence),
    constraint ck_lost_positions_range check (first_sequence <= last_sequence),
    constraint ck_lost_positions_acknowledged check ((acknowledged_at is null) = (acknowledgement is null))
);

comment on table lost_positions is 'Real losses: counted as unaccounted until a person acknowledges them with a reason';
