//! Calls against a Graph API of our own.
#![cfg(test)]

use std::time::Duration;

use config::Secret;
use graph_api::{Error, Field, GraphApi};
use simulators::{Server, Step, meta};

const ACCOUNT: &str = "17841400000000001";
const TOKEN: &str = "IGAA_invented_token_123";
const APP_SECRET: &str = "0123456789abcdef0123456789abcdef";

/// Meta, and us calling it.
struct Given {
    meta: meta::GraphApi,
    _server: Server,
    api: GraphApi,
}

async fn given(change: impl FnOnce(&mut config::Settings)) -> Given {
    let meta = meta::GraphApi::default();
    let server = meta.start().await.unwrap();
    let mut settings = config::Settings::for_tests();
    settings.instagram.graph.base_url = server.url();
    settings.instagram.graph.app_id = Some(meta::GraphApi::APP_ID.to_owned());
    settings.outbound.allowed_networks = config::List(vec!["127.0.0.1".parse().unwrap()]);
    settings.outbound.retry_base_ms = 5;
    settings.outbound.timeout_ms = 500;
    change(&mut settings);
    let api = GraphApi::new(&settings.instagram.graph, &settings.outbound).unwrap();
    Given { meta, _server: server, api }
}

fn fields(names: &str) -> Vec<Field> {
    names.split(',').map(|name| name.parse().unwrap()).collect()
}

fn token() -> Secret {
    Secret::from(TOKEN)
}

#[tokio::test]
async fn an_account_is_subscribed_listed_and_unsubscribed() {
    let Given { meta, api, .. } = &given(|_| {}).await;
    assert_eq!(api.subscribed(ACCOUNT, &token()).await.unwrap(), None);
    api.subscribe(ACCOUNT, &fields("comments,message_seen"), &token()).await.unwrap();
    assert_eq!(meta.subscribed(ACCOUNT).unwrap(), ["comments", "messaging_seen"]);
    assert_eq!(api.subscribed(ACCOUNT, &token()).await.unwrap().unwrap(), ["comments", "messaging_seen"]);
    api.unsubscribe(ACCOUNT, &token()).await.unwrap();
    assert_eq!(meta.subscribed(ACCOUNT), None);

    let first = &meta.script.requests()[0];
    assert_eq!(first.path, format!("/v23.0/{ACCOUNT}/subscribed_apps"));
    assert!(!first.query.contains("appsecret_proof"), "there is no app secret to prove it with");
}

#[tokio::test]
async fn calls_are_proved_with_the_app_secret() {
    for with_time in [false, true] {
        let Given { meta, api, .. } = &given(|settings| {
            settings.instagram.graph.app_secret = Some(Secret::from(APP_SECRET));
            settings.instagram.graph.appsecret_time = with_time;
        })
        .await;
        meta.require_proof(APP_SECRET);
        api.subscribe(ACCOUNT, &fields("comments"), &token()).await.unwrap();
        assert_eq!(meta.script.requests()[0].query.contains("appsecret_time="), with_time);

        meta.require_proof("another secret");
        let error = api.subscribed(ACCOUNT, &token()).await.unwrap_err();
        assert!(matches!(error, Error::Refused { code: 100, .. }), "{error:?}");
    }
}

#[tokio::test]
async fn metas_message_does_not_bring_the_token_back() {
    let Given { meta, api, .. } = &given(|_| {}).await;
    meta.kill_token(TOKEN);
    let error = api.subscribed(ACCOUNT, &token()).await.unwrap_err();
    assert!(matches!(error, Error::TokenDead { subcode: Some(463), .. }), "{error:?}");
    assert!(!error.may_pass());
    assert!(!format!("{error} {error:?}").contains(TOKEN), "{error}");
    assert!(error.to_string().contains("Error validating access token [redacted]"), "{error}");
    assert_eq!(meta.script.requests().len(), 1, "a dead token is not tried again");
}

#[tokio::test]
async fn a_field_that_meta_does_not_know_is_refused_in_metas_words() {
    let Given { api, .. } = &given(|_| {}).await;
    let error = api.subscribe(ACCOUNT, &fields("comment"), &token()).await.unwrap_err();
    assert!(error.to_string().contains("must be one of {comments,"), "{error}");
}

#[tokio::test]
async fn near_its_limit_an_account_pauses_and_the_others_do_not() {
    let Given { meta, api, .. } = &given(|_| {}).await;
    meta.set_account_usage(ACCOUNT, 96, 12);
    api.subscribe(ACCOUNT, &fields("comments"), &token()).await.unwrap();
    let error = api.subscribed(ACCOUNT, &token()).await.unwrap_err();
    let Error::Limited { wait } = error else { panic!("{error:?}") };
    assert!(wait > Duration::from_mins(11) && wait <= Duration::from_mins(12), "{wait:?}");
    api.subscribed("17841400000000002", &token()).await.unwrap();
    assert_eq!(meta.script.requests().len(), 2, "the paused call was not made");

    meta.set_app_usage(99);
    api.subscribed("17841400000000002", &token()).await.unwrap();
    assert!(matches!(api.subscribed("17841400000000003", &token()).await, Err(Error::Limited { .. })));
}

#[tokio::test]
async fn a_limit_that_is_reached_pauses_by_its_code_or_status() {
    for step in [
        Step::Status(400, r#"{"error":{"message":"(#4) limit","type":"OAuthException","code":4}}"#),
        Step::Status(403, r#"{"error":{"message":"limit","code":613}}"#),
        Step::Status(400, r#"{"error":{"message":"limit","code":80002,"error_subcode":2446079}}"#),
        Step::RetryAfter(429, "1800"),
    ] {
        let Given { meta, api, .. } = &given(|_| {}).await;
        meta.script.then([step.clone()]);
        let error = api.subscribed(ACCOUNT, &token()).await.unwrap_err();
        assert!(matches!(error, Error::Limited { .. }) && error.may_pass(), "{step:?}: {error:?}");
        api.subscribed(ACCOUNT, &token()).await.unwrap_err();
        assert_eq!(meta.script.requests().len(), 1, "{step:?}");
    }
}

#[tokio::test]
async fn meta_may_fail_for_a_moment_and_not_for_long() {
    let Given { meta, api, .. } = &given(|_| {}).await;
    meta.script.then([Step::Status(500, "<html>"), Step::Hang]);
    api.subscribed(ACCOUNT, &token()).await.unwrap();

    meta.script.then(vec![
        Step::Status(
            503,
            r#"{"error":{"message":"try later","code":2,"is_transient":true}}"#
        );
        4
    ]);
    let error = api.subscribed(ACCOUNT, &token()).await.unwrap_err();
    assert!(matches!(error, Error::Unavailable { .. }) && error.may_pass(), "{error:?}");

    meta.script.then([Step::Redirect("http://127.0.0.1:1/".to_owned())]);
    let error = api.subscribed(ACCOUNT, &token()).await.unwrap_err();
    assert!(matches!(error, Error::Call(outbound::Error::Redirected(_))), "{error:?}");

    meta.script.then([Step::Status(200, "not json")]);
    let error = api.subscribed(ACCOUNT, &token()).await.unwrap_err();
    assert!(matches!(error, Error::Unexpected { .. }) && !error.may_pass(), "{error:?}");
}

#[tokio::test]
async fn what_is_no_account_is_not_called() {
    let Given { meta, api, .. } = &given(|_| {}).await;
    for account in ["", "../17841400000000001", "1 OR 1", "a/b", "12345678901234567890123456789012345"] {
        assert!(matches!(api.subscribed(account, &token()).await, Err(Error::Account)), "{account}");
    }
    assert!(meta.script.requests().is_empty());
}

#[tokio::test]
async fn a_limit_without_end_is_no_panic() {
    let Given { meta, api, .. } = &given(|_| {}).await;
    meta.script.then([Step::RetryAfter(429, "18446744073709551615")]);
    let error = api.subscribed(ACCOUNT, &token()).await.unwrap_err();
    let Error::Limited { wait } = error else { panic!("{error:?}") };
    assert!(wait <= Duration::from_hours(24), "{wait:?}");
    let endless = r#"{"2":[{"call_count":100,"estimated_time_to_regain_access":18446744073709551615}]}"#;
    meta.script.then([Step::Header("x-business-use-case-usage", endless)]);
    api.subscribed("17841400000000002", &token()).await.unwrap();
    assert!(matches!(api.subscribed("17841400000000002", &token()).await, Err(Error::Limited { .. })));
}

#[tokio::test]
async fn a_success_that_says_that_it_is_none_is_an_error() {
    let Given { meta, api, .. } = &given(|_| {}).await;
    for body in [r#"{"success":false}"#, "{}", "<html>", ""] {
        meta.script.then([Step::Status(200, body)]);
        let error = api.subscribe(ACCOUNT, &fields("comments"), &token()).await.unwrap_err();
        assert!(matches!(error, Error::Unexpected { .. }), "{error:?}");
        meta.script.then([Step::Status(200, body)]);
        assert!(api.unsubscribe(ACCOUNT, &token()).await.is_err());
    }
}

#[tokio::test]
async fn a_dead_token_is_known_whatever_else_the_error_holds() {
    let Given { meta, api, .. } = &given(|_| {}).await;
    for body in [
        r#"{"error":{"code":190}}"#,
        r#"{"error":{"message":null,"code":190,"error_subcode":"463","is_transient":null,"fbtrace_id":7}}"#,
        r#"{"error":{"message":{"text":"dead"},"code":"190"}}"#,
    ] {
        meta.script.then([Step::Status(400, body)]);
        let error = api.subscribed(ACCOUNT, &token()).await.unwrap_err();
        assert!(matches!(error, Error::TokenDead { .. }), "{body}: {error:?}");
    }
}
