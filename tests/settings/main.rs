//! Configuration files: how they are read, checked, shown and documented.

mod check;
mod configurations;
mod docs;
