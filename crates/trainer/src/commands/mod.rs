//! One file per command: parsed arguments in, text or JSON out. Only this module prints.

pub mod backends;
pub mod config;
pub mod data;
pub mod data_import;
pub mod data_audit;
pub mod evaluate;
pub mod export;
pub mod gallery;
pub mod import;
pub mod predict;
pub mod progress;
pub mod report;
pub mod find_lr;
pub mod runs;
pub mod compare;
pub mod verify;
pub mod repeat;
mod table;
pub mod saved;
mod signals;
pub mod terminal;
pub mod train;
pub mod summary;
pub mod resume;
pub mod sweep;
mod board;
