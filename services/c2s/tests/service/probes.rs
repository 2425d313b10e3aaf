//! What the service says of itself.

use std::net::SocketAddr;

use config::Postgres;
use contract::stream::DATABASE_HEALTH;
use serde_json::Value;
use testkit::{PostgresServer, eventually};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use crate::given::{DEADLINE, Service};

#[tokio::test]
async fn health_names_the_broker_and_the_database() {
    let mut database = PostgresServer::start().await;
    let config = Postgres { acquire_timeout_ms: 200, ..database.config() };
    let service = Service::start_on(store::connect(&config).await.unwrap()).await;
    let (status, body) = get(service.probes, "/health").await;
    let health: Value = serde_json::from_str(&body).unwrap();
    assert_eq!((status, &health["status"]), (200, &"healthy".into()));
    assert_eq!((&health["database"], &health["broker"]), (&"connected".into(), &"connected".into()));
    assert_eq!(get(service.probes, "/readyz").await.0, 200);
    assert_eq!(get(service.probes, "/metrics").await.0, 200);
    assert_eq!(asked_on_the_broker(&service).await, "connected");

    database.stop();
    let (status, body) = get(service.probes, "/health").await;
    let health: Value = serde_json::from_str(&body).unwrap();
    assert_eq!((status, &health["status"]), (503, &"unhealthy".into()));
    assert_eq!((&health["database"], &health["broker"]), (&"disconnected".into(), &"connected".into()));
    assert_eq!(get(service.probes, "/livez").await.0, 200, "a restart would not bring the database back");
    eventually("the broker hears of it", DEADLINE, async || {
        (asked_on_the_broker(&service).await == "disconnected").then_some(())
    })
    .await;
    service.stop().await;
    assert_eq!(get(service.probes, "/readyz").await.0, 503);
}

async fn asked_on_the_broker(service: &Service) -> String {
    let answer = service.bus.client().request(DATABASE_HEALTH, "".into()).await.unwrap();
    String::from_utf8(answer.payload.to_vec()).unwrap()
}

/// Status and body of an answer.
pub(crate) async fn get(address: SocketAddr, path: &str) -> (u16, String) {
    let mut connection = TcpStream::connect(address).await.unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nhost: weir\r\nconnection: close\r\n\r\n");
    connection.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    connection.read_to_string(&mut answer).await.unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.split(' ').nth(1).unwrap().parse().unwrap(), body.to_owned())
}
