//! Erasing people from a real broker and a real database.

#![cfg(test)]

mod given;
mod places;

use people::{Cpf, Person};
use store::person_erasures;
use time::OffsetDateTime;

use crate::given::{CPF, Kept, body, enrich, files, holds, index, store_lead};

#[tokio::test]
async fn a_person_is_gone_from_every_place_and_the_books_balance() {
    let kept = Kept::start().await;
    let cpf: Cpf = CPF.parse().unwrap();
    let customer = r#""name":"JOAO EXEMPLO","phone":"11987654321","email":"joao@example.com""#;

    // A lead that was found to be theirs by the phone: nothing in it names the CPF.
    let by_phone = body("lead-1", 1, customer, "Veio do portal");
    let at = kept.publish(&by_phone).await;
    kept.handle(&by_phone, &at, false).await;
    store_lead(&kept, &by_phone, at.0.id).await;
    enrich(&kept, "lead-1", at.0.id, &cpf, &Person::default()).await;
    // One that names it, and died; and one of the same lead that nobody has handled yet.
    let named = body("lead-2", 2, customer, r"CPF 529\u002e982\u002e247-25");
    let died = kept.publish(&named).await;
    kept.handle(&named, &died, true).await;
    let waiting = kept.publish(&body("lead-2", 3, customer, "")).await;
    // Somebody else.
    let other = body("lead-3", 4, r#""name":"MARIA EXEMPLO""#, "CPF 111.444.777-35");
    let others = kept.publish(&other).await;
    kept.handle(&other, &others, false).await;

    let erasure = kept.erasure();
    let traces = erasure.find(&cpf).await.unwrap();
    assert_eq!((traces.report.stream_messages, traces.report.webhook_events), (3, 2));
    assert_eq!(kept.on_stream().await.len(), 4, "looking changes nothing");
    let report = erasure.erase(&cpf, OffsetDateTime::now_utc()).await.unwrap();
    assert_eq!(
        (
            report.people,
            report.leads,
            report.lead_enrichments,
            report.lead_messages,
            report.stream_messages,
            report.unhandled_messages
        ),
        (1, 1, 1, 1, 3, 1)
    );
    assert_eq!(report.at_contact2sale, [("lead-1".to_owned(), 1)]);

    // Nothing says who it was; everybody else is there.
    let everything = kept.everything().await;
    for secret in [CPF, "529.982", "982.247", "JOAO", "joao@", "11987654321", "529\\\\u002e"] {
        assert!(!everything.contains(secret), "{secret} is still there");
    }
    let bytes = "select count(*) from webhook_events where position(convert_to('JOAO', 'UTF8') in body) > 0";
    assert_eq!(kept.count(bytes).await, 0);
    assert_eq!(kept.on_stream().await, [others.1]);
    assert_eq!(
        kept.count(
            "select count(*) from webhook_events where position(convert_to('MARIA', 'UTF8') in body) > 0"
        )
        .await,
        1
    );

    // Nor the broker's files: the bytes are overwritten, not only unlinked.
    let files = files(kept.broker.log().parent().unwrap());
    assert!(files.iter().any(|bytes| holds(bytes, "MARIA EXEMPLO")), "these are the files");
    assert!(!files.iter().any(|bytes| holds(bytes, "JOAO EXEMPLO")), "a message is still on the disk");

    // Every position has its row, here and with the enricher.
    assert_eq!(kept.count("select count(distinct stream_sequence) from webhook_events").await, 4);
    assert_eq!(
        kept.count(
            "select count(*) from webhook_events where erased_at is not null and body = '{\"erased\":true}'"
        )
        .await,
        3
    );
    let entered =
        "select count(*) from webhook_events where status = 'dead_letter' and error_code = 'erased'";
    assert_eq!(kept.count(entered).await, 1);
    assert_eq!(kept.count("select count(*) from event_handlings where error_code = 'erased'").await, 1);
    assert!(waiting.1 > 0);

    // Nobody looks them up again, and a second run finds nothing.
    let mut connection = kept.pool().acquire().await.unwrap();
    assert!(person_erasures::is_erased(&mut connection, &index().all_of_cpf(&cpf)).await.unwrap());
    drop(connection);
    assert!(erasure.find(&cpf).await.unwrap().report.is_empty());
}
