//! Signs of life.

use contract::instagram::split;
use store::instagram_accounts;
use time::{Duration, macros::datetime};

use crate::given::{Service, envelope, from_user, messaging};

const NOON: time::OffsetDateTime = datetime!(2026-01-01 12:00 UTC);

#[tokio::test]
async fn every_webhook_is_a_sign_of_life_and_a_replay_is_none() {
    let service = Service::start().await;
    let body = messaging(&from_user(1, r#""message":{"mid":"m-1","text":"hi"}"#));
    let event = split(&body).unwrap().remove(0).unwrap();
    let mut first = envelope(&event);
    first.time = NOON;
    service.publish(first.clone(), event.body).await;
    let row = "select concat_ws(' ', extract(hour from first_webhook_at at time zone 'utc')::int,
            extract(hour from last_webhook_at at time zone 'utc')::int, last_event_at at time zone 'utc')
        from instagram_accounts";
    service.settled().await;
    assert_eq!(service.text(row).await, "12 12 2026-01-01 00:00:00.001");

    // A repeat that the stream did not recognise has no effect, but Meta sent it.
    let mut repeat = envelope(&event);
    repeat.time = NOON + Duration::HOUR;
    let mut headers = async_nats::HeaderMap::new();
    for (name, value) in repeat.headers() {
        if name != contract::header::NATS_MSG_ID {
            headers.insert(name, value);
        }
    }
    headers.insert(contract::header::NATS_MSG_ID, first.dedup_key.replacen("ig", "%69g", 1));
    service.publish_raw(headers, event.body.as_bytes().to_vec()).await;
    let mut replay = envelope(&event);
    replay.time = NOON + Duration::HOUR * 2;
    replay.dedup_key = "replay".to_owned();
    replay.replayed_from = Some(first.id.into());
    service.publish(replay, event.body).await;
    service.settled().await;
    assert_eq!(service.text(row).await, "12 13 2026-01-01 00:00:00.001");
    assert_eq!(service.count("select count(*) from webhook_event_duplicates").await, 1);

    let mut connection = service.pool.acquire().await.unwrap();
    let later = instagram_accounts::silence(&mut connection, NOON + Duration::minutes(61)).await.unwrap();
    assert_eq!((later.accounts, later.silent), (1, 1));
    let silence = instagram_accounts::silence(&mut connection, NOON + Duration::HOUR).await.unwrap();
    assert_eq!((silence.accounts, silence.silent), (1, 0));
    assert_eq!(silence.last_webhook_at, Some(NOON + Duration::HOUR));
    service.stop().await;
}
