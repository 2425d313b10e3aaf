//! Headers that let a receiver know that it was us.

use config::Secret;
use hmac::{Hmac, KeyInit as _, Mac as _};
use http::{HeaderName, HeaderValue};
use outbound::{SigningKey, standard_headers};
use sha1::Sha1;
use time::OffsetDateTime;

/// What signs for one hook.
pub(crate) struct Signer {
    /// The secret as it is written, which is the key of the older header.
    secret: Option<Secret>,
    /// The keys of Standard Webhooks: the secret's, and that of the one before while it is still good.
    keys: Vec<SigningKey>,
    header: HeaderName,
    is_sha1: bool,
}

impl Signer {
    /// `secrets`: the one in use first. Nothing is signed without one.
    pub(crate) fn new(secrets: Vec<Secret>, header: &str, algorithm: &str) -> Result<Self, String> {
        let header =
            HeaderName::try_from(header).map_err(|_| "the signature header has no name".to_owned())?;
        let keys = secrets.iter().map(SigningKey::parse).collect::<Result<_, _>>();
        let keys = keys.map_err(|error| error.to_string())?;
        Ok(Self { secret: secrets.into_iter().next(), keys, header, is_sha1: algorithm == "sha1" })
    }

    /// The headers of one attempt.
    pub(crate) fn headers(
        &self,
        id: &str,
        at: OffsetDateTime,
        body: &[u8],
    ) -> Result<Vec<(HeaderName, HeaderValue)>, String> {
        let Some(secret) = &self.secret else { return Ok(unsigned(id, at)) };
        let standard = standard_headers(&self.keys, id, at, body).map_err(|error| error.to_string())?;
        let older = if self.is_sha1 {
            sha1(secret, body)
        } else {
            outbound::signature(secret, body).map_err(|error| error.to_string())?
        };
        Ok(standard.into_iter().chain([(self.header.clone(), older)]).collect())
    }
}

/// Id and time help a receiver that checks nothing to know a repeat.
fn unsigned(id: &str, at: OffsetDateTime) -> Vec<(HeaderName, HeaderValue)> {
    let values = [("webhook-id", id.to_owned()), ("webhook-timestamp", at.unix_timestamp().to_string())];
    let header = |(name, value): (&'static str, String)| {
        Some((HeaderName::from_static(name), HeaderValue::try_from(value).ok()?))
    };
    values.into_iter().filter_map(header).collect()
}

fn sha1(secret: &Secret, body: &[u8]) -> HeaderValue {
    let keyed = Hmac::<Sha1>::new_from_slice(secret.expose().as_bytes());
    let keyed = keyed.expect("HMAC takes keys of any length").chain_update(body);
    let text = format!("sha1={}", hex::encode(keyed.finalize().into_bytes()));
    HeaderValue::try_from(text).expect("hexadecimal digits fit a header")
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;

    const BODY: &[u8] = br#"{"session_id":"session_123","query":"Test query","model_name":"gpt-4o-mini","response_time_ms":1000,"estimated_tokens":100,"success":true}"#;
    const AT: OffsetDateTime = datetime!(2026-01-01 0:00 UTC);

    fn header(headers: &[(HeaderName, HeaderValue)], name: &str) -> Option<String> {
        let found = headers.iter().find(|(known, _)| known == name)?;
        Some(found.1.to_str().unwrap().to_owned())
    }

    #[test]
    fn the_older_header_is_the_references_and_both_secrets_sign_the_newer_one() {
        let secrets = vec![
            Secret::from("whsec-test-secret-0001"),
            Secret::from("whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"),
        ];
        let signer = Signer::new(secrets, "X-Webhook-Signature", "sha256").unwrap();
        let headers = signer.headers("msg_1", AT, BODY).unwrap();
        assert_eq!(
            header(&headers, "x-webhook-signature").unwrap(),
            "sha256=8faeb78d8d8dc2b5dbc5f9efa34e8a0afa04d76e898a3526980d73e90c01ed3d"
        );
        assert_eq!(header(&headers, "webhook-id").unwrap(), "msg_1");
        assert_eq!(header(&headers, "webhook-signature").unwrap().split(' ').count(), 2);
    }

    #[test]
    fn an_older_receiver_gets_sha1() {
        // The reference's vector for Meta's older header, which is the same thing.
        let secret = vec![Secret::from("0123456789abcdef0123456789abcdef")];
        let signer = Signer::new(secret, "X-Sig", "sha1").unwrap();
        let headers = signer.headers("msg_1", AT, br#"{"object":"instagram","entry":[]}"#).unwrap();
        assert_eq!(header(&headers, "x-sig").unwrap(), "sha1=c2318068f171f2a2db8e5857573f191e5f6561c4");
    }

    #[test]
    fn without_a_secret_nothing_is_signed_and_the_id_is_there() {
        let headers = Signer::new(Vec::new(), "X-Sig", "sha256").unwrap().headers("msg_1", AT, BODY).unwrap();
        assert_eq!(header(&headers, "webhook-id").unwrap(), "msg_1");
        assert_eq!(header(&headers, "webhook-signature"), None);
        assert!(Signer::new(vec![Secret::from("whsec_!")], "X-Sig", "sha256").is_err());
    }
}
