//! What every provider's JSON must respect before anybody parses it.

/// Deepest nesting of arrays and objects that is accepted; the parsers behind us (ours and PostgreSQL's) recurse.
pub const DEPTH_MAX: usize = 100;

/// Whether `text` nests deeper than [`DEPTH_MAX`]. One pass, no recursion; says nothing of whether it is valid JSON.
/// Proved by `brackets_inside_strings_do_not_nest`.
pub fn is_too_deep(text: &str) -> bool {
    let (mut depth, mut in_string, mut escaped) = (0_usize, false, false);
    for byte in text.bytes() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_string => escaped = true,
            b'"' => in_string = !in_string,
            b'[' | b'{' if !in_string => {
                depth += 1;
                if depth > DEPTH_MAX {
                    return true;
                }
            }
            b']' | b'}' if !in_string => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::{DEPTH_MAX, is_too_deep};

    #[test]
    fn brackets_inside_strings_do_not_nest() {
        let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        assert!(!is_too_deep(&nested(DEPTH_MAX)));
        assert!(is_too_deep(&nested(DEPTH_MAX + 1)));
        assert!(!is_too_deep(&format!(r#"{{"a":"{}","b":"\"{}"}}"#, "[".repeat(500), "{".repeat(500))));
        assert!(!is_too_deep(&"[],".repeat(1000)));
    }
}
