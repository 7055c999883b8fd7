//! What people and machines see of a running program: the HTTP server, the board, the demo.

mod demo;
mod http;
