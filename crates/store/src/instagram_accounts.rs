//! Instagram's professional accounts, and when Meta last sent a webhook for each.

use std::collections::BTreeMap;

use sqlx::PgConnection;
use time::OffsetDateTime;

use crate::{column, newest_of_each};

/// Signs of life of one account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sign<'a> {
    /// The account.
    pub account_id: &'a str,
    /// When the edge received a webhook for it.
    pub webhook_at: OffsetDateTime,
    /// When the event happened, by Meta's clock.
    pub event_at: Option<OffsetDateTime>,
}

/// A handle that an account was seen with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Handle<'a> {
    /// The account.
    pub account_id: &'a str,
    /// Lower-case, without `@`.
    pub username: String,
    /// When it was seen.
    pub seen_at: OffsetDateTime,
}

/// How silent Meta is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Silence {
    /// Accounts that are known.
    pub accounts: i64,
    /// Of these, accounts without a webhook since then.
    pub silent: i64,
    /// When the last webhook of all came.
    pub last_webhook_at: Option<OffsetDateTime>,
}

/// Notes that webhooks came, and locks the accounts' rows until the transaction ends: whoever writes an account's
/// other rows calls this first, so that two transactions cannot wait for each other crosswise.
///
/// # Errors
/// Those of the database.
pub async fn note(connection: &mut PgConnection, signs: &[Sign<'_>]) -> sqlx::Result<()> {
    let mut by_account: BTreeMap<&str, (Sign<'_>, OffsetDateTime)> = BTreeMap::new();
    for sign in signs {
        by_account
            .entry(sign.account_id)
            .and_modify(|(newest, first)| {
                newest.event_at = newest.event_at.max(sign.event_at);
                newest.webhook_at = newest.webhook_at.max(sign.webhook_at);
                *first = sign.webhook_at.min(*first);
            })
            .or_insert((*sign, sign.webhook_at));
    }
    let accounts: Vec<_> = by_account.into_values().collect();
    sqlx::query!(
        "insert into instagram_accounts as account (account_id, first_webhook_at, last_webhook_at, last_event_at)
        select * from unnest($1::text[], $2::timestamptz[], $3::timestamptz[], $4::timestamptz[])
        on conflict on constraint instagram_accounts_pkey do update set
            first_webhook_at = least(account.first_webhook_at, excluded.first_webhook_at),
            last_webhook_at = greatest(account.last_webhook_at, excluded.last_webhook_at),
            last_event_at = greatest(account.last_event_at, excluded.last_event_at)",
        &column(&accounts, |(sign, _)| sign.account_id) as _,
        &column(&accounts, |(_, first)| *first),
        &column(&accounts, |(sign, _)| sign.webhook_at),
        &column(&accounts, |(sign, _)| sign.event_at) as _,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Learns accounts' handles; an older sighting never replaces a newer one. Comments that came before their account's
/// handle was known are marked now. Proved by `a_mention_is_marked_whenever_the_handle_becomes_known`.
///
/// # Errors
/// Those of the database.
pub async fn learn(connection: &mut PgConnection, handles: &[Handle<'_>]) -> sqlx::Result<()> {
    let handles: Vec<_> = handles.iter().collect();
    let newest = newest_of_each(
        &handles,
        |handle| handle.account_id,
        |handle| (handle.seen_at, handle.username.as_str()),
    );
    let changed: Vec<String> = sqlx::query_scalar!(
        r#"with learned as (
            update instagram_accounts account
            set username = new.username, username_seen_at = new.seen_at
            from unnest($1::text[], $2::text[], $3::timestamptz[]) as new (account_id, username, seen_at)
            join instagram_accounts before on before.account_id = new.account_id
            where account.account_id = new.account_id
                and (account.username_seen_at is null
                    or (account.username_seen_at, account.username) < (new.seen_at, new.username))
            returning account.account_id, before.username is distinct from account.username as is_changed
        )
        select account_id as "account_id!" from learned where is_changed"#,
        &column(&newest, |handle| handle.account_id) as _,
        &column(&newest, |handle| handle.username.as_str()) as _,
        &column(&newest, |handle| handle.seen_at),
    )
    .fetch_all(&mut *connection)
    .await?;
    if changed.is_empty() {
        return Ok(());
    }
    sqlx::query!(
        "update instagram_comments comment
        set mentions_account = comment.mentioned_usernames @> array[account.username]
        from instagram_accounts account
        where account.account_id = any($1)
            and comment.account_id = account.account_id
            and comment.mentioned_usernames <> '{}'
            and comment.mentions_account <> comment.mentioned_usernames @> array[account.username]",
        &changed,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// How many accounts there are, how many of them are silent since then, and when the last webhook came.
///
/// # Errors
/// Those of the database.
pub async fn silence(connection: &mut PgConnection, since: OffsetDateTime) -> sqlx::Result<Silence> {
    sqlx::query_as!(
        Silence,
        r#"select count(*) as "accounts!", count(*) filter (where last_webhook_at < $1) as "silent!",
            max(last_webhook_at) as last_webhook_at
        from instagram_accounts"#,
        since,
    )
    .fetch_one(connection)
    .await
}
