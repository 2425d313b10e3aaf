use base64::{Engine as _, engine::general_purpose::STANDARD};
use flate2::{Compression, write::GzEncoder};
use proptest::prelude::*;
use sha2::{Digest as _, Sha256};

use super::*;

const CAPS: Caps = Caps { bytes: 64 * 1024 * 1024, ratio: 200 };

fn gzip(plain: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(plain).unwrap();
    encoder.finish().unwrap()
}

/// The plain bytes, whether they end in damage, and what follows it.
fn inflate(body: &[u8], caps: Caps, piece: usize) -> Result<(Vec<u8>, Option<Vec<u8>>), Refusal> {
    inflate_in(body, caps, || piece)
}

fn inflate_in(
    body: &[u8],
    caps: Caps,
    mut piece: impl FnMut() -> usize,
) -> Result<(Vec<u8>, Option<Vec<u8>>), Refusal> {
    let mut inflate = Inflate::new(caps);
    let (mut plain, mut rest) = (Vec::new(), None::<Vec<u8>>);
    let mut take = |output| match output {
        Output::Plain(bytes) => rest.as_mut().unwrap_or(&mut plain).extend_from_slice(&bytes),
        Output::Damaged => rest = Some(Vec::new()),
    };
    let mut left = Bytes::copy_from_slice(body);
    while !left.is_empty() {
        let mut input = left.split_to(piece().min(left.len()));
        while let Some(output) = inflate.next(&mut input)? {
            take(output);
        }
    }
    while let Some(output) = inflate.end()? {
        take(output);
    }
    Ok((plain, rest))
}

#[test]
fn the_vector_of_the_reference_inflates() {
    let body = STANDARD
        .decode("H4sIAAAAAAAC/4uuViotylGyUsooKSkottLXLy8v18vMKy5JTC9KzNVLzs/VL9B3THI2NDLWV9JRKsgvLonPTAGqNzY1QAOGQPmczOzUYiUrQ6PaWADdPnJzWgAAAA==")
        .unwrap();
    for piece in [1, 2, 3, 1000] {
        let (plain, rest) = inflate(&body, CAPS, piece).unwrap();
        assert_eq!((plain.len(), rest), (90, None), "{piece}");
        assert_eq!(
            hex::encode(Sha256::digest(&plain)),
            "98d29a7accffc6c83ed03aa50553bb63f56bc400848f3be44b1acbb73231ff76"
        );
    }
}

#[test]
fn what_is_not_gzip_is_as_it_is() {
    for body in [&b""[..], b"[", b"\x1f", b"\x1f\x8c{", b"[{\"id\":1}]"] {
        for piece in [1, 2, 100] {
            assert_eq!(inflate(body, CAPS, piece).unwrap(), (body.to_vec(), None), "{body:?}");
        }
    }
}

#[test]
fn several_members_are_one_body() {
    let body = [gzip(b"[{\"id\":1},"), gzip(b"{\"id\":2}]")].concat();
    for piece in [1, 7, 1000] {
        assert_eq!(inflate(&body, CAPS, piece).unwrap(), (b"[{\"id\":1},{\"id\":2}]".to_vec(), None));
    }
}

#[test]
fn damage_is_told_and_what_was_read_before_is_kept() {
    let plain: Vec<u8> = (0..200_000_u32).flat_map(|n| n.wrapping_mul(2_654_435_761).to_le_bytes()).collect();
    let whole = gzip(&plain);
    let (cut, rest) = inflate(&whole[..whole.len() - 9], CAPS, 1000).unwrap();
    assert!(plain.starts_with(&cut) && rest == Some(Vec::new()), "a body that ends early");
    let mut wrong = whole.clone();
    let checksum = wrong.len() - 8;
    wrong[checksum] ^= 1;
    assert_eq!(inflate(&wrong, CAPS, 1000).unwrap(), (plain.clone(), Some(Vec::new())), "a wrong checksum");
    let (read, rest) = inflate(&[&whole[..], b"trailing"].concat(), CAPS, 1000).unwrap();
    assert_eq!((read, rest.is_some()), (plain, true));
    let (read, rest) = inflate(b"\x1f\x8bnonsense", CAPS, 3).unwrap();
    assert!(read.is_empty() && rest.is_some());
}

#[test]
fn a_bomb_goes_off_nowhere() {
    let bomb = gzip(&vec![b' '; 80 * 1024 * 1024]);
    let refused = inflate(&bomb, CAPS, 64 * 1024).unwrap_err();
    assert!(matches!(refused, Refusal::TooCompressed { limit_ratio: 200 }), "{refused:?}");
    let refused = inflate(&bomb, Caps { ratio: 2_000, ..CAPS }, 64 * 1024).unwrap_err();
    assert!(matches!(refused, Refusal::TooLarge { limit_bytes: 67_108_864 }), "{refused:?}");
    let small = gzip(&vec![b' '; 8 * 1024 * 1024]);
    inflate(&small, CAPS, 64 * 1024).unwrap();
}

#[test]
fn no_output_is_larger_than_its_bound() {
    let mut input = Bytes::from(gzip(&vec![b' '; 20 * 1024 * 1024]));
    let mut inflate = Inflate::new(Caps { ratio: 2_000, ..CAPS });
    while let Some(output) = inflate.next(&mut input).unwrap() {
        assert!(matches!(&output, Output::Plain(plain) if plain.len() <= 2 * 1024 * 1024));
    }
}

proptest! {
    #[test]
    fn what_was_compressed_comes_back_however_it_is_cut(plain: Vec<u8>, piece in 1_usize..40) {
        prop_assert_eq!(inflate(&gzip(&plain), CAPS, piece).unwrap(), (plain, None));
    }

    #[test]
    fn damage_costs_the_same_however_the_body_is_cut(
        records in 1_u32..3_000,
        place: proptest::sample::Index,
        damage in 0..3,
        pieces in proptest::collection::vec(prop_oneof![1_usize..30, 1_usize..3_000], 1..6),
    ) {
        let lines: Vec<_> = (0..records).map(|n| format!("{{\"id\":{n},\"x\":{}}}\n", n.wrapping_mul(2_654_435_761))).collect();
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(lines.concat().as_bytes()).unwrap();
        // What follows a flush begins with the kind of the next block.
        encoder.flush().unwrap();
        let mut body = encoder.get_ref().clone();
        match damage {
            0 => body.extend_from_slice(&[0xff; 600]),
            1 => body.truncate(place.index(body.len())),
            _ => body = [encoder.finish().unwrap(), b"and more that is no gzip".to_vec()].concat(),
        }
        let whole = inflate_in(&body, CAPS, || usize::MAX).unwrap();
        let mut sizes = pieces.into_iter().cycle();
        prop_assert_eq!(inflate_in(&body, CAPS, || sizes.next().unwrap()).unwrap(), whole);
    }
}
