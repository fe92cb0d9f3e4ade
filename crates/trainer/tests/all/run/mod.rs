//! The folder of a run: found again, listed, damaged, come from elsewhere.

mod damage;
mod endings;
mod find;
mod golden;
mod list;
mod strangers;
