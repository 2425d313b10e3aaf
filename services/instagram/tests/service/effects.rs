//! What an event does, and that it does it once.

use std::time::Duration;

use bus::Topology;
use contract::{
    EventId,
    instagram::split,
    stream::instagram::{HANDLER_CONSUMER, STREAM},
};
use lifecycle::Shutdown;
use testkit::eventually;

use crate::given::{ACCOUNT, DEADLINE, Service, change, envelope, from_account, from_user, messaging, run};

#[tokio::test]
async fn a_message_becomes_a_ledger_row_a_message_and_a_conversation() {
    let service = Service::start().await;
    let item = from_user(1, r#""message" : {"mid":"m-1","text":"ol\u00e1"}"#);
    service.message(&item).await;
    assert_eq!(service.ledger().await, [("completed".to_owned(), None, item.into_bytes())]);
    let row = "select concat_ws(' ', m.text, m.participant_id, w.page_id, w.event_type, w.extensions->>'kind', c.last_message_mid)
        from instagram_messages m join webhook_events w on w.id = m.event_id
            join instagram_conversations c using (account_id, participant_id)
        where m.account_id = '17841400000000001' and m.sent_at = '2026-01-01T00:00:00.001Z'";
    assert_eq!(
        service.text(row).await,
        "olá 9000000000000001 17841400000000001 instagram.message.received messaging m-1"
    );
    assert_eq!(service.count("select count(*) from pages where id = '17841400000000001'").await, 1);
    service.stop().await;
}

#[tokio::test]
async fn every_variant_of_a_message_is_in_columns() {
    let service = Service::start().await;
    for (number, message) in [
        r#""reply_to":{"mid":"m-0"},"text":"sim""#,
        r#""reply_to":{"story":{"id":"182","url":"https://x/s"}},"text":"amei""#,
        r#""is_unsupported":true"#,
        r#""text":"Sim","quick_reply":{"payload":"YES"}"#,
        r#""text":"nul\u0000 and half \ud83d","attachments":[{"type":"share\u0000","payload":{"url":"x"}}]"#,
        r#""text":"oi","referral":{"ref":"summer","ad_id":"12","source":"ADS","type":"OPEN_THREAD"}"#,
    ]
    .into_iter()
    .enumerate()
    {
        let item = format!(r#""message":{{"mid":"m-{}",{message}}}"#, number + 1);
        service.hears(u32::try_from(number).unwrap(), &item).await;
    }
    let echo = from_account(9, r#""message":{"mid":"m-7","text":"ours","is_echo":true,"app_id":1234567890}"#);
    service.message(&echo).await;
    let standby =
        messaging(&from_user(10, r#""message":{"mid":"m-8","text":"hi"}"#)).replace("messaging", "standby");
    service.deliver(&standby).await;
    for (mid, is_so) in [
        ("m-1", "reply_to_mid = 'm-0'"),
        ("m-2", "reply_to_story_id = '182' and reply_to_story_url = 'https://x/s'"),
        ("m-3", "is_unsupported and text is null"),
        ("m-4", "quick_reply_payload = 'YES'"),
        ("m-5", "text = U&'nul and half \\FFFD' and attachments->0->>'type' = 'share'"),
        ("m-6", "referral->>'ref' = 'summer'"),
        ("m-7", "is_echo and app_id = '1234567890' and participant_id = '9000000000000001'"),
        ("m-8", "is_standby"),
    ] {
        let sql = format!("select count(*) from instagram_messages where mid = $1 and {is_so}");
        let found: i64 =
            sqlx::query_scalar(sqlx::AssertSqlSafe(sql)).bind(mid).fetch_one(&service.pool).await.unwrap();
        assert_eq!(found, 1, "{mid}");
    }
    let referral =
        "select count(*) from instagram_referrals where mid = 'm-6' and ad_id = '12' and source = 'ADS'";
    assert_eq!(service.count(referral).await, 1);
    service.stop().await;
}

#[tokio::test]
async fn postbacks_and_referrals_are_kept_once_each() {
    let service = Service::start().await;
    let postback = r#""postback":{"title":"Talk to us","payload":"HUMAN","mid":"m-postback-1"}"#;
    service.hears(1, postback).await;
    service.hears(2, r#""postback":{"title":"Talk to us","payload":"HUMAN"}"#).await;
    service.hears(3, r#""postback":{"title":"Talk to us","payload":"HUMAN"}"#).await;
    service.hears(4, r#""referral":{"ref":"qr-code-7","source":"IGME","type":"OPEN_THREAD"}"#).await;
    service.hears(5, r#""postback":{"mid":"m-postback-2","referral":{"ref":"ad","source":"ADS"}}"#).await;
    assert_eq!(service.count("select count(*) from instagram_postbacks where payload = 'HUMAN'").await, 3);
    let refs = "select string_agg(ref, ' ' order by referred_at) from instagram_referrals";
    assert_eq!(service.text(refs).await, "qr-code-7 ad");
    // The user's window for an answer is open since the last tap.
    let window =
        "select count(*) from instagram_conversations where last_inbound_at = '2026-01-01T00:00:00.005Z'
        and last_message_at is null";
    assert_eq!(service.count(window).await, 1);
    service.stop().await;
}

#[tokio::test]
async fn comments_are_kept_and_own_ones_are_marked() {
    let service = Service::start().await;
    service
        .change(
            "comments",
            r#"{"id":"c-1","parent_id":"c-0","from":{"id":"9","username":"fan.one"},"text":"Qual o valor?",
            "media":{"id":"181","media_product_type":"AD","ad_id":"12","ad_title":"Sale","original_media_id":"180"}}"#,
        )
        .await;
    let own = format!(
        r#"{{"id":"c-2","from":{{"id":"{ACCOUNT}","username":"Shop.BR"}},"text":"DM","media":{{"id":"181"}}}}"#
    );
    service.change("comments", &own).await;
    service
        .change("live_comments", r#"{"id":"c-3","from":{"id":"9"},"text":"oi","media":{"id":"900"}}"#)
        .await;
    for sql in [
        "select count(*) from instagram_comments where comment_id = 'c-1' and not is_own and not is_live
            and parent_id = 'c-0' and ad_title = 'Sale' and original_media_id = '180'",
        "select count(*) from instagram_comments where comment_id = 'c-2' and is_own",
        "select count(*) from instagram_comments where comment_id = 'c-3' and is_live and media_id = '900'",
        "select count(*) from pages where name = 'shop.br'",
    ] {
        assert_eq!(service.count(sql).await, 1, "{sql}");
    }
    service.stop().await;
}

#[tokio::test]
async fn a_mention_is_marked_whenever_the_handle_becomes_known() {
    let service = Service::start().await;
    let comment = |id: &str, from: &str, text: &str| {
        format!(
            r#"{{"id":"{id}","from":{{"id":"{from}","username":"shop"}},"text":"{text}","media":{{"id":"1"}}}}"#
        )
    };
    service.change("comments", &comment("c-1", "9", "olha @Shop!")).await;
    service.change("comments", &comment("c-2", "9", "olha @shopping")).await;
    let mentions = "select count(*) from instagram_comments where mentions_account";
    assert_eq!(service.count(mentions).await, 0);
    service.change("comments", &comment("c-3", ACCOUNT, "obrigado")).await;
    assert_eq!(service.text("select comment_id from instagram_comments where mentions_account").await, "c-1");
    service.change("comments", &comment("c-4", "9", "e voce @shop?")).await;
    assert_eq!(service.count(mentions).await, 2);
    service.stop().await;
}

#[tokio::test]
async fn mentions_and_story_insights_are_kept() {
    let service = Service::start().await;
    service.change("mentions", r#"{"media_id":"181","comment_id":"c-3"}"#).await;
    service.change("mentions", r#"{"media_id":"182"}"#).await;
    let insights = r#"{"media_id":"183","exits":1,"replies":-1,"reach":17,"taps_forward":12,"taps_back":2,"impressions":28,"shares":3}"#;
    service.change("story_insights", insights).await;
    for sql in [
        "select count(*) from instagram_mentions where place = 'comment' and mention_id = 'c-3' and media_id = '181'",
        "select count(*) from instagram_mentions where place = 'caption' and mention_id = '182'",
        "select count(*) from instagram_story_insights where replies = -1 and reach = 17 and details->>'shares' = '3'",
    ] {
        assert_eq!(service.count(sql).await, 1, "{sql}");
    }
    service.stop().await;
}

#[tokio::test]
async fn what_we_do_not_know_is_completed_and_kept_raw() {
    let service = Service::start().await;
    let handover = from_user(1, r#""pass_thread_control":{"new_owner_app_id":"200"}"#);
    service.message(&handover).await;
    service.hears(2, r#""optin":{"type":"notification_messages"}"#).await;
    service.hears(3, r#""message":{"text":"no mid"}"#).await;
    service.hears(4, r#""reaction":{"mid":"m-1","action":"shrug"}"#).await;
    service.change("feed_of_tomorrow", r#"{"a":[1,2]}"#).await;
    service.change("comments", r#""text""#).await;
    service.deliver(r#"{"object":"page","entry":[{"id":"55","messaging":[{"message":{"mid":"x"}}]}]}"#).await;
    service.deliver(r#"{"object":"instagram","entry":[{"messaging":[{"message":{"mid":"x"}}]}]}"#).await;
    let ledger = service.ledger().await;
    assert_eq!(ledger.len(), 8);
    assert!(ledger.iter().all(|(status, ..)| status == "completed"), "{ledger:?}");
    assert_eq!(ledger[0].2, handover.into_bytes());
    let rows = "select (select count(*) from instagram_messages) + (select count(*) from instagram_reactions)
        + (select count(*) from instagram_comments) + (select count(*) from instagram_conversations)";
    assert_eq!(service.count(rows).await, 0);
    assert_eq!(service.count("select count(*) from instagram_accounts").await, 1, "not the page");
    service.stop().await;
}

#[tokio::test]
async fn a_press_of_the_test_button_is_in_the_ledger_alone() {
    let service = Service::start().await;
    let value = r#"{"sender":{"id":"12334"},"recipient":{"id":"23245"},"timestamp":"1527459824",
        "message":{"mid":"random_mid","text":"random_text"}}"#;
    let first = change("0", "messages", value);
    service.deliver(&first).await;
    service.deliver(&first.replace("1767225600", "1767225601")).await;
    let marked =
        "select count(*) from webhook_events where status = 'completed' and extensions->>'test' = 'true'";
    assert_eq!(service.count(marked).await, 2);
    let rows = "select (select count(*) from instagram_messages) + (select count(*) from instagram_accounts)
        + (select count(*) from instagram_conversations)";
    assert_eq!(service.count(rows).await, 0);
    service.stop().await;
}

#[tokio::test]
async fn a_stream_that_is_delivered_all_over_again_changes_nothing() {
    let service = Service::start().await;
    let items: Vec<_> = (0..60)
        .map(|number: u32| match number % 4 {
            0 => from_user(number, &format!(r#""message":{{"mid":"m-{}","text":"{number}"}}"#, number % 7)),
            1 => from_user(number, &format!(r#""read":{{"mid":"m-{}"}}"#, number % 7)),
            2 => from_user(
                number,
                &format!(r#""reaction":{{"mid":"m-{}","action":"react","emoji":"x"}}"#, number % 7),
            ),
            _ => from_user(number, &format!(r#""message":{{"mid":"m-{}","is_deleted":true}}"#, number % 7)),
        })
        .collect();
    service.message(&items.join(",")).await;
    service.stop().await;
    let state = "select md5(concat(
        (select string_agg(t::text, ',' order by mid) from instagram_messages t),
        (select string_agg(t::text, ',' order by mid) from instagram_reactions t),
        (select string_agg(t::text, ',') from instagram_seen t),
        (select string_agg(t::text, ',') from instagram_conversations t)))";
    let (before, events) =
        (service.text(state).await, service.count("select count(*) from webhook_events").await);

    // As after a restored backup, or acknowledgements that were all lost.
    service.bus.jetstream().delete_consumer_from_stream(HANDLER_CONSUMER, STREAM).await.unwrap();
    Topology::embedded().apply(&service.bus, 1).await.unwrap();
    let shutdown = Shutdown::default();
    let account = run(&service.bus, &service.pool, &shutdown).await;
    let sent = service.account.settled();
    eventually("all came again", DEADLINE, async || (account.completed() == sent).then_some(())).await;

    assert_eq!(service.text(state).await, before);
    assert_eq!(service.count("select count(*) from webhook_events").await, events);
    shutdown.drain();
    shutdown.finished(DEADLINE).await;
}

#[tokio::test]
async fn a_duplicate_outside_every_window_and_a_replay_have_no_second_effect() {
    let service = Service::start().await;
    let mut stream = service.bus.jetstream().get_stream(STREAM).await.unwrap();
    let mut config = stream.info().await.unwrap().config.clone();
    config.duplicate_window = Duration::from_millis(100);
    service.bus.jetstream().update_stream(&config).await.unwrap();

    let body = messaging(&from_user(1, r#""postback":{"title":"t","payload":"p"}"#));
    let event = split(&body).unwrap().remove(0).unwrap();
    let original = envelope(&event);
    service.publish(original.clone(), event.body).await;
    eventually("the stream forgot the first", DEADLINE, async || {
        let again = envelope(&event);
        (!service.publish(again, event.body).await.duplicate).then_some(())
    })
    .await;
    let mut replay = envelope(&event);
    replay.id = EventId::generate();
    replay.dedup_key = format!("replay:{}", replay.id);
    replay.replayed_from = Some(original.id.into());
    service.publish(replay, event.body).await;
    service.settled().await;
    assert_eq!(service.count("select count(*) from instagram_postbacks").await, 1);
    assert_eq!(service.count("select count(*) from webhook_events").await, 2);
    assert_eq!(service.count("select count(*) from webhook_event_duplicates").await, 1);
    service.stop().await;
}
