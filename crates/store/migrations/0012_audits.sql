-- What the last audit of each provider said, for the replicas that did not make it.
create table audit_reports (
    provider text        not null,
    report   jsonb       not null,
    ended_at timestamptz not null,
    constraint audit_reports_pkey primary key (provider)
);

comment on table audit_reports is 'What the last audit of each provider''s stream said, as `weir audit --json` says it';

-- Up to where the accounts of a stream's other consumers (event_handlings) were compared with the ledger. They are from
-- the position at which a consumer was first seen: what it did before may have been removed since.
create table consumer_accounts (
    stream           text        not null,
    incarnation      timestamptz not null,
    consumer         text        not null,
    settled_sequence bigint      not null,
    updated_at       timestamptz not null,
    constraint consumer_accounts_pkey primary key (stream, incarnation, consumer)
);

comment on table consumer_accounts is 'Up to where a secondary consumer is known to have an account of every event';
