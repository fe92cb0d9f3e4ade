//! What the commands print, and where.

mod pipes;
mod summary;
mod terminal;
