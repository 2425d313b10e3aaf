//! URLs as they may be shown.

use reqwest::Url;

const REDACTED: &str = "[redacted]";

/// The URL without user, password, fragment, the values of its query, whose names stay, and its path, in whose place
/// the template stands: the path of a hook is its only credential, and others hold an address or a number of a person.
/// Proved by `only_names_of_a_query_are_shown`.
pub(crate) fn redacted(url: &Url, template: Option<&str>) -> String {
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
    let path = match (template, url.path()) {
        (Some(template), _) => template.to_owned(),
        (None, "" | "/") => "/".to_owned(),
        (None, _) => format!("/{REDACTED}"),
    };
    format!("{}://{}{port}{path}{query}", url.scheme(), url.host_str().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_of_a_query_are_shown() {
        for (url, template, shown) in [
            ("https://hooks.example.com/catch/1/T/", None, "https://hooks.example.com/[redacted]"),
            ("https://graph.example.com/v23.0/1/x", Some("/{id}/x"), "https://graph.example.com/{id}/x"),
            (
                "https://u:p@api.example.com:8443/T?access_token=T&fields=a,b&T#T",
                None,
                "https://api.example.com:8443/[redacted]?access_token=[redacted]&fields=[redacted]&[redacted]",
            ),
            ("http://[::1]:80/?", None, "http://[::1]/"),
        ] {
            assert_eq!(redacted(&Url::parse(url).unwrap(), template), shown);
        }
    }
}
