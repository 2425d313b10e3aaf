//! The store against a real PostgreSQL.

#![cfg(test)]

mod admission;
mod attempts;
mod burials;
mod dead_letters;
mod given;
mod handlings;
mod leads;
mod lists;
mod locks;
mod migrations;
mod older_queries;
mod outage;
mod people;
mod positions;
mod rate_limits;
mod replayed;
mod scrape_requests;
mod scraped;
mod turns;
mod verdicts;
