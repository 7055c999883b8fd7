//! What AWS sends about access keys, from four services. EventBridge, SNS or a file bring it.

pub(super) mod cloudtrail;
pub(super) mod guardduty;
pub(super) mod health;
mod keys;
pub(super) mod security_hub;
mod uses;
