//! Embeds the XDP object that `cargo xtask build` leaves in `target/ebpf/`, or nothing where there
//! is none, so that a bare `cargo build` needs no BPF toolchain.
//!
//! The result is `OUT_DIR/ebpf_object.rs` with `EBPF_OBJECT: &[u8]`, aligned to 64 bytes (an ELF
//! reader needs 8) and empty without a data path.

use std::{
    env, fs,
    io::{Error, ErrorKind, Result},
    path::PathBuf,
};

const GENERATED: &str = r#"#[repr(C, align(64))]
struct Aligned<T: ?Sized>(T);

static OBJECT: &Aligned<[u8]> = &Aligned(*include_bytes!(concat!(env!("OUT_DIR"), "/fabric-ebpf")));

/// The XDP programs as a BPF object file, aligned to 64 bytes; empty if built without a data path.
pub static EBPF_OBJECT: &[u8] = &OBJECT.0;
"#;

fn main() -> Result<()> {
    let folder = folder("CARGO_MANIFEST_DIR")?.join("../target/ebpf");
    // A watched *file* that is missing makes cargo run this at every build; an empty folder does not.
    fs::create_dir_all(&folder)?;
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed={}", folder.display());
    let object = match fs::read(folder.join("fabric-ebpf")) {
        Err(error) if error.kind() == ErrorKind::NotFound => Vec::new(),
        read => read?,
    };
    // A copy: what is compiled in is what was read here, also if xtask writes a new one meanwhile.
    let out = self::folder("OUT_DIR")?;
    fs::write(out.join("fabric-ebpf"), object)?;
    fs::write(out.join("ebpf_object.rs"), GENERATED)
}

/// A folder that cargo names in the environment of build scripts.
fn folder(variable: &str) -> Result<PathBuf> {
    env::var_os(variable)
        .map(PathBuf::from)
        .ok_or_else(|| Error::new(ErrorKind::NotFound, variable))
}
