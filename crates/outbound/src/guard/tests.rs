use std::sync::atomic::{AtomicUsize, Ordering};

use simulators::{Script, stranger};

use super::*;

fn guard(allowed: &[&str]) -> Guard {
    Guard::new(&allowed.iter().map(|net| net.parse().unwrap()).collect::<Vec<_>>())
}

#[test]
fn only_public_addresses_may_be_called() {
    let guard = guard(&[]);
    for address in [
        "127.0.0.1",
        "10.1.2.3",
        "172.16.0.1",
        "172.31.255.255",
        "192.168.1.1",
        "169.254.169.254",
        "100.64.0.1",
        "0.0.0.0",
        "255.255.255.255",
        "224.0.0.1",
        "::1",
        "::",
        "fd00:ec2::254",
        "fe80::1",
        "::ffff:127.0.0.1",
        "::ffff:169.254.169.254",
        "64:ff9b::7f00:1",
        "2002:7f00:1::",
        "::127.0.0.1",
        "ff02::1",
        "2001:db8::1",
    ] {
        assert!(!guard.permits(address.parse().unwrap()), "{address}");
    }
    for address in
        ["8.8.8.8", "172.32.0.1", "100.128.0.1", "2606:4700::1111", "2a03:2880::1", "64:ff9b::808:808"]
    {
        assert!(guard.permits(address.parse().unwrap()), "{address}");
    }
}

#[test]
fn what_the_settings_allow_may_be_called() {
    let guard = guard(&["127.0.0.1", "10.1.0.0/16"]);
    for (address, permitted) in [
        ("127.0.0.1", true),
        ("::ffff:127.0.0.1", true),
        ("127.0.0.2", false),
        ("10.1.9.9", true),
        ("10.2.0.1", false),
        ("::1", false),
    ] {
        assert_eq!(guard.permits(address.parse().unwrap()), permitted, "{address}");
    }
}

#[test]
fn a_bare_address_is_checked_however_it_is_spelled() {
    let guard = guard(&[]);
    for url in [
        "http://127.0.0.1/",
        "http://2130706433/",
        "http://0x7f.1/",
        "http://017700000001/",
        "http://[::1]/",
        "http://[::ffff:7f00:1]/",
        "https://user@10.0.0.1:8443/x",
    ] {
        assert!(matches!(guard.check(&Url::parse(url).unwrap()), Err(Error::Forbidden)), "{url}");
    }
    for url in ["file:///etc/passwd", "ftp://example.com/", "gopher://example.com/"] {
        assert!(matches!(guard.check(&Url::parse(url).unwrap()), Err(Error::Scheme)), "{url}");
    }
    assert!(guard.check(&Url::parse("https://graph.instagram.com/").unwrap()).is_ok());
}

#[tokio::test]
async fn a_name_that_changes_its_mind_reaches_nothing_private() {
    let script = Script::default();
    let server = stranger(&script).await.unwrap();
    // This machine stands for the public address, and a neighbour for the private one.
    let allowed = ["127.0.0.1".parse().unwrap()];
    let looked_up = Arc::new(AtomicUsize::new(0));
    let count = looked_up.clone();
    let look_up: LookUp = Arc::new(move |_| {
        let first = count.fetch_add(1, Ordering::Relaxed) == 0;
        let all: &[[u8; 4]] =
            if first { &[[127, 0, 0, 2], [127, 0, 0, 1]] } else { &[[127, 0, 0, 2], [10, 0, 0, 1]] };
        let found = all.iter().map(|octets| SocketAddr::from((*octets, 0))).collect();
        Box::pin(async move { Ok(found) })
    });
    let guard = Guard::with(&allowed, look_up);
    rustls::crypto::ring::default_provider().install_default().ok();
    let client =
        reqwest::Client::builder().no_proxy().pool_max_idle_per_host(0).dns_resolver(Arc::new(guard));
    let client = client.build().unwrap();
    let url = format!("http://rebound.example.com:{}/", server.address().port());

    assert_eq!(client.get(&url).send().await.unwrap().status(), 200);
    assert_eq!(looked_up.load(Ordering::Relaxed), 1, "what was checked is what was connected to");
    let error = Error::of(client.get(&url).send().await.unwrap_err(), std::time::Duration::ZERO);
    assert!(matches!(error, Error::Forbidden), "{error:?}");
    assert_eq!((looked_up.load(Ordering::Relaxed), script.requests().len()), (2, 1));
}
