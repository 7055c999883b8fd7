//! The engine: windows, figures and oversight, compared with plain second computations, and
//! driven as by a live run.

mod bounds;
mod clock_jumps;
mod histogram;
mod identity;
mod ledger_threads;
mod million;
mod oracle;
mod oversight_agreement;
mod oversight_rates;
mod oversight_reference;
mod oversight_stage;
mod oversight_stories;
mod records_written;
mod review_due;
mod seeded;
mod summary;
mod survival;
mod windows_alerts;
mod windows_bounds;
mod windows_checkpoint;
mod windows_judged;
mod windows_late;
mod windows_live;
mod windows_memory;
mod windows_properties;
mod windows_rules;
mod windows_unjoined;
