-- What the edge knew of an event beside its body. A replay needs it, and so does whoever counts without test events.
alter table webhook_events add column extensions jsonb;
comment on column webhook_events.extensions is
    'CloudEvents extension attributes: kind, test and so on; null if there are none';

-- Instagram's tables. All ids are text: they are numbers above 2^53, or opaque. Nothing here refers by foreign key,
-- because Meta sends events in any order: a reaction may be known before its message. Of each row, columns that come
-- from one kind of event are replaced together and only by a newer one, so that any order leads to the same rows.
-- Ids compare byte by byte here as they do in Rust. Event times are Meta's, received_at and *_webhook_at are the edge's.

create table instagram_accounts (
    account_id       text collate "C" not null,
    username         text collate "C",
    username_seen_at timestamptz,
    first_webhook_at timestamptz not null,
    last_webhook_at  timestamptz not null,
    last_event_at    timestamptz,
    constraint instagram_accounts_pkey primary key (account_id)
);

comment on table instagram_accounts is 'Professional accounts that Meta sends webhooks for';
comment on column instagram_accounts.username is 'Handle, lower-case; known from the account''s own comments';
comment on column instagram_accounts.last_webhook_at is
    'When the edge last received a webhook for it, repeats included: silence is measured from here';
comment on column instagram_accounts.last_event_at is 'Time of its newest event, by Meta''s clock';

-- The name that an older system used (webhook_events.page_id refers to it).
create view pages as
    select account_id as id, username as name, first_webhook_at as created_at, last_webhook_at as updated_at
    from instagram_accounts;
comment on view pages is 'instagram_accounts by an older system''s name';

create table instagram_conversations (
    account_id        text collate "C" not null,
    participant_id    text collate "C" not null,
    first_activity_at timestamptz not null,
    last_activity_at  timestamptz not null,
    last_inbound_at   timestamptz,
    last_outbound_at  timestamptz,
    last_message_at   timestamptz,
    last_message_mid  text collate "C",
    constraint instagram_conversations_pkey primary key (account_id, participant_id)
);
-- Serves an account's inbox, newest first.
create index ix_instagram_conversations_inbox on instagram_conversations (account_id, last_activity_at desc);

comment on table instagram_conversations is 'Conversations of an account with one user each';
comment on column instagram_conversations.participant_id is 'Instagram-scoped id of the user';
comment on column instagram_conversations.last_inbound_at is
    'Newest message or postback of the user: Meta''s window for an answer opens here';
comment on column instagram_conversations.last_outbound_at is 'Newest message of the account, known by its echo';

create table instagram_messages (
    account_id          text collate "C" not null,
    mid                 text collate "C" not null,
    participant_id      text collate "C",
    sender_id           text collate "C",
    recipient_id        text collate "C",
    is_echo             boolean     not null default false,
    is_self             boolean     not null default false,
    is_unsupported      boolean     not null default false,
    is_standby          boolean     not null default false,
    app_id              text,
    sent_at             timestamptz,
    original_text       text,
    attachments         jsonb,
    quick_reply_payload text,
    reply_to_mid        text,
    reply_to_story_id   text,
    reply_to_story_url  text,
    referral            jsonb,
    num_edit            integer,
    edited_text         text,
    edited_at           timestamptz,
    deleted_at          timestamptz,
    text                text        generated always as (coalesce(edited_text, original_text)) stored,
    event_id            uuid,
    constraint instagram_messages_pkey primary key (account_id, mid)
);
-- Serves one conversation, newest first.
create index ix_instagram_messages_conversation on instagram_messages (account_id, participant_id, sent_at desc);

comment on table instagram_messages is 'Direct messages, in both directions';
comment on column instagram_messages.mid is 'Meta''s id of the message';
comment on column instagram_messages.participant_id is 'The user of the conversation, whoever wrote';
comment on column instagram_messages.is_echo is 'Echo of what the account sent, through any app';
comment on column instagram_messages.is_self is 'Sent by the account to itself';
comment on column instagram_messages.is_unsupported is 'Of a sort that the API does not show';
comment on column instagram_messages.is_standby is 'Came while another app was in control of the conversation';
comment on column instagram_messages.app_id is 'App that sent an echo';
comment on column instagram_messages.sent_at is 'Null until the message itself arrived: only an edit or a deletion is known';
comment on column instagram_messages.attachments is 'As Meta sent them; their addresses expire';
comment on column instagram_messages.num_edit is 'Number of the newest edit whose text is known; null: never edited';
comment on column instagram_messages.deleted_at is 'When it was unsent; what it said must not be shown any more';
comment on column instagram_messages.text is 'What it says now: the newest edit''s text, else the original';
comment on column instagram_messages.event_id is 'Ledger row that brought the message itself';

create table instagram_reactions (
    account_id     text collate "C" not null,
    mid            text collate "C" not null,
    sender_id      text collate "C" not null,
    participant_id text collate "C",
    is_active      boolean     not null,
    reaction       text,
    emoji          text,
    changed_at     timestamptz not null,
    event_id       uuid        not null,
    received_at    timestamptz not null,
    constraint instagram_reactions_pkey primary key (account_id, mid, sender_id)
);

comment on table instagram_reactions is 'Reactions to messages, each as its newest change left it';
comment on column instagram_reactions.is_active is 'False: taken back; kept so that a late "react" does not bring it back';
comment on column instagram_reactions.reaction is 'Meta''s word (love, other); null when taken back';
comment on column instagram_reactions.event_id is 'Ledger row of the newest change';

create table instagram_seen (
    account_id     text collate "C" not null,
    participant_id text collate "C" not null,
    reader_id      text collate "C" not null,
    last_mid       text collate "C",
    seen_at        timestamptz not null,
    event_id       uuid        not null,
    received_at    timestamptz not null,
    constraint instagram_seen_pkey primary key (account_id, participant_id, reader_id)
);

comment on table instagram_seen is 'How far each reader has read a conversation; never goes back';
comment on column instagram_seen.last_mid is 'The newest message that was read';
comment on column instagram_seen.seen_at is 'When it was read: everything sent before is read too';

create table instagram_comments (
    account_id          text collate "C" not null,
    comment_id          text collate "C" not null,
    parent_id           text,
    media_id            text collate "C",
    media_product_type  text,
    original_media_id   text,
    ad_id               text,
    ad_title            text,
    from_id             text,
    from_username       text,
    text                text,
    is_live             boolean     not null,
    is_own              boolean     not null,
    mentioned_usernames text[]      not null,
    mentions_account    boolean     not null,
    event_id            uuid        not null,
    received_at         timestamptz not null,
    constraint instagram_comments_pkey primary key (account_id, comment_id)
);
-- Serves the comments of one post, newest first.
create index ix_instagram_comments_media on instagram_comments (account_id, media_id, received_at desc);
-- Serves "who mentioned the account", and marks older comments once its handle is known.
create index ix_instagram_comments_mentioned on instagram_comments using gin (mentioned_usernames)
    where mentioned_usernames <> '{}';

comment on table instagram_comments is 'Comments on posts, reels and broadcasts. Meta does not say when they were written';
comment on column instagram_comments.parent_id is 'The comment that it answers';
comment on column instagram_comments.is_live is 'Written during a live broadcast';
comment on column instagram_comments.is_own is 'Written by the account itself: nothing to answer';
comment on column instagram_comments.mentioned_usernames is 'Every @handle in the text, lower-case';
comment on column instagram_comments.mentions_account is
    'Whether the account''s handle is among them; false while the handle is not known';

create table instagram_mentions (
    account_id  text collate "C" not null,
    place       text        not null,
    mention_id  text collate "C" not null,
    media_id    text collate "C",
    comment_id  text collate "C",
    event_id    uuid        not null,
    received_at timestamptz not null,
    constraint instagram_mentions_pkey primary key (account_id, place, mention_id),
    constraint ck_instagram_mentions_place check (place in ('caption', 'comment'))
);

comment on table instagram_mentions is 'Posts and comments of others that mention the account (Facebook Login only)';
comment on column instagram_mentions.mention_id is 'comment_id of a mention in a comment, media_id of one in a caption';

create table instagram_postbacks (
    account_id     text collate "C" not null,
    postback_id    text collate "C" not null,
    mid            text collate "C",
    participant_id text collate "C",
    sender_id      text collate "C",
    title          text,
    payload        text,
    sent_at        timestamptz not null,
    event_id       uuid        not null,
    received_at    timestamptz not null,
    constraint instagram_postbacks_pkey primary key (account_id, postback_id)
);
-- Serves one conversation, newest first.
create index ix_instagram_postbacks_conversation on instagram_postbacks (account_id, participant_id, sent_at desc);

comment on table instagram_postbacks is 'Taps on buttons, ice breakers and menu entries';
comment on column instagram_postbacks.postback_id is 'mid, else made of sender, time and payload';

create table instagram_referrals (
    account_id       text collate "C" not null,
    referral_id      text collate "C" not null,
    participant_id   text collate "C",
    sender_id        text collate "C",
    mid              text collate "C",
    source           text,
    type             text,
    ref              text,
    ad_id            text,
    details          jsonb       not null,
    referred_at      timestamptz not null,
    event_id         uuid        not null,
    received_at      timestamptz not null,
    constraint instagram_referrals_pkey primary key (account_id, referral_id)
);
-- Serves "what brought this user here", newest first.
create index ix_instagram_referrals_conversation on instagram_referrals (account_id, participant_id, referred_at desc);

comment on table instagram_referrals is 'Ways by which users came to a conversation: ads, links, products';
comment on column instagram_referrals.referral_id is 'Made of sender, time and ref; of the mid where it came with a message';
comment on column instagram_referrals.mid is 'Message or postback that it came with';
comment on column instagram_referrals.details is 'The referral as Meta sent it';

create table instagram_story_insights (
    account_id   text collate "C" not null,
    media_id     text collate "C" not null,
    exits        bigint,
    replies      bigint,
    reach        bigint,
    taps_forward bigint,
    taps_back    bigint,
    impressions  bigint,
    details      jsonb       not null,
    event_id     uuid        not null,
    received_at  timestamptz not null,
    constraint instagram_story_insights_pkey primary key (account_id, media_id)
);

comment on table instagram_story_insights is 'Counts of stories that ended. -1 means fewer than 5';
comment on column instagram_story_insights.details is 'The value as Meta sent it, with counts that have no column';
