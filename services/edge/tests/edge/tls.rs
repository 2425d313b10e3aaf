//! HTTPS by the edge itself, with and without client certificates.

use std::path::PathBuf;

use config::List;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use reqwest::{Certificate, Client, Identity};
use tempfile::TempDir;

use crate::{
    harness::{Harness, LEAD, PATH, SECRET, c2s, client},
    instagram,
};

type Authority = CertifiedIssuer<'static, KeyPair>;

fn authority(name: &str) -> Authority {
    let mut params = CertificateParams::new([]).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.distinguished_name.push(DnType::CommonName, name);
    CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
}

/// Certificate and key, PEM, in one text.
fn issue(authority: &Authority, common_name: &str) -> (String, String) {
    let mut params = CertificateParams::new(["localhost".to_owned()]).unwrap();
    params.distinguished_name.push(DnType::CommonName, common_name);
    let key = KeyPair::generate().unwrap();
    let certificate = params.signed_by(&key, authority).unwrap();
    (certificate.pem(), key.serialize_pem())
}

struct Files(TempDir);

impl Files {
    fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.0.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    }
}

async fn https(
    authority: &Authority,
    configure: impl FnOnce(&Files, &mut config::Edge),
) -> (Harness, TempDir) {
    let files = Files(tempfile::tempdir().unwrap());
    let edge = Harness::with(|settings| {
        let (certificate, key) = issue(authority, "localhost");
        settings.tls_cert_file = Some(files.write("edge.pem", &certificate));
        settings.tls_key_file = Some(files.write("edge.key", &key));
        settings.require_https = true;
        configure(&files, settings);
    })
    .await;
    (edge, files.0)
}

fn caller(authority: &Authority, identity: Option<(String, String)>) -> Client {
    client();
    let root = Certificate::from_pem(authority.pem().as_bytes()).unwrap();
    let mut builder = Client::builder().tls_certs_only([root]).no_proxy();
    if let Some((certificate, key)) = identity {
        builder = builder.identity(Identity::from_pem(format!("{certificate}{key}").as_bytes()).unwrap());
    }
    builder.build().unwrap()
}

async fn status(edge: &Harness, client: &Client) -> Result<u16, reqwest::Error> {
    let url = format!("https://localhost:{}{PATH}", edge.address.port());
    let response = client.post(url).header("X-Webhook-Token", SECRET).body(LEAD).send().await?;
    Ok(response.status().as_u16())
}

#[tokio::test]
async fn the_edge_speaks_https_itself() {
    let authority = authority("test authority");
    let (edge, _files) = https(&authority, |_, _| {}).await;
    assert_eq!(status(&edge, &caller(&authority, None)).await.unwrap(), 200);
    assert!(edge.signed(LEAD).send().await.is_err(), "plain HTTP is not spoken there");
}

#[tokio::test]
async fn a_client_certificate_is_verified_and_its_name_compared() {
    let (server, old, new, strange) =
        (authority("server"), authority("old clients"), authority("new clients"), authority("strangers"));
    let (edge, _files) = https(&server, |files, settings| {
        // Two authorities, as while one replaces the other.
        settings.tls_client_ca_files =
            List(vec![files.write("old.pem", &old.pem()), files.write("new.pem", &new.pem())]);
        c2s(settings).client_certificate_cn = Some("hooks.example.com".to_owned());
    })
    .await;
    for authority in [&old, &new] {
        let right = caller(&server, Some(issue(authority, "hooks.example.com")));
        assert_eq!(status(&edge, &right).await.unwrap(), 200);
    }
    let wrong_name = caller(&server, Some(issue(&old, "other.example.com")));
    assert_eq!(status(&edge, &wrong_name).await.unwrap(), 403);
    assert_eq!(status(&edge, &caller(&server, None)).await.unwrap(), 403);
    let stranger = caller(&server, Some(issue(&strange, "hooks.example.com")));
    assert!(status(&edge, &stranger).await.is_err(), "its certificate does not verify");
}

#[tokio::test]
async fn metas_certificate_is_required_on_its_endpoint_alone() {
    let (server, meta, strange) = (authority("server"), authority("meta outbound"), authority("strangers"));
    let (edge, _files) = https(&server, |files, settings| {
        settings.tls_client_ca_files = List(vec![files.write("meta.pem", &meta.pem())]);
        instagram::instagram(settings).client_certificate_cn = Some(instagram::COMMON_NAME.to_owned());
    })
    .await;
    let post = async |client: &Client, signature: Option<String>| {
        let url = format!("https://localhost:{}{}", edge.address.port(), instagram::PATH);
        let mut request = client.post(url).body(instagram::MESSAGE);
        if let Some(signature) = signature {
            request = request.header("X-Hub-Signature-256", signature);
        }
        Ok::<_, reqwest::Error>(request.send().await?.status().as_u16())
    };
    let signature = || Some(instagram::signature(instagram::MESSAGE.as_bytes()));
    let right = caller(&server, Some(issue(&meta, instagram::COMMON_NAME)));
    assert_eq!(post(&right, signature()).await.unwrap(), 200);
    assert_eq!(post(&right, None).await.unwrap(), 401, "a certificate is no signature");
    let wrong_name = caller(&server, Some(issue(&meta, "hooks.example.com")));
    assert_eq!(post(&wrong_name, signature()).await.unwrap(), 403);
    let bare = caller(&server, None);
    assert_eq!(post(&bare, signature()).await.unwrap(), 403);
    let stranger = caller(&server, Some(issue(&strange, instagram::COMMON_NAME)));
    assert!(post(&stranger, signature()).await.is_err(), "its certificate does not verify");
    assert_eq!(status(&edge, &bare).await.unwrap(), 200, "the other provider's endpoint asks for none");
}
