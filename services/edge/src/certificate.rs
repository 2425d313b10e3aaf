//! The common name of the client's certificate, from our own TLS or from a proxy that ended it.

use std::net::IpAddr;

use axum::http::{HeaderMap, HeaderName};
use x509_parser::{certificate::X509Certificate, prelude::FromDer as _};

use crate::address::Proxies;

/// The common name in a certificate that TLS has verified.
pub(crate) fn common_name(certificate: &[u8]) -> Option<String> {
    let (_, certificate) = X509Certificate::from_der(certificate).ok()?;
    let name = only(certificate.subject().iter_common_name())?;
    name.as_str().ok().map(str::to_owned)
}

/// The common name that a trusted proxy reports in `header`, unless it says in `X-SSL-Client-Verify` that the certificate
/// did not verify. Only the one configured header is read: any other, a proxy may pass on as the client wrote it.
pub(crate) fn reported_common_name(
    proxies: &Proxies,
    header: &HeaderName,
    peer: IpAddr,
    headers: &HeaderMap,
) -> Option<String> {
    let verified = headers.get_all("x-ssl-client-verify").iter().all(|word| word == "SUCCESS" || word == "0");
    let mut subjects = headers.get_all(header).iter();
    match (subjects.next(), subjects.next()) {
        (Some(subject), None) if verified && proxies.trusts(peer.to_canonical()) => {
            common_name_of_subject(subject.to_str().ok()?)
        }
        // Two values: one of them is not the proxy's.
        _ => None,
    }
}

/// The `CN` of a subject as RFC 2253 (`CN=a,O=b`) or the older slash form (`/O=b/CN=a`) writes it. A value may hold
/// escaped separators, which must not make a second `CN` (`an_escaped_separator_makes_no_second_name`). The slash form escapes
/// nothing, so of two names either may be invented: two are none (`of_two_names_neither_counts`).
fn common_name_of_subject(subject: &str) -> Option<String> {
    let (subject, slashes) = subject.strip_prefix('/').map_or((subject, false), |rest| (rest, true));
    let mut parts = vec![String::new()];
    let (mut escaped, mut quoted) = (false, false);
    for character in subject.chars() {
        let separates = if slashes { character == '/' } else { matches!(character, ',' | '+' | ';') };
        match character {
            _ if escaped => escaped = false,
            '\\' => {
                escaped = true;
                continue;
            }
            '"' => {
                quoted = !quoted;
                continue;
            }
            _ if separates && !quoted => {
                parts.push(String::new());
                continue;
            }
            _ => {}
        }
        if let Some(part) = parts.last_mut() {
            part.push(character);
        }
    }
    only(parts.iter().filter_map(|part| {
        let (name, value) = part.split_once('=')?;
        name.trim().eq_ignore_ascii_case("CN").then(|| value.trim().to_owned())
    }))
}

/// The only element, if there is just one.
fn only<T>(mut elements: impl Iterator<Item = T>) -> Option<T> {
    elements.next().filter(|_| elements.next().is_none())
}

#[cfg(test)]
mod tests {
    use config::IpAddrOrNet;

    use super::*;

    #[test]
    fn both_spellings_of_a_subject_are_read() {
        for subject in [
            "CN=hooks.example.com,O=Example",
            "O=Example, CN=hooks.example.com",
            "/C=BR/O=Example/CN=hooks.example.com",
            "cn=\"hooks.example.com\"",
        ] {
            assert_eq!(common_name_of_subject(subject).as_deref(), Some("hooks.example.com"), "{subject}");
        }
        assert_eq!(common_name_of_subject("O=Example"), None);
        assert_eq!(common_name_of_subject(""), None);
    }

    #[test]
    fn an_escaped_separator_makes_no_second_name() {
        assert_eq!(common_name_of_subject(r"O=x\,CN=hooks.example.com"), None);
        assert_eq!(common_name_of_subject(r#"O="x,CN=hooks.example.com""#), None);
        assert_eq!(common_name_of_subject(r"O=x\,CN=a,CN=b").as_deref(), Some("b"));
    }

    #[test]
    fn of_two_names_neither_counts() {
        // An organisation called `x/CN=hooks.example.com`, as the slash form writes it.
        assert_eq!(common_name_of_subject("/O=x/CN=hooks.example.com/CN=stranger"), None);
        assert_eq!(common_name_of_subject("CN=hooks.example.com,CN=stranger"), None);
        let mut params = rcgen::CertificateParams::new([]).unwrap();
        params.distinguished_name.push(rcgen::DnType::CommonName, "hooks.example.com");
        params.distinguished_name.push(rcgen::DnType::CustomDnType(vec![2, 5, 4, 3]), "stranger");
        let certificate = params.self_signed(&rcgen::KeyPair::generate().unwrap()).unwrap();
        assert_eq!(common_name(certificate.der()), None);
    }

    #[test]
    fn only_a_trusted_proxy_can_report_a_certificate() {
        let network: IpAddrOrNet = "10.0.0.0/8".parse().unwrap();
        let proxies = Proxies::new(&[network]);
        let mut headers = HeaderMap::new();
        headers.insert("x-ssl-client-s-dn", "CN=a".parse().unwrap());
        let reported = |peer: &str, headers: &HeaderMap| {
            let header = HeaderName::from_static("x-ssl-client-s-dn");
            reported_common_name(&proxies, &header, peer.parse().unwrap(), headers)
        };
        assert_eq!(reported("10.0.0.1", &headers).as_deref(), Some("a"));
        assert_eq!(reported("192.0.2.1", &headers), None);
        headers.insert("x-ssl-client-verify", "FAILED:expired".parse().unwrap());
        assert_eq!(reported("10.0.0.1", &headers), None);
        headers.insert("x-ssl-client-verify", "SUCCESS".parse().unwrap());
        assert_eq!(reported("10.0.0.1", &headers).as_deref(), Some("a"));
        headers.append("x-ssl-client-s-dn", "CN=b".parse().unwrap());
        assert_eq!(reported("10.0.0.1", &headers), None);
    }
}
