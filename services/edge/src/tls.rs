//! The edge's own HTTPS, by rustls on ring.

use std::{path::Path, sync::Arc};

use anyhow::Context as _;
use rustls::{
    RootCertStore, ServerConfig,
    crypto::CryptoProvider,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _},
    server::{NoClientAuth, WebPkiClientVerifier, danger::ClientCertVerifier},
};
use tokio_rustls::TlsAcceptor;

use crate::start::SettingError;

/// What accepts TLS connections, if the settings name a certificate.
pub(crate) fn acceptor(settings: &config::Edge) -> Result<Option<TlsAcceptor>, SettingError> {
    let (certificates, key) = match (&settings.tls_cert_file, &settings.tls_key_file) {
        (Some(certificates), Some(key)) => (certificates, key),
        (Some(_), None) => {
            return Err(SettingError::new("edge.tls_key_file", "is required with edge.tls_cert_file"));
        }
        (None, Some(_)) => {
            return Err(SettingError::new("edge.tls_cert_file", "is required with edge.tls_key_file"));
        }
        (None, None) if !settings.tls_client_ca_files.is_empty() => {
            let problem = "needs edge.tls_cert_file: client certificates are seen only where TLS ends";
            return Err(SettingError::new("edge.tls_client_ca_files", problem));
        }
        (None, None) => return Ok(None),
    };
    let crypto = Arc::new(rustls::crypto::ring::default_provider());
    let unreadable = |key: &'static str| move |error| SettingError::new(key, "cannot be used").because(error);
    let certificates = read_certificates(certificates).map_err(unreadable("edge.tls_cert_file"))?;
    let key = PrivateKeyDer::from_pem_file(key).with_context(|| key.display().to_string());
    let key = key.map_err(unreadable("edge.tls_key_file"))?;
    let verifier = verifier(settings, &crypto).map_err(unreadable("edge.tls_client_ca_files"))?;
    let config = ServerConfig::builder_with_provider(crypto)
        .with_safe_default_protocol_versions()
        .map(|builder| builder.with_client_cert_verifier(verifier))
        .and_then(|builder| builder.with_single_cert(certificates, key));
    let mut config = config.context("certificate and key").map_err(unreadable("edge.tls_cert_file"))?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Some(TlsAcceptor::from(Arc::new(config))))
}

/// Verifies a client certificate if one is given. None is needed to connect: probes and other providers have none, and
/// the gate asks for it where the settings do.
fn verifier(
    settings: &config::Edge,
    crypto: &Arc<CryptoProvider>,
) -> anyhow::Result<Arc<dyn ClientCertVerifier>> {
    if settings.tls_client_ca_files.is_empty() {
        return Ok(Arc::new(NoClientAuth));
    }
    let mut roots = RootCertStore::empty();
    for file in settings.tls_client_ca_files.iter() {
        for certificate in read_certificates(file)? {
            roots.add(certificate).with_context(|| file.display().to_string())?;
        }
    }
    let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), crypto.clone());
    Ok(verifier.allow_unauthenticated().build()?)
}

fn read_certificates(file: &Path) -> anyhow::Result<Vec<CertificateDer<'static>>> {
    let certificates = CertificateDer::pem_file_iter(file).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    let certificates = certificates.with_context(|| file.display().to_string())?;
    anyhow::ensure!(!certificates.is_empty(), "{} holds no certificate", file.display());
    Ok(certificates)
}
