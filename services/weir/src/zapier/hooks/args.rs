//! How a hook is called, on the command line.

use std::{io::Read as _, path::Path};

use ::hooks::{Kind, Manner};
use anyhow::{Context as _, anyhow};
use config::Secret;
use contract::usage::Form;

use crate::failure::Failure;

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
pub(crate) enum KindWord {
    /// A Catch Hook of Zapier's.
    Zapier,
    /// Any other.
    Webhook,
}

impl From<KindWord> for Kind {
    fn from(word: KindWord) -> Self {
        match word {
            KindWord::Zapier => Self::Zapier,
            KindWord::Webhook => Self::Webhook,
        }
    }
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum AlgorithmWord {
    Sha256,
    Sha1,
}

/// So many in so long.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rate {
    count: i32,
    window_ms: i64,
}

impl std::str::FromStr for Rate {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const EXPECTED: &str = "expected a number and a time, such as 100/1h, 30/1s or 500/10m";
        let (count, window) = text.split_once('/').ok_or(EXPECTED)?;
        let unit = window.chars().last().ok_or(EXPECTED)?;
        let number: i64 = window.strip_suffix(unit).and_then(|number| number.parse().ok()).ok_or(EXPECTED)?;
        let unit_ms = match unit {
            's' => 1_000,
            'm' => 60_000,
            'h' => 3_600_000,
            'd' => 86_400_000,
            _ => return Err(EXPECTED),
        };
        let window_ms = number.checked_mul(unit_ms).filter(|window| *window > 0).ok_or(EXPECTED)?;
        Ok(Self { count: count.parse().map_err(|_| EXPECTED)?, window_ms })
    }
}

#[derive(Debug, clap::Args)]
pub(crate) struct MannerArgs {
    /// Event types that it wants; `*` stands for anything [default: all].
    #[arg(long, value_delimiter = ',', value_name = "TYPE,..")]
    filter: Vec<String>,
    /// Shape of what is sent: both, flat, nested or envelope.
    #[arg(long, value_name = "FORM", value_parser = form)]
    form: Option<Form>,
    /// Events per time, such as 100/1h.
    #[arg(long, value_name = "N/TIME")]
    rate: Option<Rate>,
    /// Of these so many at once after a pause; the rest comes one by one, so that no stretch of that time holds more than
    /// the rate says.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(i32).range(1..))]
    burst: Option<i32>,
    /// Attempts at one event, the first one included.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(i32).range(1..=11))]
    attempts: Option<i32>,
    /// Seconds that one attempt may take.
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(i64).range(1..=60))]
    timeout: Option<i64>,
    /// Seconds before an event is sent again; doubles with each attempt.
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(i64).range(1..=86_400))]
    retry_delay: Option<i64>,
    /// Header of the older signature.
    #[arg(long, value_name = "NAME", value_parser = header)]
    signature_header: Option<String>,
    /// Algorithm of the older signature.
    #[arg(long, value_name = "ALGORITHM")]
    signature_algorithm: Option<AlgorithmWord>,
}

impl MannerArgs {
    /// What is given here, over what holds otherwise.
    pub(crate) fn over(&self, mut manner: Manner) -> Result<Manner, Failure> {
        if self.filter.iter().any(|pattern| pattern.trim().is_empty()) {
            return Err(Failure::usage(anyhow!("an empty event type fits nothing")));
        }
        if !self.filter.is_empty() {
            manner.event_filter.clone_from(&self.filter);
        }
        if let Some(form) = self.form {
            form.as_str().clone_into(&mut manner.body_form);
        }
        if let Some(Rate { count, window_ms }) = self.rate {
            (manner.rate_count, manner.rate_window_ms) = (count, window_ms);
        }
        manner.rate_burst = self.burst.unwrap_or(manner.rate_burst);
        manner.attempts_max = self.attempts.unwrap_or(manner.attempts_max);
        manner.timeout_ms = self.timeout.map_or(manner.timeout_ms, |seconds| seconds * 1_000);
        manner.retry_base_ms = self.retry_delay.map_or(manner.retry_base_ms, |seconds| seconds * 1_000);
        manner.retry_max_ms = manner.retry_max_ms.max(manner.retry_base_ms);
        if let Some(header) = &self.signature_header {
            manner.signature_header.clone_from(header);
        }
        if let Some(algorithm) = self.signature_algorithm {
            let word = match algorithm {
                AlgorithmWord::Sha256 => "sha256",
                AlgorithmWord::Sha1 => "sha1",
            };
            word.clone_into(&mut manner.signature_algorithm);
        }
        Ok(manner)
    }
}

fn form(word: &str) -> Result<Form, String> {
    Form::from_word(word).ok_or_else(|| format!("expected one of {}", Form::ALL.map(Form::as_str).join(", ")))
}

fn header(name: &str) -> Result<String, &'static str> {
    let is_name = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    if is_name { Ok(name.to_owned()) } else { Err("expected letters, digits and -") }
}

/// Reads a URL or a secret from a file, or from standard input.
pub(crate) fn read_secret(file: &Path) -> Result<Secret, Failure> {
    let text = if file.as_os_str() == "-" {
        let mut text = String::new();
        std::io::stdin().read_to_string(&mut text).map(|_| text).context("cannot read standard input")
    } else {
        std::fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))
    };
    let text = text.map_err(Failure::usage)?;
    let value = text.trim();
    if value.is_empty() || value.contains(char::is_whitespace) {
        return Err(Failure::usage(anyhow!("expected one value, without spaces")));
    }
    Ok(Secret::from(value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_is_a_number_and_a_time() {
        for (text, expected) in [
            ("100/1h", Some((100, 3_600_000))),
            ("30/1s", Some((30, 1_000))),
            ("5/2d", Some((5, 172_800_000))),
        ] {
            let rate = text.parse::<Rate>().ok().map(|rate| (rate.count, rate.window_ms));
            assert_eq!(rate, expected, "{text}");
        }
        for text in ["100", "100/", "100/h", "x/1h", "100/0s", "100/1w", "100/-1s"] {
            assert!(text.parse::<Rate>().is_err(), "{text}");
        }
    }
}
