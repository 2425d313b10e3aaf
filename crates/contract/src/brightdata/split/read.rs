//! The forms of a body, and the way from one to the next.

use memchr::memchr;

use super::{
    super::{
        csv::Row,
        scan::{Scanner, Step},
    },
    Element, Found, Mode, Spill, Splitter,
    element::{self, Head},
};
use crate::{Code, code};

/// Every part of a CSV body begins with the header row, so it has an end.
const HEADER_MAX_BYTES: usize = 64 * 1024;

impl Splitter {
    /// Takes some of the input, at least a byte or a change of the mode.
    pub(super) fn read(&mut self, input: &mut &[u8]) -> Option<Found> {
        match self.mode {
            Mode::Start => self.start(input),
            Mode::Elements { .. } => self.elements(input),
            Mode::Object(_) => self.object(input),
            Mode::AfterObject { .. } => self.after_object(input),
            Mode::Lines => self.lines(input),
            Mode::Values(_) => self.values(input),
            Mode::Tail(_) => self.tail(input),
            Mode::Csv { .. } => self.csv(input),
            Mode::End => {
                match skip_space(input)? {
                    // What was written by several hands comes as several arrays.
                    b'[' => self.open(input),
                    _ => self.break_off(),
                }
                None
            }
            Mode::Broken => {
                let some = input.len().min(super::FRAGMENT_BYTES);
                self.take(input, some);
                None
            }
        }
    }

    fn start(&mut self, input: &mut &[u8]) -> Option<Found> {
        const BYTE_ORDER_MARK: [u8; 3] = [0xef, 0xbb, 0xbf];
        while input.first().is_some_and(|byte| byte.is_ascii_whitespace() || BYTE_ORDER_MARK.contains(byte)) {
            advance(input, 1);
        }
        match input.first()? {
            b'[' => self.open(input),
            b'{' => self.mode = Mode::Object(Scanner::first_object()),
            _ if self.takes_csv => self.mode = Mode::Csv { row: Row::default(), has_header: false },
            _ => self.break_off(),
        }
        None
    }

    fn elements(&mut self, input: &mut &[u8]) -> Option<Found> {
        let Mode::Elements { state, wrapped } = &mut self.mode else { return None };
        match state {
            Element::Expected => match skip_space(input)? {
                b'{' | b'[' | b'"' => *state = Element::Inside(Scanner::default()),
                b']' => self.close(input),
                byte if is_scalar(byte) => *state = Element::Scalar,
                _ => self.break_off(),
            },
            Element::Scalar => {
                let length = input.iter().position(|byte| !is_scalar(*byte));
                if length.is_some() {
                    self.mode = Mode::Elements { state: Element::After, wrapped: *wrapped };
                }
                self.take(input, length.unwrap_or(input.len()));
                if length.is_some() {
                    return self.element(0);
                }
                self.check_size();
            }
            Element::Inside(scanner) => {
                let step = scanner.scan(input);
                let deepest = scanner.deepest();
                if let Step::Done(length) = step {
                    self.mode = Mode::Elements { state: Element::After, wrapped: *wrapped };
                    self.take(input, length);
                    return self.element(deepest);
                }
                self.go_on(input, step);
            }
            Element::After => match skip_space(input)? {
                b',' => {
                    advance(input, 1);
                    *state = Element::Expected;
                }
                b']' => self.close(input),
                _ => self.break_off(),
            },
        }
        None
    }

    /// The beginning of an array of records.
    fn open(&mut self, input: &mut &[u8]) {
        advance(input, 1);
        self.mode = Mode::Elements { state: Element::Expected, wrapped: false };
    }

    /// The end of the array.
    fn close(&mut self, input: &mut &[u8]) {
        advance(input, 1);
        let wrapped = matches!(self.mode, Mode::Elements { wrapped: true, .. });
        self.mode = if wrapped { Mode::Tail(Scanner::inside_object()) } else { Mode::End };
    }

    fn object(&mut self, input: &mut &[u8]) -> Option<Found> {
        let Mode::Object(scanner) = &mut self.mode else { return None };
        match scanner.scan(input) {
            Step::Array(at) => {
                self.take(input, at);
                advance(input, 1);
                let head = element::head(&self.buffer);
                if let Head::Wrapper(notice) = head {
                    self.buffer.clear();
                    self.mode = Mode::Elements { state: Element::Expected, wrapped: true };
                    return Some(Found::Members(notice));
                }
                self.buffer.push(b'[');
                if let Mode::Object(scanner) = &mut self.mode {
                    // An object whose first `data` is its own has nothing to say with the next.
                    scanner.enter_array(matches!(head, Head::Other));
                }
                self.check_first_size();
            }
            Step::Done(length) => {
                let deepest = scanner.deepest();
                self.take(input, length);
                if self.check_first_size() {
                    return None;
                }
                let spans_lines = self.buffer.contains(&b'\n');
                // Nested too deeply is no reason to doubt where it ends.
                let valid = element::check_object(&self.buffer, 0).is_ok();
                self.mode = Mode::AfterObject { spans_lines, line_ended: false, deepest };
                if !valid {
                    self.retry_as_lines();
                }
            }
            Step::More => {
                self.take(input, input.len());
                self.check_first_size();
            }
            Step::Broken(at) => {
                self.take(input, at);
                if !self.check_first_size() {
                    self.retry_as_lines();
                }
            }
        }
        None
    }

    /// The first object was found not to be one. If its first line may be a bad line before good ones, lines are what
    /// the body is read as; an object that spans lines has nothing but its bracket in the first.
    fn retry_as_lines(&mut self) {
        let first_line = self.buffer.split(|byte| *byte == b'\n').next().unwrap_or_default();
        if first_line.trim_ascii() == b"{" {
            self.break_off();
        } else {
            self.mode = Mode::Lines;
            self.again = std::mem::take(&mut self.buffer);
            self.again_at = 0;
        }
    }

    /// Whether the first object is larger than a record may be. Lines know what to do with it.
    fn check_first_size(&mut self) -> bool {
        let is_large = self.buffer.len() > self.record_max;
        if is_large {
            self.retry_as_lines();
        }
        is_large
    }

    fn after_object(&mut self, input: &mut &[u8]) -> Option<Found> {
        let Mode::AfterObject { spans_lines, line_ended, deepest } = &mut self.mode else { return None };
        while let Some(byte) = input.first().filter(|byte| byte.is_ascii_whitespace()) {
            *line_ended |= *byte == b'\n';
            advance(input, 1);
        }
        let next = *input.first()?;
        let deepest = *deepest;
        self.mode = match (*spans_lines, *line_ended) {
            (true, _) => Mode::Values(None),
            (false, true) => Mode::Lines,
            (false, false) if next == b'{' => Mode::Values(None),
            // More than an object in the first line.
            (false, false) => {
                self.retry_as_lines();
                return None;
            }
        };
        Some(self.judge(element::check_object(&self.buffer, deepest)))
    }

    fn lines(&mut self, input: &mut &[u8]) -> Option<Found> {
        let Some(length) = memchr(b'\n', input) else {
            self.take(input, input.len());
            self.check_size();
            return None;
        };
        self.take(input, length);
        advance(input, 1);
        self.line()
    }

    pub(super) fn line(&mut self) -> Option<Found> {
        if self.is_oversized() {
            return None;
        }
        let start = self.buffer.len() - self.buffer.trim_ascii_start().len();
        let end = self.buffer.trim_ascii_end().len();
        let Some(line) = self.buffer.get(start..end).filter(|line| !line.is_empty()) else {
            self.buffer.clear();
            return None;
        };
        Some(match element::check_line(line) {
            Ok(()) => Found::Record(start..end, true),
            Err(code) => Found::Rejected(code, start..end),
        })
    }

    fn values(&mut self, input: &mut &[u8]) -> Option<Found> {
        let Mode::Values(scanner) = &mut self.mode else { return None };
        let Some(open) = scanner else {
            match skip_space(input)? {
                b'{' | b'[' => *scanner = Some(Scanner::default()),
                _ => self.break_off(),
            }
            return None;
        };
        let step = open.scan(input);
        let deepest = open.deepest();
        if let Step::Done(length) = step {
            self.mode = Mode::Values(None);
            self.take(input, length);
            return self.element(deepest);
        }
        self.go_on(input, step);
        None
    }

    fn tail(&mut self, input: &mut &[u8]) -> Option<Found> {
        let Mode::Tail(scanner) = &mut self.mode else { return None };
        let step = scanner.scan(input);
        let Step::Done(length) = step else {
            self.go_on(input, step);
            return None;
        };
        self.take(input, length);
        self.mode = Mode::End;
        if self.is_oversized() {
            return None;
        }
        Some(match element::wrapper_tail(&self.buffer) {
            Some(notice) => {
                self.buffer.clear();
                Found::Members(Box::new(notice))
            }
            None => Found::Rejected(code::UNEXPECTED_SHAPE, 0..self.buffer.len()),
        })
    }

    fn csv(&mut self, input: &mut &[u8]) -> Option<Found> {
        let Mode::Csv { row, .. } = &mut self.mode else { return None };
        let Some(length) = row.end(input) else {
            self.take(input, input.len());
            self.check_size();
            return None;
        };
        self.take(input, length);
        advance(input, 1);
        self.row()
    }

    pub(super) fn row(&mut self) -> Option<Found> {
        let Mode::Csv { has_header, .. } = &mut self.mode else { return None };
        let is_header = !std::mem::replace(has_header, true);
        self.check_size();
        if is_header && (self.spill.is_some() || self.buffer.len() > HEADER_MAX_BYTES) {
            // Rows mean nothing without it.
            self.break_off();
            return None;
        }
        if self.is_oversized() {
            return None;
        }
        let end = self.buffer.strip_suffix(b"\r").unwrap_or(&self.buffer).len();
        if self.buffer.trim_ascii().is_empty() {
            if let Mode::Csv { has_header, .. } = &mut self.mode {
                *has_header = !is_header;
            }
            self.buffer.clear();
            return None;
        }
        Some(match std::str::from_utf8(&self.buffer) {
            Ok(_) if is_header => Found::Header(0..end),
            Ok(_) => Found::Record(0..end, false),
            Err(_) => Found::Rejected(code::MALFORMED, 0..end),
        })
    }

    /// The element in the buffer, which is complete.
    fn element(&mut self, deepest: usize) -> Option<Found> {
        if self.is_oversized() {
            return None;
        }
        Some(self.judge(element::check_object(&self.buffer, deepest)))
    }

    fn judge(&self, verdict: Result<(), Code>) -> Found {
        let whole = 0..self.buffer.len();
        match verdict {
            Ok(()) => Found::Record(whole, true),
            Err(code) => Found::Rejected(code, whole),
        }
    }

    /// What a value that is not complete makes of the piece.
    fn go_on(&mut self, input: &mut &[u8], step: Step) {
        match step {
            Step::Broken(at) => {
                self.take(input, at);
                self.check_size();
                self.break_off();
            }
            Step::More | Step::Array(_) | Step::Done(_) => {
                self.take(input, input.len());
                self.check_size();
            }
        }
    }

    /// Lets an element leave in fragments once it is larger than a record may be.
    fn check_size(&mut self) {
        if self.spill.is_none() && self.buffer.len() > self.record_max {
            self.spill = Some(Spill { code: code::EVENT_TOO_LARGE, is_first: true, has_ended: false });
        }
    }

    /// Whether the complete element leaves in fragments.
    fn is_oversized(&mut self) -> bool {
        self.check_size();
        if let Some(spill) = &mut self.spill {
            spill.has_ended = true;
        }
        self.spill.is_some()
    }

    /// From what is in the buffer on, nothing is a record any more.
    pub(super) fn break_off(&mut self) {
        self.mode = Mode::Broken;
        if self.spill.is_none() {
            self.spill = Some(Spill { code: code::MALFORMED, is_first: true, has_ended: false });
        }
    }

    /// What the end of the body means. Changes the mode to [`Mode::End`] when nothing more can come.
    pub(super) fn at_end(&mut self) -> Option<Found> {
        match &self.mode {
            Mode::Object(_) => {
                if !self.check_first_size() {
                    self.retry_as_lines();
                }
                None
            }
            Mode::AfterObject { deepest, .. } => {
                let verdict = element::check_object(&self.buffer, *deepest);
                self.mode = Mode::End;
                let whole = 0..self.buffer.len();
                Some(match verdict {
                    Ok(()) => Found::Object(whole),
                    Err(code) => Found::Rejected(code, whole),
                })
            }
            Mode::Lines => {
                let found = self.line();
                self.mode = Mode::End;
                found
            }
            Mode::Csv { .. } => {
                let found = self.row();
                self.mode = Mode::End;
                found
            }
            Mode::Elements { .. } | Mode::Values(Some(_)) | Mode::Tail(_) => {
                self.break_off();
                None
            }
            Mode::Broken => {
                if let Some(spill) = &mut self.spill {
                    spill.has_ended = true;
                }
                self.mode = Mode::End;
                None
            }
            Mode::Start | Mode::Values(None) | Mode::End => {
                self.mode = Mode::End;
                None
            }
        }
    }

    /// Moves bytes from the input to the buffer.
    fn take(&mut self, input: &mut &[u8], length: usize) {
        let (taken, rest) = input.split_at_checked(length).unwrap_or((input, &[]));
        self.buffer.extend_from_slice(taken);
        *input = rest;
    }
}

fn advance(input: &mut &[u8], length: usize) {
    *input = input.get(length..).unwrap_or_default();
}

/// The next byte that is no white space, which is not taken.
fn skip_space(input: &mut &[u8]) -> Option<u8> {
    *input = input.trim_ascii_start();
    input.first().copied()
}

/// Whether the byte may be part of a number or a word.
fn is_scalar(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'+' | b'.')
}
