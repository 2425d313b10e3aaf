//! The messages, made from `proto/weir/results/v1/`.

#![expect(clippy::doc_markdown, reason = "the generator's own comments")]

use contract::stream::brightdata::PROVIDER as BRIGHTDATA;

use crate::{Common, Outcome};

include!(concat!(env!("OUT_DIR"), "/weir.results.v1.rs"));

impl Outcome for DeliveryProcessed {
    const PROVIDER: &'static str = BRIGHTDATA;
    const WHAT: &'static str = "delivery_processed";
    const TYPE: &'static str = "weir.results.v1.DeliveryProcessed";
}

impl Outcome for ScrapeRequestChanged {
    const PROVIDER: &'static str = BRIGHTDATA;
    const WHAT: &'static str = "scrape_request_changed";
    const TYPE: &'static str = "weir.results.v1.ScrapeRequestChanged";
}

impl Common for DeadLetterRecorded {
    const WHAT: &'static str = "dead_letter";
    const TYPE: &'static str = "weir.results.v1.DeadLetterRecorded";
}
