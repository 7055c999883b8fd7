//! What people and machines see: the command line, the HTTP server, the board and the demo.

mod cli;
mod demo;
mod http;
