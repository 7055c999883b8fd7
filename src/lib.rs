//! Measures the exposure windows of leaked credentials.

pub mod cli {
    //! One file per subcommand.
    pub mod simulate;
}
pub mod config;
pub mod event;
pub mod formats;
pub mod simulate;
pub mod time;
