# An item is one right of one identity. SailPoint recommends to keep it or to take it away, and the
# reviewer decides the same. Keeping is `dismiss`, taking away is `revoke`.
def action:
  . // "" | ascii_downcase
  | if . == "approve" or . == "approved" or . == "yes" then "dismiss"
    elif . == "revoke" or . == "revoked" or . == "deny" or . == "no" then "revoke"
    elif . == "acknowledge" or . == "acknowledged" then "monitor"
    else null end;

.certification as $certification
| ($certification.created | time) as $created
# Items carry no time of their own. What was decided is in force when the reviewer signs off.
| ($certification.signed | time) as $signed
| "sailpoint:\($certification.id)" as $batch
| .items[]
| . as $item
| "\($batch)/\(.id)" as $name
| {
    credential_id: $name, workflow: "entitlement_review", source: "sailpoint",
    owner: (.accessSummary.entitlement.owner.email // .accessSummary.access.name)
  } as $event
| (.recommendation.recommendation | action) as $advice
| (.decision | action) as $decision
| ($event + { type: "case.opened", id: "\($name) opened", time: $created, started_at: $created, items: 1, incident: $batch }),
  (if $advice == null then empty else
    $event + {
      type: "triage.completed", id: "\($name) recommended", time: (.recommendation.timestamp // $created | time),
      recommendation: $advice, model: "sailpoint-recommendation",
      summary_words: ([.recommendation.reasons[]? | words] | add)
    }
  end),
  (if $signed == null or .completed != true then empty
  elif $decision == null then error("an item that is completed has no known `decision`")
  else
    $event + {
      type: "decision.made", id: "\($name) decided \($signed)", time: $signed, action: $decision,
      reviewer: ($certification.reviewer.email // $certification.reviewer.name // error("the certification has no reviewer")),
      verdict: (if $advice == null then null elif $advice == $decision then "approve" else "reject" end),
      batch_id: $batch, batch_size: items,
      rationale_words: (.comments | words), rationale_digest: (.comments | digest)
    }
  end)
