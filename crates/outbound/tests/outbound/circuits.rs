//! Destinations that rest.

use std::time::Duration;

use outbound::{Error, Request};
use simulators::Step;

use crate::{Given, client, settings};

#[tokio::test]
async fn who_fails_again_and_again_is_left_alone_and_then_tried_once() {
    let mut settings = settings();
    settings.circuit_failures_max = 3;
    settings.circuit_rest_ms = 400;
    let client = client(&settings);
    let given = Given::steps(vec![Step::Status(500, ""); 3]).await;
    for _ in 0..3 {
        assert_eq!(client.send_once(&given.get()).await.unwrap().status.as_u16(), 500);
    }
    for _ in 0..20 {
        let error = client.send(&given.get()).await.unwrap_err();
        let Error::Resting { after } = error else { panic!("{error:?}") };
        assert!(after <= Duration::from_millis(400) && error.may_pass() && !error.is_uncertain());
    }
    assert_eq!(given.asked(), 3, "nothing was asked while it rested");

    let trying = async {
        loop {
            match client.send_once(&given.get()).await {
                Ok(answer) => return answer,
                Err(Error::Resting { after }) => tokio::time::sleep(after).await,
                Err(error) => panic!("{error:?}"),
            }
        }
    };
    let back = tokio::time::timeout(Duration::from_secs(5), trying).await.unwrap();
    assert_eq!(back.status.as_u16(), 200);
    assert_eq!(given.asked(), 4);
}

#[tokio::test]
async fn refusals_and_limits_are_no_failures_of_the_destination() {
    let mut settings = settings();
    settings.circuit_failures_max = 2;
    let client = client(&settings);
    let given = Given::steps([400, 401, 404, 429, 422, 410].map(|status| Step::Status(status, ""))).await;
    for _ in 0..7 {
        client.send_once(&given.get()).await.unwrap();
    }
    assert_eq!(given.asked(), 7);
}

#[tokio::test]
async fn a_dead_host_rests_while_its_neighbour_is_called() {
    let mut settings = settings();
    settings.circuit_failures_max = 2;
    let client = client(&settings);
    let gone = Given::steps([]).await;
    let dead = gone.url();
    drop(gone);
    for _ in 0..2 {
        assert!(matches!(client.send_once(&Request::get(dead.clone())).await, Err(Error::Connect(_))));
    }
    assert!(matches!(client.send_once(&Request::get(dead)).await, Err(Error::Resting { .. })));
    let given = Given::steps([]).await;
    assert_eq!(client.send_once(&given.get()).await.unwrap().status.as_u16(), 200);
}
