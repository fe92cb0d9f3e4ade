//! Pages of HTML: a run, several side by side, a sweep, a range test, with their charts as SVG.
//!
//! [`contents`] reads what pages show; a page is a function of that. Writing files is done by the commands.

pub mod contents;
pub mod run_page;
mod tested;
pub mod comparison_page;
pub mod sweep_page;
pub mod range_test_page;
pub mod chart;
pub mod band;
mod reliability_svg;
mod html;
