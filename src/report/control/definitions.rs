//! The words of the report, for those who do not live with them.

/// A word and what it means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Definition {
    /// The word.
    pub word: &'static str,
    /// What it means.
    pub meaning: &'static str,
}

/// All words, in the order in which the report uses them.
pub const ALL: &[Definition] = &[
    Definition {
        word: "Exposure",
        meaning: "One leak of one credential: from the moment it became public, or was detected where that moment is \
                  not known, to the moment it was made useless or found not to matter. It belongs to the period in \
                  which it was detected, whenever it ended.",
    },
    Definition {
        word: "Incident",
        meaning: "One act that exposed credentials, such as one commit. Its exposures share their fate and count as one \
                  observation in bounds. Where sources name no incident, exposures of one source, owner and place with \
                  less than five minutes between detections are one, and so are those decided in one batch.",
    },
    Definition {
        word: "Effective review",
        meaning: "A person decided in time by the workflow's target, and by a meaningful review. The section “In time, and \
                  where not” lists the targets. Handing a case on is no decision.",
    },
    Definition {
        word: "Effective review rate",
        meaning: "The share of effective reviews among all exposures old enough for their review to be due. An exposure \
                  that nobody decides about counts against it. It is a range: its lower end takes what is not known (the \
                  time of exposure, whether a decision was a review, a judgement that has not come) as not effective, its \
                  upper end as effective. Better data make it narrower, not better.",
    },
    Definition {
        word: "Attackers' law",
        meaning: "How soon attackers try a cloud key that has become public. Published are 9 minutes in the fastest cases and \
                  17 on average (measured by Entro, published by NHIMG), and these are used unless others are asked for. The \
                  section “Was the attacker first?” states the times that this report uses. In some places attackers are \
                  faster, and a place can have a curve of its own.",
    },
    Definition {
        word: "Ahead, contested, behind",
        meaning: "Decided in time; neither in time nor late; late, by the workflow's targets.",
    },
    Definition {
        word: "Bounds, interval",
        meaning: "The range that the true figure would lie in for 95 of 100 such reports. Few incidents make it wide. It \
                  covers chance alone, not wrong clocks or missing data. Exposures of one incident are taken together.",
    },
    Definition {
        word: "Better, worse, unclear",
        meaning: "Better or worse is said only if the bounds of the difference to the previous period exclude its \
                  opposite, whatever is not known. Unclear means that chance alone, or what is not known, could have made \
                  the difference.",
    },
    Definition {
        word: "Kaplan–Meier curve",
        meaning: "The share of exposures still waiting for a decision as time goes by. Exposures that are still \
                  undecided count for as long as they were watched. A mean over decided cases leaves them out, and \
                  looks best for those who never decide the worst ones.",
    },
    Definition {
        word: "Number at risk",
        meaning: "How many exposures the curve still rests on at that time. Where it is small the curve is uncertain.",
    },
    Definition {
        word: "Attacker first",
        meaning: "The chance that an attacker came before the decision and before the credential was contained, which ends \
                  the race. What becomes of undecided exposures is not known, so it is a range: at its upper end all of \
                  them are lost. Two laws stand side by side, because published figures disagree on how soon the fastest \
                  attackers come.",
    },
    Definition {
        word: "Credentials expected to be used",
        meaning: "The chances of all exposures added up, each up to its containment, else its decision, else now, if every \
                  leaked key is tried. It is an expectation, not a count of attacks. Attackers that were seen are told \
                  apart.",
    },
    Definition {
        word: "Hollow, meaningful, unassessed",
        meaning: "A decision is hollow if the events themselves show that it cannot have been a review: less time than \
                  reading takes, evidence never opened, no authority, one's own request, or the same reasons again and \
                  again. It is meaningful if none of these is there and there was something to judge it by. That is no \
                  proof of care. It is unassessed if there was nothing to judge it by.",
    },
    Definition {
        word: "Certificate",
        meaning: "One such sign of one decision. It can be checked by hand from the events that it names.",
    },
    Definition {
        word: "Planted case",
        meaning: "A case whose advice was made wrong on purpose, to see whether the reviewer challenges it. The share \
                  caught is the best that can be hoped for in real cases, not what happens there.",
    },
    Definition {
        word: "Sensitivity d′ and criterion c",
        meaning: "d′ tells how well right and wrong advice are told apart (0: not at all, 2: well). c tells which way \
                  the reviewer leans: above 0 towards agreeing. Little d′ suggests missing context; good d′ with a high \
                  c suggests missing time or authority to say no.",
    },
    Definition {
        word: "Flagged reviewer, false discovery rate",
        meaning: "A reviewer whose decisions of the period would be very unlikely if the allowed limits had been kept. \
                  A false discovery rate of 5 % means that on average at most one in twenty of those on a list is there \
                  by chance. A flag is a reason to look, never a finding of fault. Reviewers appear by pseudonym; in a \
                  group too small to hide in, nothing is told.",
    },
    Definition {
        word: "e-value",
        meaning: "How strongly the evidence speaks against \"within the limits\": 20 means that it would come about by \
                  chance at most once in twenty. It grows with the number of decisions and is not a score.",
    },
    Definition {
        word: "Boundary violation",
        meaning: "An AI revoked, rotated or quarantined, or decided so, before any person had decided. A provider's \
                  automatic quarantine is none.",
    },
    Definition {
        word: "What ended the wait (Aalen–Johansen)",
        meaning: "The share of exposures that a person decided about first, that were contained before any person \
                  decided, and in which an attacker was seen before both, as time goes by; those still waiting are \
                  counted in. The ledger does not say who contained: a provider, a machine, or a person without a \
                  recorded decision.",
    },
    Definition {
        word: "Owner",
        meaning: "Who answers for the credential, as the last event that says so has it.",
    },
    Definition {
        word: "Stretch without data",
        meaning: "Time in which nothing came, or no decision while exposures were detected, for longer than chance \
                  explains. There may have been nobody at work, or no data: the ledger cannot tell which. Exposures \
                  in it look undecided.",
    },
    Definition {
        word: "Ledger, record",
        meaning: "The ledger holds one record per exposure, which is written anew when something changes; the last one \
                  counts. Records hold no secrets.",
    },
    Definition {
        word: "SHA-256",
        meaning: "A fingerprint of data: change one letter and it is another. The report names the fingerprints of what \
                  it was computed from, so that anybody with the ledger can check that it is the same.",
    },
];
