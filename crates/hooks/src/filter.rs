//! Which events a hook wants.

/// Whether one of the patterns fits the event's type; a `*` stands for any text. Proved by
/// `a_pattern_fits_from_end_to_end`.
pub fn wants(patterns: &[String], event_type: &str) -> bool {
    patterns.iter().any(|pattern| fits(pattern, event_type))
}

fn fits(pattern: &str, text: &str) -> bool {
    let Some((first, rest)) = pattern.split_once('*') else { return pattern == text };
    let Some(mut text) = text.strip_prefix(first) else { return false };
    let parts: Vec<_> = rest.split('*').collect();
    let Some((last, middle)) = parts.split_last() else { return true };
    for part in middle {
        match text.split_once(part) {
            Some((_, after)) => text = after,
            None => return false,
        }
    }
    text.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_fits_from_end_to_end() {
        for (pattern, text, expected) in [
            ("*", "usage.query.reported", true),
            ("*", "", true),
            ("usage.query.reported", "usage.query.reported", true),
            ("usage.query", "usage.query.reported", false),
            ("usage.*", "usage.query.reported", true),
            ("usage.*", "usage", false),
            ("*.reported", "usage.query.reported", true),
            ("*.reported", "usage.query.reported.twice", false),
            ("usage.*.reported", "usage.query.reported", true),
            ("u*e*y*d", "usage.query.reported", true),
            ("a*a", "a", false),
            ("**", "x", true),
        ] {
            assert_eq!(
                wants(&["nothing".to_owned(), pattern.to_owned()], text),
                expected,
                "{pattern} {text}"
            );
        }
        assert!(!wants(&[], "usage.query.reported"));
    }
}
