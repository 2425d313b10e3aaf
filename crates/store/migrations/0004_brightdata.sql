-- Scrape jobs at Bright Data: those that we triggered, and those that only their notifications or data told us of.
create table scrape_requests (
    id                  uuid        not null,
    snapshot_id         text,
    dataset_id          text,
    platform            text,
    kind                text,
    origin              text        not null,
    status              text        not null,
    provider_status     text,
    status_event_id     uuid,
    notify_expected     boolean     not null default true,
    inputs              jsonb,
    parameters          jsonb,
    error_code          text,
    error_message       text,
    records_announced   bigint,
    errors_announced    bigint,
    parts               bigint      not null default 0,
    records             bigint      not null default 0,
    record_errors       bigint      not null default 0,
    record_warnings     bigint      not null default 0,
    record_unrecognised bigint      not null default 0,
    requested_at        timestamptz not null,
    ready_at            timestamptz,
    data_first_at       timestamptz,
    data_last_at        timestamptz,
    finished_at         timestamptz,
    created_at          timestamptz not null default now(),
    updated_at          timestamptz not null,
    constraint scrape_requests_pkey primary key (id),
    constraint ux_scrape_requests_snapshot unique (snapshot_id),
    constraint ck_scrape_requests_origin check (origin in ('triggered', 'unmatched')),
    constraint ck_scrape_requests_status
        check (status in ('pending', 'processing', 'completed', 'failed', 'cancelled')),
    constraint ck_scrape_requests_unmatched check (origin <> 'unmatched' or snapshot_id is not null)
);
-- Serves the newest-first list.
create index ix_scrape_requests_requested_at on scrape_requests (requested_at desc, id desc);
-- Serves "which jobs are still open", asked after an outage.
create index ix_scrape_requests_open on scrape_requests (requested_at) where status in ('pending', 'processing');
-- Serves "ready for so long, and no data came".
create index ix_scrape_requests_lost on scrape_requests (ready_at) where status = 'completed' and data_first_at is null;

comment on table scrape_requests is 'Scrape jobs at Bright Data, whoever started them';
comment on column scrape_requests.snapshot_id is 'Bright Data''s id of the job; null until the trigger was answered';
comment on column scrape_requests.platform is 'facebook, instagram, linkedin or tiktok, when known';
comment on column scrape_requests.kind is 'posts, reels, stories, videos, comments, pages, companies or profiles, when known';
comment on column scrape_requests.origin is 'triggered by us, or unmatched: known only from what Bright Data sent';
comment on column scrape_requests.status is
    'pending, processing, completed, failed or cancelled; a later word never moves it back';
comment on column scrape_requests.provider_status is 'The last word for it that Bright Data sent, unchanged';
comment on column scrape_requests.status_event_id is 'Ledger row of the event that moved it to its status; null if none did';
comment on column scrape_requests.notify_expected is 'Whether a notification was asked for; without one, data completes it';
comment on column scrape_requests.inputs is 'What was to be collected';
comment on column scrape_requests.parameters is 'Query of the trigger, without secrets';
comment on column scrape_requests.records_announced is 'Records that Bright Data says there are';
comment on column scrape_requests.parts is 'Parts of its deliveries that were processed';
comment on column scrape_requests.records is 'Records in them, of every sort; a delivery that comes again cut differently counts again';
comment on column scrape_requests.record_errors is 'Of these, errors: see scrape_record_errors';
comment on column scrape_requests.record_warnings is 'Of these, records with a warning of theirs or a value that we refused';
comment on column scrape_requests.record_unrecognised is 'Of these, kept raw: see unrecognised_records';
comment on column scrape_requests.ready_at is 'When we first heard that its data is ready';
comment on column scrape_requests.data_first_at is 'When its first data arrived; null although ready_at is old: lost';

-- Posts, reels, stories and videos. What a record says beyond these columns is in raw.
create table social_posts (
    platform           text        not null,
    kind               text        not null,
    external_id        text        not null,
    shortcode          text,
    url                text,
    author             text,
    author_id          text,
    author_name        text,
    author_url         text,
    author_followers   bigint,
    author_is_verified boolean,
    text               text,
    posted_at          timestamptz,
    likes              bigint,
    comments           bigint,
    shares             bigint,
    views              bigint,
    saves              bigint,
    reactions          jsonb,
    media              jsonb,
    hashtags           jsonb,
    content_type       text,
    duration_seconds   double precision,
    is_sponsored       boolean,
    location           text,
    original_id        text,
    original_url       text,
    warning_code       text,
    warning            text,
    refused_fields     jsonb,
    snapshot_id        text,
    collected_at       timestamptz not null,
    last_event_id      uuid        not null,
    first_seen_at      timestamptz not null,
    last_seen_at       timestamptz not null,
    raw                bytea       not null,
    constraint social_posts_pkey primary key (platform, kind, external_id)
);
-- Serves one author's posts, newest first.
create index ix_social_posts_author on social_posts (platform, author, posted_at desc);
-- Serves the newest posts of all.
create index ix_social_posts_posted_at on social_posts (posted_at desc);
-- Serves "what did this job bring".
create index ix_social_posts_snapshot on social_posts (snapshot_id);

comment on table social_posts is 'Posts, reels, stories and videos, each as its newest record describes it';
comment on column social_posts.external_id is 'The platform''s own id';
comment on column social_posts.author is 'Author as the records name them: a handle, on Facebook a name';
comment on column social_posts.author_name is 'Display name of the author';
comment on column social_posts.views is 'Views or plays';
comment on column social_posts.saves is 'Times it was saved or collected';
comment on column social_posts.reactions is 'Reactions by type: [{"type": .., "count": ..}]';
comment on column social_posts.media is '[{"type": "image" or "video" or .., "url": ..}]';
comment on column social_posts.content_type is 'The platform''s own word: Carousel, Reel, article, ..';
comment on column social_posts.original_id is 'Post that this one repeats';
comment on column social_posts.refused_fields is 'Names of fields whose value cannot be: their columns are null';
comment on column social_posts.snapshot_id is 'Job that brought the newest record';
comment on column social_posts.collected_at is
    'The record''s timestamp, else when it arrived; an older record never overwrites a newer one';
comment on column social_posts.last_event_id is 'Ledger row of the part that brought the newest record';
comment on column social_posts.raw is 'The record''s exact bytes; read them as JSON with the function payload()';

create table social_comments (
    platform        text        not null,
    external_id     text        not null,
    url             text,
    post_id         text,
    post_url        text,
    post_author     text,
    parent_id       text,
    is_reply        boolean,
    author          text,
    author_id       text,
    author_url      text,
    text            text,
    posted_at       timestamptz,
    likes           bigint,
    replies         bigint,
    media           jsonb,
    hashtags        jsonb,
    warning_code    text,
    warning         text,
    refused_fields  jsonb,
    snapshot_id     text,
    collected_at    timestamptz not null,
    last_event_id   uuid        not null,
    first_seen_at   timestamptz not null,
    last_seen_at    timestamptz not null,
    raw             bytea       not null,
    constraint social_comments_pkey primary key (platform, external_id)
);
-- Serves the comments of one post, newest first. Ids of a post differ between datasets, so by its address too.
create index ix_social_comments_post on social_comments (platform, post_id, posted_at desc);
create index ix_social_comments_post_url on social_comments (post_url);
-- Serves "what did this job bring".
create index ix_social_comments_snapshot on social_comments (snapshot_id);

comment on table social_comments is 'Comments, each as its newest record describes it; common columns as in social_posts';
comment on column social_comments.post_id is 'Id of the post as the comment''s record spells it';

-- Pages, companies and profiles.
create table social_profiles (
    platform        text        not null,
    kind            text        not null,
    external_id     text        not null,
    url             text,
    username        text,
    name            text,
    description     text,
    category        text,
    website         text,
    image_url       text,
    country         text,
    location        text,
    emails          jsonb,
    phones          jsonb,
    followers       bigint,
    following       bigint,
    likes           bigint,
    posts_count     bigint,
    employees       bigint,
    company_size    text,
    founded         bigint,
    rating          double precision,
    engagement_rate double precision,
    is_verified     boolean,
    is_private      boolean,
    profile_created_at timestamptz,
    warning_code    text,
    warning         text,
    refused_fields  jsonb,
    snapshot_id     text,
    collected_at    timestamptz not null,
    last_event_id   uuid        not null,
    first_seen_at   timestamptz not null,
    last_seen_at    timestamptz not null,
    raw             bytea       not null,
    constraint social_profiles_pkey primary key (platform, kind, external_id)
);
-- Serves the profile of a handle.
create index ix_social_profiles_username on social_profiles (platform, username);
-- Serves "what did this job bring".
create index ix_social_profiles_snapshot on social_profiles (snapshot_id);

comment on table social_profiles is
    'Pages, companies and profiles, each as its newest record describes it; common columns as in social_posts';

-- Inputs of a job that could not be collected.
create table scrape_record_errors (
    snapshot_id   text,
    input_hash    bytea       not null,
    input_url     text,
    dataset_id    text,
    platform      text,
    kind          text,
    error_code    text        not null,
    error         text,
    status_code   bigint,
    warning_code  text,
    warning       text,
    is_permanent  boolean     not null generated always as (error_code in ('dead_page', 'bad_input')) stored,
    collected_at  timestamptz not null,
    last_event_id uuid        not null,
    first_seen_at timestamptz not null,
    last_seen_at  timestamptz not null,
    raw           bytea       not null,
    constraint ux_scrape_record_errors unique nulls not distinct (snapshot_id, input_hash)
);
-- Serves "which errors in the last day", by code.
create index ix_scrape_record_errors_last_seen on scrape_record_errors (last_seen_at desc, error_code);

comment on table scrape_record_errors is 'Error records: inputs of a job that could not be collected';
comment on column scrape_record_errors.input_hash is 'SHA-256 of the input, its keys sorted; of the record if it has none';
comment on column scrape_record_errors.is_permanent is 'Whether a new job for the same input would fail again';

-- What came and is nothing that we know: kept, so that a later version can read it.
create table unrecognised_records (
    snapshot_id  text,
    record_hash  bytea       not null,
    reason       text        not null,
    dataset_id   text,
    platform     text,
    kind         text,
    event_id     uuid        not null,
    received_at  timestamptz not null,
    raw          bytea       not null,
    constraint ux_unrecognised_records unique nulls not distinct (snapshot_id, record_hash)
);
-- Serves "what has come that we do not know", by reason.
create index ix_unrecognised_records_received_at on unrecognised_records (received_at desc, reason);

comment on table unrecognised_records is 'Records that no typed table could take, with the reason';
comment on column unrecognised_records.reason is
    'not_json, not_an_object, unknown_platform, unknown_kind, missing_id, id_too_long or foreign_product';

-- Where records differ from schemas/brightdata/*.json.
create table schema_drift (
    dataset       text        not null,
    path          text        not null,
    change        text        not null,
    found         text        not null default '',
    expected      text,
    records       bigint      not null,
    first_seen_at timestamptz not null,
    last_seen_at  timestamptz not null,
    snapshot_id   text,
    constraint schema_drift_pkey primary key (dataset, path, change, found),
    constraint ck_schema_drift_change check (change in ('new', 'vanished', 'type'))
);

comment on table schema_drift is 'Fields that appeared, vanished or changed their type, by dataset';
comment on column schema_drift.dataset is 'Dataset id; platform/kind where it is not known';
comment on column schema_drift.path is 'Field, as in employees[].title';
comment on column schema_drift.found is 'JSON type found; empty for a vanished field';
comment on column schema_drift.records is 'Records in which it was so';
comment on column schema_drift.snapshot_id is 'Job that showed it last';

-- As for the ledger's bodies.
do $$
begin
    alter table social_posts alter column raw set compression lz4;
    alter table social_comments alter column raw set compression lz4;
    alter table social_profiles alter column raw set compression lz4;
    alter table scrape_record_errors alter column raw set compression lz4;
    alter table unrecognised_records alter column raw set compression lz4;
exception when feature_not_supported then
    raise notice 'this server has no lz4: raw records are compressed with pglz';
end
$$;

-- Bytes as JSON, null where they are none (or hold \u0000, which jsonb cannot).
create function json_of(body bytea) returns jsonb language plpgsql immutable as $$
begin
    return convert_from(body, 'UTF8')::jsonb;
exception when data_exception or program_limit_exceeded then
    return null;
end
$$;
create function payload(record social_posts) returns jsonb language sql immutable
    return json_of(record.raw);
create function payload(record social_comments) returns jsonb language sql immutable
    return json_of(record.raw);
create function payload(record social_profiles) returns jsonb language sql immutable
    return json_of(record.raw);
create function payload(record scrape_record_errors) returns jsonb language sql immutable
    return json_of(record.raw);
create function payload(record unrecognised_records) returns jsonb language sql immutable
    return json_of(record.raw);
comment on function json_of(bytea) is 'A raw record as JSON: select p.payload from social_posts p';
