//! Private addresses.

use outbound::{Client, Error, Request};

use crate::{Given, settings};

#[tokio::test]
async fn a_private_address_is_not_called_unless_the_settings_allow_it() {
    let given = Given::steps([]).await;
    let mut settings = settings();
    assert_eq!(Client::new("a", &settings).unwrap().send(&given.get()).await.unwrap().status.as_u16(), 200);

    settings.allowed_networks = config::List::default();
    let client = Client::new("b", &settings).unwrap();
    let error = client.send(&given.get()).await.unwrap_err();
    assert!(matches!(error, Error::Forbidden), "{error:?}");
    assert_eq!(given.asked(), 1);
}

#[tokio::test]
async fn a_name_that_leads_to_a_private_address_is_not_called() {
    let given = Given::steps([]).await;
    let mut url = given.url();
    url.set_host(Some("localhost")).unwrap();
    let mut settings = settings();
    assert_eq!(
        Client::new("a", &settings).unwrap().send(&Request::get(url.clone())).await.unwrap().status.as_u16(),
        200
    );

    settings.allowed_networks = config::List::default();
    let client = Client::new("b", &settings).unwrap();
    let error = client.send(&Request::get(url)).await.unwrap_err();
    assert!(matches!(error, Error::Forbidden), "{error:?}");
    assert_eq!(given.asked(), 1);
}
