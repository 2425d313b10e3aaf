//! A list in a file is an array; in an environment variable it may also be `a,b,c`.

use std::ops::Deref;

use serde::{Deserialize, Deserializer, Serialize, de::DeserializeOwned};

/// A list setting: an array, or one string of comma-separated elements.
#[derive(Debug, Clone, Serialize, schemars::JsonSchema)]
#[serde(transparent)]
pub struct List<T>(pub Vec<T>);

impl<T> Default for List<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T> Deref for List<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        &self.0
    }
}

impl<'de, T: DeserializeOwned> Deserialize<'de> for List<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        use serde::de::{Error, IntoDeserializer};

        #[derive(Deserialize)]
        #[serde(untagged, expecting = "expected a list of texts")]
        enum Spelling {
            Array(Vec<Word>),
            Words(Word),
        }

        /// A word that the environment's own guesser may have taken for a number or a flag.
        #[derive(Deserialize)]
        #[serde(untagged, expecting = "expected a list of texts")]
        enum Word {
            Text(String),
            Integer(i64),
            Unsigned(u64),
            Flag(bool),
        }

        impl Word {
            fn into_text(self) -> String {
                match self {
                    Self::Text(text) => text,
                    Self::Integer(number) => number.to_string(),
                    Self::Unsigned(number) => number.to_string(),
                    Self::Flag(flag) => flag.to_string(),
                }
            }
        }

        let words: Vec<String> = match Spelling::deserialize(deserializer)? {
            Spelling::Array(words) => words.into_iter().map(Word::into_text).collect(),
            Spelling::Words(text) => text
                .into_text()
                .split(',')
                .map(str::trim)
                .filter(|word| !word.is_empty())
                .map(str::to_owned)
                .collect(),
        };
        let elements = words.into_iter().map(|word| T::deserialize(word.into_deserializer()));
        elements.collect::<Result<_, serde::de::value::Error>>().map(Self).map_err(D::Error::custom)
    }
}
