//! The repository agrees with itself: documents, rules and containers with the program, source files with the layers.

mod cardinality;
mod circles;
mod containers;
mod docs;
mod home;
mod layers;
mod manifest;
mod packages;
mod pages;
mod rules;
mod source;
