//! Look-ups, enrichments and messages: who may act.

use contract::EventId;
use sqlx::PgConnection;
use store::{
    lead_enrichments::{self, Claim, Outcome, Progress, Wish},
    lead_messages::{self, ConfirmedBy, Draft, Status},
    people::{self, Entry},
    person_erasures,
};
use testkit::Database;
use time::{Duration, OffsetDateTime};
use uuid::Uuid;

fn wish(fingerprints: &[Vec<u8>], event_id: EventId, updated_at: OffsetDateTime) -> Wish<'_> {
    let leased_until = OffsetDateTime::now_utc() + Duration::minutes(1);
    Wish {
        id: Uuid::now_v7(),
        lead_id: "lead-1",
        fingerprints,
        event_id,
        updated_at,
        force: false,
        leased_until,
    }
}

async fn claim(connection: &mut PgConnection, wish: &Wish<'_>) -> Claim {
    lead_enrichments::claim(connection, wish, OffsetDateTime::now_utc()).await.unwrap()
}

#[tokio::test]
async fn of_two_processes_one_enriches_a_lead() {
    let database = Database::create().await;
    let mut connection = database.pool().acquire().await.unwrap();
    let (now, one, two) = (OffsetDateTime::now_utc(), EventId::generate(), EventId::generate());
    let same = [vec![1; 32]];
    let Claim::Claimed(first) = claim(&mut connection, &wish(&same, one, now)).await else { panic!() };
    assert!(matches!(claim(&mut connection, &wish(&same, two, now)).await, Claim::Busy(_)));
    // The same event takes its own over: its first attempt is dead.
    let Claim::Claimed(again) = claim(&mut connection, &wish(&same, one, now)).await else { panic!() };
    assert_eq!(first.id, again.id);
    // A lease that has ended is anybody's.
    let expired = Wish { leased_until: now - Duration::seconds(1), ..wish(&same, one, now) };
    assert!(matches!(claim(&mut connection, &expired).await, Claim::Claimed(_)));
    assert!(matches!(claim(&mut connection, &wish(&same, two, now)).await, Claim::Claimed(_)));
    lead_enrichments::complete(&mut connection, first.id, Outcome::Enriched, "", now).await.unwrap();
    assert_eq!(claim(&mut connection, &wish(&same, two, now)).await, Claim::Done { is_own: true });
    let later = now + Duration::hours(1);
    assert_eq!(claim(&mut connection, &wish(&same, one, later)).await, Claim::Done { is_own: false });

    // What the lead said before that comes too late, also where it is known under an older key.
    let other = [vec![2; 32]];
    assert_eq!(
        claim(&mut connection, &wish(&other, one, now + Duration::minutes(5))).await,
        Claim::Superseded
    );
    let late = Wish { force: true, ..wish(&other, EventId::generate(), now) };
    assert!(
        matches!(claim(&mut connection, &late).await, Claim::Claimed(_)),
        "who is forced does it all the same"
    );
    let rotated = [vec![9; 32], vec![1; 32]];
    assert!(!matches!(claim(&mut connection, &wish(&rotated, one, now)).await, Claim::Superseded));
}

#[tokio::test]
async fn a_failed_enrichment_is_taken_up_by_the_next_event() {
    let database = Database::create().await;
    let mut connection = database.pool().acquire().await.unwrap();
    let (now, one, two) = (OffsetDateTime::now_utc(), EventId::generate(), EventId::generate());
    let same = [vec![1; 32]];
    claim(&mut connection, &wish(&same, one, now)).await;
    lead_enrichments::fail(&mut connection, one, contract::code::UNAVAILABLE, "away").await.unwrap();
    assert!(matches!(claim(&mut connection, &wish(&same, two, now)).await, Claim::Claimed(_)));
}

#[tokio::test]
async fn what_was_found_stays_findable_whatever_is_found_next() {
    let database = Database::create().await;
    let mut connection = database.pool().acquire().await.unwrap();
    let (now, same) = (OffsetDateTime::now_utc(), [vec![1; 32]]);
    let Claim::Claimed(claimed) = claim(&mut connection, &wish(&same, EventId::generate(), now)).await else {
        panic!()
    };
    for (found, from) in [(&[vec![7; 32]][..], Some("phone")), (&[], None)] {
        let progress = Progress { sealed: b"sealed", cpf_indexes: found, cpf_source: from };
        lead_enrichments::advance(&mut connection, claimed.id, progress, &serde_json::json!({}))
            .await
            .unwrap();
    }
    assert_eq!(lead_enrichments::leads_of(&mut connection, &[vec![7; 32]]).await.unwrap(), ["lead-1"]);
    let listed = lead_enrichments::find(&mut connection, claimed.id).await.unwrap().unwrap();
    assert_eq!(
        listed.cpf_source.as_deref(),
        Some("phone"),
        "a step that finds nobody is not where it is from"
    );
    assert!(!person_erasures::is_of_enrichment(&mut connection, claimed.id).await.unwrap());
    person_erasures::record(&mut connection, Uuid::now_v7(), &[7; 32], &serde_json::json!({}), now)
        .await
        .unwrap();
    assert!(person_erasures::is_of_enrichment(&mut connection, claimed.id).await.unwrap());
    let later = now + Duration::days(1);
    assert_eq!(lead_enrichments::expire_progress(&mut connection, later, 10).await.unwrap(), 1);
    assert_eq!(lead_enrichments::expire_progress(&mut connection, later, 10).await.unwrap(), 0);
}

fn draft(content_hashes: &[Vec<u8>], enrichment_id: Uuid) -> Draft<'_> {
    Draft {
        id: Uuid::now_v7(),
        enrichment_id,
        lead_id: "lead-1",
        content_hashes,
        marker: "[weir:01]",
        body_sealed: b"sealed",
    }
}

#[tokio::test]
async fn the_same_text_is_one_message_for_a_lead() {
    let database = Database::create().await;
    let mut connection = database.pool().acquire().await.unwrap();
    let now = OffsetDateTime::now_utc();
    let (old, rotated) = ([vec![1; 32]], [vec![9; 32], vec![1; 32]]);
    let first = lead_messages::draft(&mut connection, &draft(&old, Uuid::now_v7()), now).await.unwrap();
    let second = lead_messages::draft(&mut connection, &draft(&rotated, Uuid::now_v7()), now).await.unwrap();
    assert_eq!(first.id, second.id);
    let other = [vec![3; 32]];
    let third = lead_messages::draft(&mut connection, &draft(&other, Uuid::now_v7()), now).await.unwrap();
    assert_ne!(first.id, third.id);
}

#[tokio::test]
async fn of_two_processes_one_sends_a_message() {
    let database = Database::create().await;
    let mut connection = database.pool().acquire().await.unwrap();
    let (now, hashes) = (OffsetDateTime::now_utc(), [vec![1; 32]]);
    let id = lead_messages::draft(&mut connection, &draft(&hashes, Uuid::now_v7()), now).await.unwrap().id;
    assert!(lead_messages::begin(&mut connection, id, now).await.unwrap());
    assert!(!lead_messages::begin(&mut connection, id, now).await.unwrap());
    // Who withdraws means the call that it saw, not a later one.
    assert!(!lead_messages::withdraw(&mut connection, id, now - Duration::seconds(1)).await.unwrap());
    assert!(lead_messages::withdraw(&mut connection, id, now).await.unwrap());
    let later = now + Duration::seconds(9);
    assert!(lead_messages::begin(&mut connection, id, later).await.unwrap());
    lead_messages::confirm(&mut connection, id, ConfirmedBy::ReadBack, later).await.unwrap();
    assert!(!lead_messages::withdraw(&mut connection, id, later).await.unwrap(), "sent is sent");
    assert_eq!(lead_messages::find(&mut connection, id).await.unwrap().status, Status::Sent);

    // Texts go, and the guard stays.
    assert_eq!(lead_messages::expire_texts(&mut connection, later + Duration::days(1), 10).await.unwrap(), 1);
    let again = lead_messages::draft(&mut connection, &draft(&hashes, Uuid::now_v7()), now).await.unwrap();
    assert_eq!((again.id, again.body_sealed, again.status), (id, None, Status::Sent));
}

#[tokio::test]
async fn a_look_up_is_believed_until_it_expires() {
    let database = Database::create().await;
    let mut connection = database.pool().acquire().await.unwrap();
    let now = OffsetDateTime::now_utc();
    let entry = |person: Option<&'static [u8]>, days| Entry {
        id: Uuid::now_v7(),
        cpf_index: &[1; 32],
        cpf_sealed: b"cpf",
        person_sealed: person,
        source: "work-api",
        fetched_at: now,
        expires_at: now + Duration::days(days),
    };
    people::keep(&mut connection, &entry(None, 7)).await.unwrap();
    people::keep(&mut connection, &entry(Some(b"person"), 30)).await.unwrap();
    let indexes = [vec![9; 32], vec![1; 32]];
    let kept = people::find(&mut connection, &indexes, now).await.unwrap().unwrap();
    assert_eq!(kept.person_sealed.as_deref(), Some(&b"person"[..]));
    let later = now + Duration::days(30);
    assert_eq!(people::find(&mut connection, &indexes, later).await.unwrap(), None);
    assert_eq!(people::expire(&mut connection, later, 10).await.unwrap(), 1);
    assert_eq!(people::expire(&mut connection, later, 10).await.unwrap(), 0);
}
