//! An exposure as a list of the report names it.

use serde::Serialize;

use super::context::Context;
use super::row::Row;

/// Further names of a credential that a table shows.
const SHOWN_MAX: usize = 8;

/// An exposure, and the names of its credential.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Named {
    /// Which.
    pub exposure_id: String,
    /// The name of its credential that people know best.
    pub known_as: String,
    /// The further names, the better-known first.
    pub other_names: Vec<String>,
}

impl Named {
    pub(super) fn of(row: &Row, context: &Context<'_>) -> Named {
        let names = context.rows.known_as(row, context.names);
        Named {
            exposure_id: context.rows.exposure_id(row).to_string(),
            known_as: names.best.to_owned(),
            other_names: names.others.into_iter().map(str::to_owned).collect(),
        }
    }

    /// As a table shows it: the best-known name first where there are several.
    pub fn shown(&self) -> String {
        if self.other_names.is_empty() {
            return self.exposure_id.clone();
        }
        // The exposure is named by the smallest one already.
        let id = self.other_names.iter().chain([&self.known_as]).min();
        let others: Vec<&str> =
            self.other_names.iter().filter(|name| Some(*name) != id).map(String::as_str).collect();
        let mut text = format!("{} ({}", self.known_as, self.exposure_id);
        if !others.is_empty() {
            text.push_str("; also ");
            text.push_str(&others[..others.len().min(SHOWN_MAX)].join(", "));
        }
        if others.len() > SHOWN_MAX {
            text.push_str(&format!(" and {} more", others.len() - SHOWN_MAX));
        }
        text.push(')');
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(known_as: &str, other_names: &[&str]) -> String {
        let other_names = other_names.iter().map(|name| (*name).to_owned()).collect();
        let exposure_id = "secret_exposure/AKIA1/1".to_owned();
        Named { exposure_id, known_as: known_as.to_owned(), other_names }.shown()
    }

    #[test]
    fn the_best_known_name_comes_first_and_the_exposure_stays_findable() {
        assert_eq!(named("AKIA1", &[]), "secret_exposure/AKIA1/1");
        assert_eq!(named("SEC-42", &["AKIA1"]), "SEC-42 (secret_exposure/AKIA1/1)");
        assert_eq!(
            named("SEC-42", &["gg:31605", "AKIA1"]),
            "SEC-42 (secret_exposure/AKIA1/1; also gg:31605)"
        );
        let many: Vec<String> = (10..20).map(|n| format!("b{n}")).collect();
        let many: Vec<&str> = many.iter().map(String::as_str).chain(["AKIA1"]).collect();
        assert!(
            named("SEC-42", &many)
                .ends_with("; also b10, b11, b12, b13, b14, b15, b16, b17 and 2 more)")
        );
    }
}
