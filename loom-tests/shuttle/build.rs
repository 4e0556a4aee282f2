//! Compiles `../../src/lib.rs` once more, against shuttle, without touching anybody's RUSTFLAGS.

fn main() {
    println!("cargo::rustc-cfg=flightdeck_shuttle");
    println!("cargo::rustc-check-cfg=cfg(flightdeck_shuttle)");
    println!("cargo::rustc-check-cfg=cfg(feature, values(any()))");
    println!("cargo::rerun-if-changed=build.rs");
}
