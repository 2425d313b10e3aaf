//! The body as it was before somebody compressed it, piece by piece. Headers are not asked: they may say gzip of a body
//! that a proxy has inflated already, or nothing of one that is gzip.

use std::io::Write as _;

use bytes::{Buf as _, Bytes};
use flate2::write::MultiGzDecoder;

use crate::error::Refusal;

const MAGIC: [u8; 2] = [0x1f, 0x8b];
/// Compressed bytes taken at one time. Deflate makes 1032 times as much of them at most, so a megabyte.
const TAKE_BYTES: usize = 1024;
/// Plain bytes handed on at one time, if there are as many.
const GIVE_BYTES: usize = 64 * 1024;
/// Up to here any ratio is fine: small bodies of one repeated record compress very well.
const RATIO_FREE_BYTES: u64 = 8 * 1024 * 1024;

/// What decompression may make of a body.
#[derive(Debug, Clone, Copy)]
pub(super) struct Caps {
    pub(super) bytes: u64,
    pub(super) ratio: u64,
}

/// What comes out.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Output {
    Plain(Bytes),
    /// The compressed data is damaged; what comes from here on are its bytes as they are.
    Damaged,
}

pub(super) struct Inflate {
    caps: Caps,
    state: State,
    received: u64,
    produced: u64,
}

enum State {
    /// The body's first byte, if it has come.
    Start(Option<u8>),
    Gzip(Box<MultiGzDecoder<Vec<u8>>>),
    Plain,
}

impl Inflate {
    pub(super) fn new(caps: Caps) -> Self {
        Self { caps, state: State::Start(None), received: 0, produced: 0 }
    }

    /// Takes some of the input; `None` once all of it is taken.
    ///
    /// # Errors
    /// The body becomes larger than it may: proved by `a_bomb_goes_off_nowhere`.
    pub(super) fn next(&mut self, input: &mut Bytes) -> Result<Option<Output>, Refusal> {
        while !input.is_empty() {
            match &mut self.state {
                State::Start(first) => match (*first, input.first(), input.get(1)) {
                    (None, Some(only), None) => {
                        *first = Some(*only);
                        input.clear();
                    }
                    (None, Some(first), Some(second)) if [*first, *second] == MAGIC => self.open(None),
                    (Some(first), Some(second), _) if [first, *second] == MAGIC => self.open(Some(first)),
                    (first, ..) => {
                        self.state = State::Plain;
                        if let Some(first) = first {
                            return Ok(Some(Output::Plain(Bytes::copy_from_slice(&[first]))));
                        }
                    }
                },
                State::Plain => return Ok(Some(Output::Plain(std::mem::take(input)))),
                State::Gzip(_) => {
                    if let Some(output) = self.inflate(input)? {
                        return Ok(Some(output));
                    }
                }
            }
        }
        Ok(None)
    }

    /// What the end of the body makes known; to be called until it gives `None`.
    pub(super) fn end(&mut self) -> Result<Option<Output>, Refusal> {
        match std::mem::replace(&mut self.state, State::Plain) {
            State::Start(Some(only)) => Ok(Some(Output::Plain(Bytes::copy_from_slice(&[only])))),
            State::Start(None) | State::Plain => Ok(None),
            State::Gzip(mut decoder) => {
                let result = decoder.try_finish();
                let plain = std::mem::take(decoder.get_mut());
                if !plain.is_empty() {
                    self.state = State::Gzip(decoder);
                    return self.produce(plain).map(Some);
                }
                // Cut off, or the checksum does not fit.
                Ok(result.is_err().then_some(Output::Damaged))
            }
        }
    }

    fn open(&mut self, first: Option<u8>) {
        let mut decoder = Box::new(MultiGzDecoder::new(Vec::with_capacity(GIVE_BYTES)));
        if let Some(first) = first {
            self.received += 1;
            // One byte of a header cannot be wrong yet; were it, the next write would say so.
            decoder.write_all(&[first]).ok();
        }
        self.state = State::Gzip(decoder);
    }

    fn inflate(&mut self, input: &mut Bytes) -> Result<Option<Output>, Refusal> {
        let State::Gzip(decoder) = &mut self.state else { return Ok(None) };
        let mut damaged = false;
        while !input.is_empty() && decoder.get_ref().len() < GIVE_BYTES {
            let some = input.get(..TAKE_BYTES).unwrap_or(input);
            match decoder.write(some) {
                Ok(taken) if taken > 0 => {
                    self.received += taken as u64;
                    input.advance(taken);
                }
                Ok(_) | Err(_) => {
                    damaged = true;
                    break;
                }
            }
        }
        let plain = std::mem::take(decoder.get_mut());
        if !plain.is_empty() {
            return self.produce(plain).map(Some);
        }
        if damaged {
            self.state = State::Plain;
            return Ok(Some(Output::Damaged));
        }
        Ok(None)
    }

    fn produce(&mut self, plain: Vec<u8>) -> Result<Output, Refusal> {
        self.produced += plain.len() as u64;
        let Caps { bytes, ratio } = self.caps;
        if self.produced > bytes {
            return Err(Refusal::TooLarge { limit_bytes: usize::try_from(bytes).unwrap_or(usize::MAX) });
        }
        if self.produced > RATIO_FREE_BYTES && self.produced / self.received.max(1) >= ratio {
            return Err(Refusal::TooCompressed { limit_ratio: usize::try_from(ratio).unwrap_or(usize::MAX) });
        }
        Ok(Output::Plain(Bytes::from(plain)))
    }
}

#[cfg(test)]
mod tests;
