//! URLs as they may be shown.

use reqwest::Url;

const REDACTED: &str = "[redacted]";

/// The URL without user, password, fragment and the values of its query, whose names stay. Proved by
/// `only_names_of_a_query_are_shown`.
pub fn redacted(url: &Url) -> String {
    let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
    let pairs = url.query().unwrap_or_default().split('&').filter(|pair| !pair.is_empty());
    let pairs: Vec<_> = pairs
        .map(|pair| match pair.split_once('=') {
            Some((name, _)) => format!("{name}={REDACTED}"),
            // Without a name it may be a secret as a whole.
            None => REDACTED.to_owned(),
        })
        .collect();
    let query = if pairs.is_empty() { String::new() } else { format!("?{}", pairs.join("&")) };
    format!("{}://{}{port}{}{query}", url.scheme(), url.host_str().unwrap_or_default(), url.path())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_of_a_query_are_shown() {
        for (url, shown) in [
            ("https://graph.example.com/v23.0/1/x", "https://graph.example.com/v23.0/1/x"),
            (
                "https://u:p@api.example.com:8443/a?access_token=T&fields=a,b&T#T",
                "https://api.example.com:8443/a?access_token=[redacted]&fields=[redacted]&[redacted]",
            ),
            ("http://[::1]:80/?", "http://[::1]/"),
        ] {
            assert_eq!(redacted(&Url::parse(url).unwrap()), shown);
        }
    }
}
