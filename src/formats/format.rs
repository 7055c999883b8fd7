//! The formats by their names.

use crate::event::words;

words! {
    /// The formats a record can have.
    Format {
        /// Recognise each record by itself.
        Auto = "auto",
        /// One flat JSON object, the project's own.
        Native = "native",
        /// CloudEvents 1.0, structured, around any of the others.
        CloudEvents = "cloudevents",
        /// GitHub `secret_scanning_alert` webhooks.
        Github = "github",
        /// gitleaks v8 findings.
        Gitleaks = "gitleaks",
        /// TruffleHog v3 findings.
        Trufflehog = "trufflehog",
        /// AWS Health `RISK` events and GuardDuty findings from EventBridge.
        Eventbridge = "eventbridge",
    }
}
