//! Generates the messages of `proto/`, with a protobuf compiler in Rust: no `protoc` is needed.

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/../../proto");
    println!("cargo:rerun-if-changed={root}");
    let files =
        protox::compile(["weir/results/v1/brightdata.proto", "weir/results/v1/dead_letter.proto"], [root])?;
    prost_build::Config::new().compile_fds(files)?;
    Ok(())
}
