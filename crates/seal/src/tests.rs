use base64::{Engine as _, engine::general_purpose::STANDARD};
use proptest::prelude::*;

use super::*;

const PLACE: Place<'static> =
    Place { table: "instagram_subscriptions", column: "token_sealed", row: "17841400000000001" };

fn keyring(keys: &[(&str, u8)]) -> Keyring {
    let keys = keys.iter().map(|(id, byte)| format!("{id}:{}", STANDARD.encode([*byte; 32])));
    Keyring::new(&settings(keys)).unwrap()
}

fn settings(keys: impl IntoIterator<Item = String>) -> config::Seal {
    config::Seal { keys: config::List(keys.into_iter().map(|key| Secret::from(key.as_str())).collect()) }
}

#[test]
fn a_value_survives_a_change_of_keys() {
    let sealed = keyring(&[("2026-01", 1)]).seal(b"IGAA_invented_token_123", &PLACE);

    let both = keyring(&[("2026-02", 2), ("2026-01", 1)]);
    assert!(!both.is_current(&sealed));
    assert_eq!(both.open_text(&sealed, &PLACE).unwrap().expose(), "IGAA_invented_token_123");
    let again = both.seal(&both.open(&sealed, &PLACE).unwrap(), &PLACE);
    assert!(both.is_current(&again));

    let new_only = keyring(&[("2026-02", 2)]);
    assert_eq!(new_only.open_text(&again, &PLACE).unwrap().expose(), "IGAA_invented_token_123");
    assert_eq!(new_only.open(&sealed, &PLACE).unwrap_err(), OpenError::UnknownKey("2026-01".to_owned()));
}

#[test]
fn a_value_opens_in_its_own_place_only() {
    let keys = keyring(&[("a", 1)]);
    let sealed = keys.seal(b"secret", &PLACE);
    for elsewhere in [
        Place { row: "17841400000000002", ..PLACE },
        Place { column: "token", ..PLACE },
        Place { table: "hooks", ..PLACE },
        // The same letters, cut elsewhere.
        Place { column: "token_sealed1", row: "7841400000000001", ..PLACE },
    ] {
        assert_eq!(keys.open(&sealed, &elsewhere).unwrap_err(), OpenError::Forged);
    }
}

#[test]
fn another_key_under_the_same_id_does_not_open_it() {
    let sealed = keyring(&[("a", 1)]).seal(b"secret", &PLACE);
    assert_eq!(keyring(&[("a", 2)]).open(&sealed, &PLACE).unwrap_err(), OpenError::Forged);
}

#[test]
fn two_seals_of_one_value_have_nothing_in_common() {
    let keys = keyring(&[("a", 1)]);
    let (one, two) = (keys.seal(b"secret", &PLACE), keys.seal(b"secret", &PLACE));
    assert_ne!(one, two);
    assert!(!one.windows(6).any(|bytes| bytes == b"secret"));
}

#[test]
fn keys_that_cannot_be_used_are_refused_without_being_quoted() {
    let key = STANDARD.encode([7; 32]);
    for (keys, expected) in [
        (vec![], KeyError::Missing),
        (vec![key.clone()], KeyError::Invalid { position: 1 }),
        (vec![format!(":{key}")], KeyError::Invalid { position: 1 }),
        (vec![format!("a b:{key}")], KeyError::Invalid { position: 1 }),
        (vec![format!("a:{key}"), "b:c2hvcnQ=".to_owned()], KeyError::Invalid { position: 2 }),
        (vec![format!("a:{key}"), format!("a:{key}")], KeyError::Repeated { id: "a".to_owned() }),
    ] {
        let error = Keyring::new(&settings(keys)).unwrap_err();
        assert_eq!(error, expected);
        assert!(!error.to_string().contains(&key));
    }
    assert!(!format!("{:?}", keyring(&[("a", 7)])).contains(&key));
}

proptest! {
    #[test]
    fn any_value_opens_again_and_any_change_of_it_is_noticed(
        value in proptest::collection::vec(any::<u8>(), 0..200), at in any::<prop::sample::Index>(), bit in 0..8_u8,
    ) {
        let keys = keyring(&[("a", 1)]);
        let mut sealed = keys.seal(&value, &PLACE);
        prop_assert_eq!(&*keys.open(&sealed, &PLACE).unwrap(), &value);
        let at = at.index(sealed.len());
        sealed[at] ^= 1 << bit;
        prop_assert!(keys.open(&sealed, &PLACE).is_err());
    }

    #[test]
    fn bytes_that_nobody_sealed_never_open(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        prop_assert!(keyring(&[("a", 1)]).open(&bytes, &PLACE).is_err());
        prop_assert!(key_id(&bytes).is_none_or(|id| id.len() < bytes.len()));
    }
}
