//! From bytes to events: framing of files and streams, and the decoder of each format.

mod canary;
mod fixtures;
mod hostile;
mod input;
mod maps;
mod mutations;
#[path = "../engine/seeded.rs"]
mod seeded;
