//! Replays of parts.

use contract::{EventId, Replay, brightdata::DELIVERY};
use results::v1::DeliveryProcessed;

use crate::given::{SNAPSHOT, Service, ndjson, part, post};

#[tokio::test]
async fn a_replay_of_a_processed_part_changes_and_tells_nothing_unless_effects_are_forced() {
    let service = Service::start().await;
    let records = ndjson(&[post(1, 1, 0)]);
    let original = part(SNAPSHOT, 1, &records);
    service.publish(DELIVERY, original.clone(), records.clone()).await;
    service.settled(1).await;
    let before = service.rows().await;
    for (number, force_effects, told) in [(1, false, 1), (2, true, 2)] {
        let mut replay = original.clone();
        replay.id = EventId::generate();
        replay.dedup_key = format!("{}#{number}", original.dedup_key);
        replay.replayed_from = Some(Replay { force_effects, ..Replay::from(original.id) });
        service.publish(DELIVERY, replay, records.clone()).await;
        service.settled(1 + number).await;
        assert_eq!(service.results::<DeliveryProcessed>().await.len(), told, "{force_effects}");
        if !force_effects {
            assert_eq!(service.rows().await, before);
        }
    }
    let completed = "select count(*) from webhook_events where status = 'completed'";
    assert_eq!(service.count(completed).await, 3);
    service.stop().await;
}
