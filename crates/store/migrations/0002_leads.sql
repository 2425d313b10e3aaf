-- Contact2Sale leads, as their newest event describes them.
create table leads (
    lead_id             text        not null,
    internal_id         text,
    description         text,
    customer_name       text,
    customer_email      text,
    customer_phone      text,
    customer_phone2     text,
    seller_id           text,
    seller_name         text,
    product_description text,
    product_ref         text,
    price               text,
    lead_source         text,
    status_alias        text,
    status_name         text,
    created_at          timestamptz,
    updated_at          timestamptz not null,
    last_event_id       uuid        not null,
    first_seen_at       timestamptz not null,
    last_seen_at        timestamptz not null,
    constraint leads_pkey primary key (lead_id)
);

comment on table leads is 'Contact2Sale leads, each as its newest event describes it';
comment on column leads.created_at is 'When the lead was created in Contact2Sale';
comment on column leads.updated_at is 'Instant of the newest event applied; an older one never overwrites it';
comment on column leads.last_event_id is 'Ledger row of that event';
comment on column leads.first_seen_at is 'When the edge received the first event applied to this lead';
comment on column leads.last_seen_at is 'When the edge received the event that it shows';

create table lead_events (
    event_id     uuid        not null,
    lead_id      text        not null,
    event_type   text        not null,
    hook_action  text,
    updated_at   timestamptz not null,
    status_alias text,
    received_at  timestamptz not null,
    constraint lead_events_pkey primary key (event_id),
    -- Serves the history of one lead too. A replay of an event that had its effect adds nothing.
    constraint ux_lead_events_lead_updated unique (lead_id, updated_at)
);

comment on table lead_events is 'Every event applied to a lead, late ones included';
comment on column lead_events.event_id is 'Ledger row of the event';
comment on column lead_events.updated_at is 'When Contact2Sale changed the lead';
