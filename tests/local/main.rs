//! The local runtime as its users meet it: a process, its HTTP address, its file.

mod equal;
mod files;
mod kills;
mod process;
mod receivers;
