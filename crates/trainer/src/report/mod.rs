//! Pages of HTML: a run, several side by side, a sweep, a range test, with their charts as SVG.
//!
//! Text and pictures only; reading runs and writing files is done by the commands.

pub mod page;
mod tested;
pub mod comparison;
pub mod sweep;
pub mod range_test;
pub mod chart;
pub mod band;
mod reliability_svg;
mod html;
