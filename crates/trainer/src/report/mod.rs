//! HTML pages of a run, several runs, a sweep, a range test or an audit, with charts as SVG.
//!
//! [`contents`] reads the content; a page is a function of it. The commands write the files.

pub mod contents;
pub mod run_page;
mod tested;
pub mod comparison_page;
pub mod sweep_page;
pub mod range_test_page;
pub mod audit_page;
pub mod chart;
pub mod curves;
pub mod band;
mod checks;
mod reliability_svg;
mod html;
