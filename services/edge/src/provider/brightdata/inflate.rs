//! The body as it was before somebody compressed it, piece by piece. Headers are not asked: they may say gzip of a body
//! that a proxy has inflated already, or nothing of one that is gzip.
//!
//! The decoder gets its bytes in blocks of one size, counted from the body's first byte: how much it gives before it
//! finds damage depends on how much it got with it, and a repeat must come to the same
//! (`damage_costs_the_same_however_the_body_is_cut`).

use std::io::Write as _;

use bytes::{Buf as _, Bytes, BytesMut};
use flate2::write::MultiGzDecoder;

use crate::error::Refusal;

const MAGIC: [u8; 2] = [0x1f, 0x8b];
/// Compressed bytes in a block. Deflate makes 1032 times as much of them at most, so a megabyte.
const BLOCK_BYTES: usize = 1024;
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
    Gzip(Gzip),
    /// What of a block is left after damage was found.
    Damaged(Bytes),
    Plain,
}

struct Gzip {
    decoder: Box<MultiGzDecoder<Vec<u8>>>,
    /// The block that is being filled, and then taken.
    block: BytesMut,
    is_filling: bool,
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
        loop {
            match &mut self.state {
                State::Start(first) => match (*first, input.first(), input.get(1)) {
                    (_, None, _) => return Ok(None),
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
                State::Damaged(rest) => {
                    let rest = std::mem::take(rest);
                    self.state = State::Plain;
                    return Ok(Some(Output::Plain(rest)));
                }
                State::Plain => {
                    return Ok(Some(std::mem::take(input))
                        .filter(|plain| !plain.is_empty())
                        .map(Output::Plain));
                }
                State::Gzip(gzip) => {
                    if gzip.is_filling {
                        let some = input.split_to(input.len().min(BLOCK_BYTES - gzip.block.len()));
                        gzip.block.extend_from_slice(&some);
                        self.received += some.len() as u64;
                        if gzip.block.len() < BLOCK_BYTES {
                            return Ok(None);
                        }
                        gzip.is_filling = false;
                    }
                    if let Some(output) = self.inflate()? {
                        return Ok(Some(output));
                    }
                    if let State::Gzip(gzip) = &mut self.state {
                        gzip.is_filling = gzip.block.is_empty();
                    }
                }
            }
        }
    }

    /// What the end of the body makes known; to be called until it gives `None`.
    pub(super) fn end(&mut self) -> Result<Option<Output>, Refusal> {
        match &mut self.state {
            State::Start(Some(only)) => {
                let plain = Bytes::copy_from_slice(&[*only]);
                self.state = State::Plain;
                Ok(Some(Output::Plain(plain)))
            }
            State::Damaged(rest) => {
                let rest = std::mem::take(rest);
                self.state = State::Plain;
                Ok(Some(Output::Plain(rest)))
            }
            State::Start(None) | State::Plain => Ok(None),
            State::Gzip(gzip) => {
                gzip.is_filling = false;
                if let Some(output) = self.inflate()? {
                    return Ok(Some(output));
                }
                let State::Gzip(gzip) = &mut self.state else { return Ok(None) };
                let result = gzip.decoder.try_finish();
                let plain = std::mem::take(gzip.decoder.get_mut());
                if !plain.is_empty() {
                    return self.produce(plain).map(Some);
                }
                self.state = State::Plain;
                // Cut off, or the checksum does not fit.
                Ok(result.is_err().then_some(Output::Damaged))
            }
        }
    }

    fn open(&mut self, first: Option<u8>) {
        let decoder = Box::new(MultiGzDecoder::new(Vec::with_capacity(GIVE_BYTES)));
        let mut block = BytesMut::with_capacity(BLOCK_BYTES);
        block.extend(first);
        self.received += block.len() as u64;
        self.state = State::Gzip(Gzip { decoder, block, is_filling: true });
    }

    /// Takes the block that is there, as far as the plain bytes are not too many. Once there is damage, what of the block
    /// was not taken comes as it is.
    fn inflate(&mut self) -> Result<Option<Output>, Refusal> {
        let State::Gzip(Gzip { decoder, block, .. }) = &mut self.state else { return Ok(None) };
        let mut damaged = false;
        while !block.is_empty() && decoder.get_ref().len() < GIVE_BYTES {
            match decoder.write(block) {
                Ok(taken) if taken > 0 => block.advance(taken),
                _ => {
                    // Asked again, it gives what it had before it found the damage, and takes nothing more.
                    damaged = decoder.write(block).is_err();
                    break;
                }
            }
        }
        let plain = std::mem::take(decoder.get_mut());
        if !plain.is_empty() {
            return self.produce(plain).map(Some);
        }
        if damaged {
            let rest = std::mem::take(block).freeze();
            self.state = State::Damaged(rest);
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
