# Your message has buttons whose `action_id` is `shutterlag_` and one of these words, and whose
# `value` is the name of the credential, or an object in JSON:
#   {"credential_id": "AKIA…", "workflow": "secret_exposure", "recommendation": "revoke"}
# `open` is a look; `approve` decides what was recommended; `reject` dismisses it.
def known: {
  "revoke": "revoke", "rotate": "rotate", "quarantine": "quarantine", "dismiss": "dismiss",
  "monitor": "monitor", "escalate": "escalate"
};

(.user.id) as $who
| (.team.id // "") as $team
| .actions[]
| select((.action_id // "") | startswith("shutterlag_"))
| .action_id[11:] as $word
| (.value // "" | if startswith("{") then fromjson else { credential_id: . } end) as $case
| (.action_ts | time) as $time
| {
    id: "slack \($team) \($who) \(.action_ts) \($word)", time: $time,
    credential_id: $case.credential_id, workflow: $case.workflow, reviewer: $who
  } as $event
| if $word == "open" then $event + { type: "review.opened", evidence: "summary" }
  elif $word == "approve" then
    if $case.recommendation == null then error("`approve` needs a `recommendation` in the value of the button")
    else $event + { type: "decision.made", action: $case.recommendation, verdict: "approve" } end
  elif $word == "reject" then $event + { type: "decision.made", action: "dismiss", verdict: "reject" }
  elif known[$word] != null then $event + { type: "decision.made", action: known[$word] }
  else error("an `action_id` that begins with `shutterlag_` and does not go on with a known word") end
