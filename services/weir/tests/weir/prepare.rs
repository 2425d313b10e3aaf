//! `weir migrate` and `weir provision`.

use testkit::{Broker, Database};

use crate::weir;

#[tokio::test]
async fn migrating_twice_applies_nothing_the_second_time() {
    let database = Database::create().await;
    // testkit's databases are migrated; this one begins empty.
    let drop = "drop schema public cascade; create schema public";
    sqlx::raw_sql(drop).execute(database.pool()).await.unwrap();
    let variables = [("DATABASE_URL", database.url())];
    let first = weir(&variables, &["migrate", "--json"]).document();
    let applied = first["applied"].as_array().unwrap().len();
    assert!(applied >= 2, "{first}");
    assert_eq!(first["total"], applied);

    let second = weir(&variables, &["migrate"]);
    assert_eq!(second.code(), 0);
    assert_eq!(second.stdout(), format!("nothing to do: all {applied} migrations are applied\n"));
}

#[tokio::test]
async fn provisioning_twice_changes_nothing_the_second_time() {
    let broker = Broker::start().await;
    let variables = [("NATS_URL", broker.url())];
    let planned = weir(&variables, &["provision", "--dry-run", "--json"]).document();
    assert!(planned["changed"].as_u64().unwrap() >= 2);
    let again = weir(&variables, &["provision", "--dry-run", "--json"]).document();
    assert_eq!(planned, again, "a dry run changes nothing");

    let first = weir(&variables, &["provision", "--json"]).document();
    assert_eq!(first["changes"], planned["changes"], "what was planned is what is done");
    let second = weir(&variables, &["provision"]);
    assert_eq!(second.code(), 0);
    assert!(second.stdout().ends_with("no changes\n"), "{}", second.stdout());
}
