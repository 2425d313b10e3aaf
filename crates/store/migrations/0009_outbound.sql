-- Limits on calls to other companies, shared by every replica of every service.
create table rate_limits (
    key          text collate "C" not null,
    arrival_at   timestamptz not null,
    asked_at     timestamptz not null,
    wait_us      bigint      not null default 0,
    paused_until timestamptz,
    pause_code   text,
    constraint rate_limits_pkey primary key (key),
    constraint ck_rate_limits_wait check (wait_us >= 0),
    constraint ck_rate_limits_pause check ((paused_until is null) = (pause_code is null))
)
-- Every call updates its row: room on the page keeps the update in place.
with (fillfactor = 50);

comment on table rate_limits is 'Limits on calls to other companies, shared by all replicas (GCRA, by the database''s clock)';
comment on column rate_limits.key is 'What is limited: a destination, or one hook of many';
comment on column rate_limits.arrival_at is 'When the next call would arrive if all came at the even pace of the limit';
comment on column rate_limits.asked_at is 'When somebody last asked to call';
comment on column rate_limits.wait_us is 'Microseconds that the last who asked was told to wait; zero when the call was granted';
comment on column rate_limits.paused_until is 'No calls before this: the destination asked for a rest, or refuses our token or quota';
comment on column rate_limits.pause_code is 'Why it is paused, in one word';
