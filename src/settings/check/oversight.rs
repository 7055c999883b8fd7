//! `[oversight]`: the rules by which reviews are judged.

use super::Check;
use crate::config::OversightConfig;
use crate::settings::file::OversightTable;
use crate::settings::value::SpanText;
use crate::time::Span;

/// More ids of one person, or people with more than one, than any organisation has.
const ALIASES_MAX: usize = 100_000;

impl Check<'_> {
    pub(super) fn oversight(&mut self, table: &OversightTable) -> OversightConfig {
        let default = OversightConfig::default();
        let key = |name| ["oversight", name];
        let percent = self.whole(
            &key("false_discovery_percent"),
            table.false_discovery_percent,
            // The default is a whole number of them.
            (default.alpha * 100.0).round() as u32,
            1..=50,
        );
        let decisions = self.whole(
            &key("paging_decisions"),
            table.paging_decisions,
            default.paging_decisions as u32,
            20..=1_000_000,
        );
        let config = OversightConfig {
            alpha: f64::from(percent) / 100.0,
            paging_decisions: f64::from(decisions),
            all_truths: table.all_truths.unwrap_or(default.all_truths),
            delay: self.positive(&key("delay"), table.delay, default.delay),
            // Without one, decisions of a batch are judged apart.
            batch_hold: table.batch_hold.map_or(default.batch_hold, |SpanText(span)| span),
            reviewers_max: self.whole(
                &key("reviewers"),
                table.reviewers,
                default.reviewers_max,
                1..=10_000_000,
            ),
            small_group: self.whole(
                &key("small_group"),
                table.small_group,
                default.small_group,
                1..=1_000,
            ),
            aliases: table.aliases.clone().unwrap_or_default(),
            ..default
        };
        if config.aliases.len() > ALIASES_MAX {
            self.fault(&key("aliases"), format!("more than {ALIASES_MAX} aliases; remove some"));
        }
        if config.batch_hold < Span::ZERO || config.batch_hold > config.agreement.period {
            self.fault(&key("batch_hold"), "must not be longer than a day");
        } else if let Err(fault) = config.validate() {
            let field = if fault.field == "aliases" { &key("aliases")[..] } else { &["oversight"] };
            self.fault(field, fault.rule);
        }
        config
    }
}
