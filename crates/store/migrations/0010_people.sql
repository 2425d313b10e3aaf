-- People who were looked up for a lead, and what was sent to it. Whatever says who somebody is lies here sealed, and is
-- found by a keyed fingerprint (HMAC), since there are few enough CPFs to try them all against a plain hash.
create table people (
    id            uuid        not null,
    cpf_index     bytea       not null,
    cpf_sealed    bytea       not null,
    person_sealed bytea,
    source        text        not null,
    fetched_at    timestamptz not null,
    expires_at    timestamptz not null,
    constraint people_pkey primary key (id),
    constraint ux_people_cpf unique (cpf_index)
);
-- Serves the removal of what has expired.
create index ix_people_expires_at on people (expires_at);

comment on table people is 'Cache of look-ups by CPF';
comment on column people.cpf_index is 'HMAC of the CPF under people.index_keys: finds it, tells nothing';
comment on column people.cpf_sealed is 'CPF, sealed';
comment on column people.person_sealed is 'What the look-up told, sealed; null: it knows nobody of this CPF';
comment on column people.source is 'Who told it: work-api, diretrix';
comment on column people.expires_at is 'After this it is asked again, and removed by the next cleanup';

-- One row for each lead and each thing that it said of its person: the guard against enriching it twice.
create table lead_enrichments (
    id            uuid        not null,
    lead_id       text        not null,
    fingerprint   bytea       not null,
    event_id      uuid        not null,
    updated_at    timestamptz not null,
    status        text        not null,
    outcome       text,
    note          text,
    cpf_source    text,
    cpf_indexes   bytea[]     not null default '{}',
    progress_sealed bytea,
    steps         jsonb       not null default '[]',
    attempts      integer     not null,
    error_code    text,
    error_message text,
    leased_until  timestamptz,
    started_at    timestamptz not null,
    finished_at   timestamptz,
    erased_at     timestamptz,
    constraint lead_enrichments_pkey primary key (id),
    constraint ux_lead_enrichments_fingerprint unique (lead_id, fingerprint),
    constraint ck_lead_enrichments_status check (status in ('processing', 'completed', 'failed')),
    constraint ck_lead_enrichments_outcome check ((status = 'completed') = (outcome is not null)),
    constraint ck_lead_enrichments_finished check ((status = 'completed') = (finished_at is not null)),
    constraint ck_lead_enrichments_reason check (status <> 'failed' or error_code is not null)
);
-- Serves the newest-first list.
create index ix_lead_enrichments_started_at on lead_enrichments (started_at desc, id desc);
-- Serves "a newer version of this lead was handled before" and the history of one lead.
create index ix_lead_enrichments_lead on lead_enrichments (lead_id, updated_at desc);
-- Serves the erasure of a person.
create index ix_lead_enrichments_cpf on lead_enrichments using gin (cpf_indexes);
-- Serves "which enrichment is this event's", when an attempt fails.
create index ix_lead_enrichments_event on lead_enrichments (event_id);

comment on table lead_enrichments is 'What was done to enrich a lead, once for each thing that it said of its person';
comment on column lead_enrichments.fingerprint is 'HMAC of name, phones, e-mail and CPF, normalised';
comment on column lead_enrichments.event_id is 'The event that asked for it, or took it over';
comment on column lead_enrichments.updated_at is 'Instant of the lead''s version';
comment on column lead_enrichments.status is 'processing, completed or failed (tried again, or given up: see event_handlings)';
comment on column lead_enrichments.outcome is
    'enriched, repeated (the same text was sent before), no_cpf, no_data, suppressed (the person was erased) or lead_gone';
comment on column lead_enrichments.cpf_source is 'Where the CPF is from: text, phone, email';
comment on column lead_enrichments.cpf_indexes is 'HMACs of the CPFs that it is about';
comment on column lead_enrichments.progress_sealed is 'CPFs found so far, sealed; removed when it is completed';
comment on column lead_enrichments.steps is 'What was asked and what came of it, without personal data';
comment on column lead_enrichments.leased_until is 'A process is at work on it until then, unless it died';

-- Messages to leads. The row is committed before the call, so that a process that dies leaves a trace of it.
create table lead_messages (
    id            uuid        not null,
    enrichment_id uuid        not null,
    lead_id       text        not null,
    content_hash  bytea       not null,
    marker        text        not null,
    body_sealed   bytea,
    status        text        not null,
    attempts      integer     not null default 0,
    intended_at   timestamptz,
    sent_at       timestamptz,
    confirmed_by  text,
    created_at    timestamptz not null,
    constraint lead_messages_pkey primary key (id),
    constraint ux_lead_messages_content unique (lead_id, content_hash),
    constraint ck_lead_messages_status check (status in ('ready', 'sending', 'sent')),
    constraint ck_lead_messages_intended check (status = 'ready' or intended_at is not null),
    constraint ck_lead_messages_sent check ((status = 'sent') = (sent_at is not null)),
    constraint ck_lead_messages_confirmed check ((status = 'sent') = (confirmed_by is not null))
);
-- Serves the message of an enrichment.
create index ix_lead_messages_enrichment on lead_messages (enrichment_id);
-- Serves the removal of texts.
create index ix_lead_messages_sent_at on lead_messages (sent_at) where body_sealed is not null;

comment on table lead_messages is 'Messages posted to leads, one row for each text and lead';
comment on column lead_messages.content_hash is 'HMAC of the text: the same one is never posted twice to a lead';
comment on column lead_messages.marker is 'Stands in the first line of the message, so that it is recognised on the lead';
comment on column lead_messages.body_sealed is 'The text, sealed; removed after people.message_days';
comment on column lead_messages.status is 'ready, sending (called, outcome not known yet) or sent';
comment on column lead_messages.intended_at is 'When the last call began';
comment on column lead_messages.confirmed_by is 'answer (of the call) or read_back (it was found on the lead)';

-- People who asked to be forgotten: they are not looked up again.
create table person_erasures (
    id        uuid        not null,
    cpf_index bytea       not null,
    removed   jsonb       not null,
    erased_at timestamptz not null,
    constraint person_erasures_pkey primary key (id),
    constraint ux_person_erasures_cpf unique (cpf_index)
);

comment on table person_erasures is 'Who was erased, by the HMAC of the CPF alone, so that nobody looks them up again';
comment on column person_erasures.removed is 'How many rows and messages were erased, by place';

-- A body that was erased leaves its row, so that the books still balance.
alter table webhook_events add column erased_at timestamptz;
comment on column webhook_events.erased_at is 'When the body was erased, because of the person in it';
alter table dead_letters add column erased_at timestamptz;
comment on column dead_letters.erased_at is 'When body and headers were erased, because of the person in them';
