//! The store against a real PostgreSQL.

#![cfg(test)]

mod admission;
mod given;
mod leads;
mod lists;
mod migrations;
mod older_queries;
mod outage;
mod scrape_requests;
mod scraped;
mod turns;
mod verdicts;
