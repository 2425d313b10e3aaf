//! What refusals mean.

use std::time::Duration;

use c2s_api::{C2sApi, Error};
use simulators::Step;
use time::OffsetDateTime;

use crate::{given, given_with, joao};

#[tokio::test]
async fn token_lead_and_request_are_told_apart() {
    let given = given().await;
    assert!(matches!(given.api.lead("nobody").await, Err(Error::NotFound)));
    assert!(matches!(given.api.create_message("nobody", "x").await, Err(Error::NotFound)));
    given.c2s.add(joao("lead-1"));
    let error = given.api.create_message("lead-1", " ").await.unwrap_err();
    assert!(matches!(&error, Error::Refused { status, .. } if status.as_u16() == 422), "{error:?}");
    assert!(!error.may_pass() && !error.is_uncertain() && !error.is_token());

    // A list answers 403 both to a token that may not and to a date that it does not like.
    given.c2s.script.then([
        Step::Status(403, "{\"msg\":\"invalid date or strptime format\"}"),
        Step::Status(403, "{\"msg\":\"Forbidden\"}"),
    ]);
    let since = OffsetDateTime::now_utc();
    assert!(matches!(given.api.changed_since(since, 1).await, Err(Error::Refused { .. })));
    assert!(matches!(given.api.changed_since(since, 1).await, Err(Error::Unauthorized(_))));

    given.c2s.change_token("another");
    let error = given.api.lead("lead-1").await.unwrap_err();
    assert!(error.is_token() && !error.may_pass(), "{error:?}");
}

#[tokio::test]
async fn without_a_token_nothing_is_called() {
    for token in [None, Some(config::Secret::from("line\nbreak"))] {
        let given = given_with(|settings| settings.c2s.api.token = token.clone()).await;
        assert!(given.api.lead("lead-1").await.unwrap_err().is_token());
        assert!(given.c2s.script.requests().is_empty());
    }
}

#[tokio::test]
async fn a_429_says_how_long_nobody_calls() {
    let given = given().await;
    given.c2s.limit(1, Duration::from_mins(1), true);
    given.c2s.add(joao("lead-1"));
    given.api.lead("lead-1").await.unwrap();
    let error = given.api.lead("lead-1").await.unwrap_err();
    let told = error.wait().unwrap();
    assert!((55..=60).contains(&told.as_secs()) && error.may_pass(), "{told:?}");

    given.c2s.limit(0, Duration::from_mins(1), false);
    given.c2s.script.then([Step::Status(429, "slow down")]);
    let error = given.api.lead("lead-1").await.unwrap_err();
    assert_eq!(error.wait(), Some(Duration::from_secs(65)), "the setting, where C2S says nothing");
    assert_eq!(error.code(), contract::code::RATE_LIMITED);
}

#[tokio::test]
async fn one_call_is_one_request_whatever_happens() {
    let given = given_with(|settings| settings.outbound.attempts_max = 5).await;
    for (step, wait) in [
        (Step::Status(500, ""), None),
        (Step::RetryAfter(503, "7"), Some(7)),
        (Step::Status(408, ""), None),
        (Step::Hang, None),
        (Step::BreakOff(100), None),
    ] {
        given.c2s.script.then([step.clone()]);
        let error = given.api.lead("lead-1").await.unwrap_err();
        assert!(error.may_pass() && error.is_uncertain(), "{step:?}: {error:?}");
        assert_eq!(
            (error.wait(), error.code()),
            (wait.map(Duration::from_secs), contract::code::UNAVAILABLE)
        );
    }
    assert_eq!(given.c2s.script.requests().len(), 5);
}

#[tokio::test]
async fn no_error_tells_the_token_or_a_person() {
    let given = given().await;
    let echo = "{\"msg\":\"no t0 for 529.982.247-25 joao@example.com (11)98765-4321\",\"body\":\"Joao\"}";
    given.c2s.script.then([
        Step::Status(422, echo),
        Step::Status(500, "Joao <html>"),
        Step::Status(401, echo),
    ]);
    for _ in 0..3 {
        let error = given.api.create_message("lead-1", "Joao").await.unwrap_err();
        let told = format!("{error} {error:?}");
        for secret in ["t0ken", "529", "joao@", "98765", "Joao"] {
            assert!(!told.contains(secret), "{secret} is in {told}");
        }
    }
    assert!(!format!("{:?}", given.api).contains("t0ken"));
}

#[test]
fn an_address_that_is_none_is_refused_at_start() {
    let mut settings = config::Settings::for_tests();
    settings.c2s.api.base_url = "mailto:x".to_owned();
    assert!(C2sApi::new(&settings.c2s.api, &settings.outbound).is_err());
}
