# An item of an access review is one right of one account. Entra recommends to keep it (`Approve`) or
# to take it away (`Deny`); the reviewer decides the same. Keeping is `dismiss`, taking away `revoke`.
def action: {"approve": "dismiss", "deny": "revoke", "dontknow": "escalate"}[. // "" | ascii_downcase];

# Decisions that Entra takes by itself at the end have no person behind them.
def person: .userPrincipalName // .displayName // .id;
def automatic: . == null or .id == null or .id == "00000000-0000-0000-0000-000000000000" or .displayName == "AAD Access Review";

(.value // [.])[]
| . as $item
| "entra:\(.accessReviewId)/\(.id)" as $name
| (.instance.startDateTime // .instance.scheduledStartDateTime) as $start
| { credential_id: $name, workflow: "entitlement_review", source: "entra", owner: (.resource.displayName) } as $event
| (.reviewedDateTime | time) as $reviewed
| (if $start != null then $start | time else detected_at end) as $opened
| ($event + { type: "case.opened", id: "\($name) opened", time: $opened, started_at: ($start | time), items: 1 }),
  (if (.recommendation | action) != null then
    $event + {
      type: "triage.completed", id: "\($name) recommended", time: $opened,
      recommendation: (.recommendation | action), model: "entra-recommendation"
    }
  else empty end),
  (if (.decision | action) != null and $reviewed != null then
    $event + {
      type: "decision.made", id: "\($name) decided \($reviewed)", time: $reviewed, action: (.decision | action),
      reviewer: (if .reviewedBy | automatic then "entra" else .reviewedBy | person end),
      actor_kind: (if .reviewedBy | automatic then "automation" else "human" end),
      verdict: (if (.recommendation | action) == null then null
        elif .decision == .recommendation then "approve" else "reject" end),
      rationale_words: (.justification | words), rationale_digest: (.justification | digest)
    }
  else empty end)
