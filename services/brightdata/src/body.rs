//! The records of a part, one JSON object a line.

use anyhow::Context as _;
use bus::claim::{ClaimError, Claims};
use bytes::Bytes;
use consumer::{Failure, Message};
use contract::{Code, brightdata::FORMAT_CSV, code};
use serde_json::{Map, Value};

/// Largest body that is fetched, bytes. A row must hold it, and its columns are cut out of it in memory.
const CLAIM_MAX_BYTES: usize = 67_108_864;
/// The object that held a body has expired.
const CLAIM_MISSING: Code = Code::new("claim_missing");
/// The object that held a body holds something else.
const CLAIM_DAMAGED: Code = Code::new("claim_damaged");

/// Fetches what a message stands for, and gives it a record a line.
///
/// # Errors
/// The object that holds it cannot be fetched now, or is gone; or rows of CSV are none.
pub(crate) async fn lines(claims: &Claims, message: &Message) -> Result<Bytes, Failure> {
    let extension = |name| message.envelope.extensions.get(name).map(String::as_str);
    let body = match extension("claim") {
        Some(name) => claims.get(name, CLAIM_MAX_BYTES).await.map_err(not_fetched)?,
        None => message.payload.clone(),
    };
    if extension("format") != Some(FORMAT_CSV) {
        return Ok(body);
    }
    of_csv(&body).map(Bytes::from).map_err(|source| Failure::Dead { code: code::MALFORMED, source })
}

fn not_fetched(error: ClaimError) -> Failure {
    match error {
        ClaimError::Unavailable(_) => Failure::Unavailable { source: error.into() },
        ClaimError::Missing => Failure::Dead { code: CLAIM_MISSING, source: error.into() },
        ClaimError::TooLarge { .. } => Failure::Dead { code: code::EVENT_TOO_LARGE, source: error.into() },
        ClaimError::Damaged => Failure::Retry { code: CLAIM_DAMAGED, after: None, source: error.into() },
    }
}

/// Rows under their header as objects. A cell with a JSON list or object in it is that; every other one is a text, which
/// the columns read as leniently as Bright Data's other texts.
fn of_csv(body: &[u8]) -> anyhow::Result<Vec<u8>> {
    let mut reader = csv::ReaderBuilder::new().flexible(true).from_reader(body);
    let names = reader.byte_headers().context("no header row")?.clone();
    let mut lines = Vec::with_capacity(body.len() * 2);
    for row in reader.byte_records() {
        let row = row.context("not CSV")?;
        let members: Map<String, Value> =
            names.iter().zip(row.iter()).map(|(name, cell)| (lossy(name), value(cell))).collect();
        serde_json::to_writer(&mut lines, &members).context("a row as JSON")?;
        lines.push(b'\n');
    }
    Ok(lines)
}

fn value(cell: &[u8]) -> Value {
    match cell {
        [] => Value::Null,
        [b'[' | b'{', ..] => serde_json::from_slice(cell).unwrap_or_else(|_| lossy(cell).into()),
        _ => lossy(cell).into(),
    }
}

fn lossy(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_of_csv_is_an_object() {
        let body = b"post_id,text,hashtags,likes\n1,\"two\nlines, \"\"quoted\"\"\",\"[\"\"a\"\"]\",\n2,x\n";
        let lines = String::from_utf8(of_csv(body).unwrap()).unwrap();
        let rows: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(
            rows,
            [
                serde_json::json!({"post_id":"1","text":"two\nlines, \"quoted\"","hashtags":["a"],"likes":null}),
                serde_json::json!({"post_id":"2","text":"x"}),
            ]
        );
    }
}
