//! `appsecret_proof`: whoever calls with a token shows that it knows the app secret too, so that a stolen token alone is
//! worth nothing.

use config::Secret;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

/// The proof for a token: lower-case hexadecimal HMAC-SHA256 of the token.
pub fn appsecret_proof(app_secret: &Secret, token: &Secret) -> String {
    proof(app_secret, token.expose())
}

/// The proof for a token at this time (Unix seconds), good for five minutes. Goes with `appsecret_time`.
pub fn appsecret_proof_at(app_secret: &Secret, token: &Secret, time: i64) -> String {
    proof(app_secret, &format!("{}|{time}", token.expose()))
}

fn proof(app_secret: &Secret, message: &str) -> String {
    let mut mac =
        Hmac::<Sha256>::new_from_slice(app_secret.expose().as_bytes()).expect("a key of any length will do");
    mac.update(message.as_bytes());
    hex::encode(mac.finalize().into_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_proof_is_metas() {
        let (secret, token) =
            (Secret::from("0123456789abcdef0123456789abcdef"), Secret::from("IGAA_invented_token_123"));
        assert_eq!(
            appsecret_proof(&secret, &token),
            "c603097012554591a874acd62ed38efb149b72b9ed72c64f39676b0e3c684872"
        );
        assert_eq!(
            appsecret_proof_at(&secret, &token, 1_767_225_600),
            "a47f4b32bf649b83547ccd8d1c9a54aef85f665dea04eac1f205c42c1f297ee0"
        );
    }
}
