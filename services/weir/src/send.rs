//! `weir send`: real deliveries of a provider's shape.

pub(crate) mod brightdata;
pub(crate) mod c2s;
pub(crate) mod instagram;
mod load;
mod summary;
pub(crate) mod usage;

use std::{io::Read as _, path::PathBuf};

use anyhow::Context as _;

use crate::failure::Failure;

#[derive(Debug, clap::Subcommand)]
pub(crate) enum Verb {
    /// Contact2Sale: leads.
    #[command(after_help = c2s::EXAMPLES)]
    C2s(c2s::Args),
    /// Instagram: messages, comments and the rest, signed as Meta signs them.
    #[command(after_help = instagram::EXAMPLES)]
    Instagram(instagram::Args),
    /// Bright Data: deliveries of records, and notifications.
    #[command(after_help = brightdata::EXAMPLES)]
    Brightdata(brightdata::Args),
    /// Usage reports of an application.
    #[command(after_help = usage::EXAMPLES)]
    Usage(usage::Args),
}

/// A body that is given, instead of a sample.
#[derive(Debug, clap::Args)]
pub(crate) struct Given {
    /// The body is this file, byte for byte.
    #[arg(long, value_name = "FILE", conflicts_with = "stdin")]
    file: Option<PathBuf>,
    /// `-`: the body is standard input.
    #[arg(value_name = "-", value_parser = ["-"], hide_possible_values = true)]
    stdin: Option<String>,
}

impl Given {
    /// Its bytes; `None`: a sample is wanted.
    fn read(&self) -> Result<Option<Vec<u8>>, Failure> {
        let read = match (&self.file, &self.stdin) {
            (Some(file), _) => std::fs::read(file).with_context(|| format!("cannot read {}", file.display())),
            (None, Some(_)) => {
                let mut bytes = Vec::new();
                let read = std::io::stdin().read_to_end(&mut bytes);
                read.map(|_| bytes).context("cannot read standard input")
            }
            (None, None) => return Ok(None),
        };
        read.map(Some).map_err(Failure::usage)
    }
}
