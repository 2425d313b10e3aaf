//! Numbers as Bright Data sends them: integers, floats, text, nothing, and sometimes nonsense.

use serde_json::Value;

/// Above this not every integer is a float any more; no counter of a social network is near it. In the vendor's own
/// sample a quarter of the records have counters such as `5.532894228304753e+32`.
const MAX: f64 = 9_007_199_254_740_992.0;

/// What a value says as a number.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Number {
    /// Nothing.
    Absent,
    /// This.
    Is(f64),
    /// Something that cannot be.
    Corrupt,
}

impl Number {
    /// Reads a value. Proved by `what_cannot_be_a_counter_is_corrupt`.
    pub(crate) fn of(value: &Value) -> Self {
        let number = match value {
            Value::Null => return Self::Absent,
            Value::String(text) if text.trim().is_empty() => return Self::Absent,
            Value::String(text) => text.trim().parse().ok(),
            Value::Number(number) => number.as_f64(),
            _ => None,
        };
        match number {
            Some(number) if (0.0..=MAX).contains(&number) => Self::Is(number),
            _ => Self::Corrupt,
        }
    }

    /// As a whole number, rounded.
    pub(crate) fn whole(self) -> Option<i64> {
        match self {
            #[expect(clippy::cast_possible_truncation, reason = "it is within 0..=2^53")]
            Self::Is(number) => Some(number.round() as i64),
            Self::Absent | Self::Corrupt => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_counter_may_be_an_integer_a_float_or_text() {
        for (value, whole) in [
            (json!(0), 0),
            (json!(17), 17),
            (json!(17.0), 17),
            (json!("35"), 35),
            (json!(" 15.6 "), 16),
            (json!("1e3"), 1_000),
            (json!(9_007_199_254_740_992_i64), 9_007_199_254_740_992),
        ] {
            assert_eq!(Number::of(&value).whole(), Some(whole), "{value}");
        }
        for value in [json!(null), json!(""), json!("  ")] {
            assert_eq!(Number::of(&value), Number::Absent, "{value}");
        }
    }

    #[test]
    fn what_cannot_be_a_counter_is_corrupt() {
        for value in [
            json!(5.532_894_228_304_753e32),
            json!(-1),
            json!("-3"),
            json!("1,557"),
            json!("12K"),
            json!("NaN"),
            json!("inf"),
            json!(9_007_199_254_740_994_i64),
            json!(true),
            json!([1]),
            json!({"num": 1}),
        ] {
            assert_eq!(Number::of(&value), Number::Corrupt, "{value}");
        }
    }
}
