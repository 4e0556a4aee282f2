//! The machine against an independent model of OTP's rules, and under storms.

mod agrees;
mod cases;
mod oracle;
mod storm;
mod trees;
