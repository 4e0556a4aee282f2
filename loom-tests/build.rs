//! Compiles `../src/lib.rs` a second time, against loom, without touching anybody's RUSTFLAGS.

fn main() {
    println!("cargo::rustc-cfg=flightdeck_loom");
    println!("cargo::rustc-check-cfg=cfg(flightdeck_loom)");
    println!("cargo::rustc-check-cfg=cfg(feature, values(any()))");
    println!("cargo::rerun-if-changed=build.rs");
}
