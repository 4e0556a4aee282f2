//! Guide pages. There is no code in here but what the pages show, which is run with the tests.

#[doc = include_str!("choices.md")]
pub mod choices {}
#[cfg(all(feature = "log", feature = "metrics", feature = "tracing"))]
#[doc = include_str!("coming_from.md")]
pub mod coming_from {}
#[doc = include_str!("cookbook.md")]
pub mod cookbook {}
#[cfg(all(feature = "mapped", target_os = "linux"))]
#[doc = include_str!("three_in_the_morning.md")]
pub mod three_in_the_morning {}
