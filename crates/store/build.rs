//! Compiles the crate again when a migration is added: `sqlx::migrate!` only watches the files that it already knows.

fn main() {
    println!("cargo:rerun-if-changed=migrations");
}
