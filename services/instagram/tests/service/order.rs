//! What comes late, twice or in the wrong order.

use crate::given::{ACCOUNT, Service, from_account, messaging};

const SENT: &str = r#""message":{"mid":"m-1","text":"hello","attachments":[{"type":"image","payload":{"url":"https://x/1"}}]}"#;

#[tokio::test]
async fn a_deletion_before_its_message_stays() {
    let service = Service::start().await;
    service.hears(60_000, r#""message":{"mid":"m-1","is_deleted":true}"#).await;
    let expected = "select count(*) from instagram_messages
        where deleted_at = '2026-01-01T00:01:00Z' and sent_at is null and event_id is null
            and participant_id = '9000000000000001' and not is_echo";
    assert_eq!(service.count(expected).await, 1);
    service.hears(1, SENT).await;
    let both = "select count(*) from instagram_messages
        where deleted_at = '2026-01-01T00:01:00Z' and sent_at = '2026-01-01T00:00:00.001Z' and text = 'hello'
            and attachments->0->>'type' = 'image'";
    assert_eq!(service.count(both).await, 1);
    assert_eq!(service.count("select count(*) from instagram_messages").await, 1);
    service.stop().await;
}

#[tokio::test]
async fn an_edit_before_its_message_stays() {
    let service = Service::start().await;
    service.hears(5_000, r#""message_edit":{"mid":"m-1","text":"hello!","num_edit":1}"#).await;
    assert_eq!(service.text("select text from instagram_messages").await, "hello!");
    service.hears(1, SENT).await;
    let expected = "select count(*) from instagram_messages
        where text = 'hello!' and original_text = 'hello' and num_edit = 1 and edited_at = '2026-01-01T00:00:05Z'";
    assert_eq!(service.count(expected).await, 1);
    service.stop().await;
}

#[tokio::test]
async fn an_older_edit_never_replaces_a_newer_one() {
    let service = Service::start().await;
    service.hears(1, SENT).await;
    service.hears(9_000, r#""message_edit":{"mid":"m-1","text":"third","num_edit":3}"#).await;
    service.hears(5_000, r#""message_edit":{"mid":"m-1","text":"second","num_edit":2}"#).await;
    // Meta announces every message as its edit number 0, which says nothing.
    service.message(r#"{"timestamp":1767225699001,"message_edit":{"mid":"m-1","num_edit":0}}"#).await;
    service.message(r#"{"timestamp":1767225699002,"message_edit":{"mid":"m-1","num_edit":4}}"#).await;
    let expected = "select count(*) from instagram_messages where text = 'third' and num_edit = 3";
    assert_eq!(service.count(expected).await, 1);
    service.stop().await;
}

#[tokio::test]
async fn a_reaction_before_its_message_waits_for_it() {
    let service = Service::start().await;
    service
        .hears(2_000, r#""reaction":{"mid":"m-1","action":"react","reaction":"love","emoji":"\u2764\ufe0f"}"#)
        .await;
    service.hears(1, SENT).await;
    let expected = "select count(*)
        from instagram_reactions r join instagram_messages m using (account_id, mid)
        where r.is_active and r.reaction = 'love' and r.emoji = U&'\\2764\\FE0F' and m.text = 'hello'
            and r.sender_id = '9000000000000001'";
    assert_eq!(service.count(expected).await, 1);
    service.stop().await;
}

#[tokio::test]
async fn a_reaction_that_was_taken_back_before_it_came_stays_taken_back() {
    let service = Service::start().await;
    let unreact = r#""reaction":{"mid":"m-1","action":"unreact"}"#;
    let react = r#""reaction":{"mid":"m-1","action":"react","reaction":"love","emoji":"x"}"#;
    service.hears(3_000, unreact).await;
    service.hears(2_000, react).await;
    let taken_back = "select count(*) from instagram_reactions where not is_active and reaction is null";
    assert_eq!(service.count(taken_back).await, 1);
    // At the same instant, too; and a newer one counts again.
    service.hears(3_000, react).await;
    assert_eq!(service.count(taken_back).await, 1);
    service.hears(4_000, react).await;
    assert_eq!(service.count("select count(*) from instagram_reactions where is_active").await, 1);
    service.stop().await;
}

#[tokio::test]
async fn what_was_seen_is_never_unseen() {
    let service = Service::start().await;
    let seen = |mid: &str| format!(r#""read":{{"mid":"{mid}"}}"#);
    service.hears(5_000, &seen("m-5")).await;
    service.hears(2_000, &seen("m-2")).await;
    // Seen twice.
    service.hears(5_000, &seen("m-5")).await;
    let row = "select last_mid || ' ' || (seen_at at time zone 'utc')::text from instagram_seen";
    assert_eq!(service.text(row).await, "m-5 2026-01-01 00:00:05");
    service.hears(6_000, &seen("m-6")).await;
    assert_eq!(service.text(row).await, "m-6 2026-01-01 00:00:06");
    service.stop().await;
}

#[tokio::test]
async fn a_late_message_does_not_move_its_conversation_back() {
    let service = Service::start().await;
    service.hears(5_000, r#""message":{"mid":"m-5","text":"new"}"#).await;
    service.hears(1_000, r#""message":{"mid":"m-1","text":"late"}"#).await;
    let echo = from_account(3_000, r#""message":{"mid":"m-3","text":"ours","is_echo":true,"app_id":12}"#);
    service.deliver(&messaging(&echo)).await;
    let row =
        "select concat_ws(' ', participant_id, last_message_mid, extract(second from first_activity_at)::int,
            extract(second from last_activity_at)::int, extract(second from last_inbound_at)::int,
            extract(second from last_outbound_at)::int)
        from instagram_conversations";
    assert_eq!(service.text(row).await, "9000000000000001 m-5 1 5 5 3");
    service.stop().await;
}

#[tokio::test]
async fn a_message_to_oneself_is_one_row_whichever_copy_comes_first() {
    let service = Service::start().await;
    let copy = |mid: &str, echo: &str| {
        format!(
            r#"{{"sender":{{"id":"{ACCOUNT}"}},"recipient":{{"id":"{ACCOUNT}"}},"timestamp":1767225600001,
            "message":{{"mid":"{mid}","text":"note","is_self":true{echo}}}}}"#
        )
    };
    for (mid, first, second) in [("m-1", r#","is_echo":true"#, ""), ("m-2", "", r#","is_echo":true"#)] {
        service.message(&copy(mid, first)).await;
        service.message(&copy(mid, second)).await;
    }
    let rows = "select count(*) from instagram_messages where is_self and not is_echo and text = 'note'";
    assert_eq!(service.count(rows).await, 2);
    assert_eq!(service.count("select count(*) from webhook_events where status = 'completed'").await, 4);
    service.stop().await;
}
