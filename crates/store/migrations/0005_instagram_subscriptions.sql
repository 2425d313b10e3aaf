-- Instagram accounts that we subscribe to webhooks through Meta's Graph API.
create table instagram_subscriptions (
    account_id    text collate "C" not null,
    fields        text[]      not null,
    token_sealed  bytea       not null,
    status        text        not null,
    error_code    text,
    error_message text,
    subscribed_at timestamptz,
    checked_at    timestamptz,
    created_at    timestamptz not null,
    updated_at    timestamptz not null,
    constraint instagram_subscriptions_pkey primary key (account_id),
    constraint ck_instagram_subscriptions_fields check (cardinality(fields) > 0),
    constraint ck_instagram_subscriptions_status
        check (status in ('pending', 'active', 'failed', 'token_dead', 'removing')),
    constraint ck_instagram_subscriptions_reason
        check (status not in ('failed', 'token_dead') or error_code is not null)
);

comment on table instagram_subscriptions is 'Instagram accounts that we subscribe to webhooks';
comment on column instagram_subscriptions.account_id is 'Meta''s id; webhooks carry it as entry.id';
comment on column instagram_subscriptions.fields is 'Fields that the account shall be subscribed to, in Meta''s spelling';
comment on column instagram_subscriptions.token_sealed is
    'Access token, sealed (crates/seal) for this table, column and account';
comment on column instagram_subscriptions.status is
    'pending (Meta has not answered yet), active, failed, token_dead (a new token is needed) or removing';
comment on column instagram_subscriptions.error_code is 'Why the last call failed, in one word';
comment on column instagram_subscriptions.subscribed_at is 'When Meta last confirmed that it is subscribed to these fields';
comment on column instagram_subscriptions.checked_at is 'When a check last asked Meta about it';
