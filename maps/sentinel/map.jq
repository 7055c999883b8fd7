# Each row is the incident as it was after one change.
def fields: if type == "string" and startswith("{") then fromjson elif type == "object" then . else {} end;

# `ModifiedBy` is "User - name", or the part of Microsoft's software that acted.
def actor:
  (. // "") as $by
  | ($by | ascii_downcase) as $lower
  | if $lower | startswith("user - ") then { reviewer: $by[7:], actor_kind: "human" }
    elif any("copilot", "agent"; . as $word | $lower | contains($word)) then { reviewer: $by, actor_kind: "ai" }
    else { reviewer: (if $by == "" then "sentinel" else $by end), actor_kind: "automation" } end;

def severity: {"high": "high", "medium": "medium", "low": "low", "informational": "low"}[. // "" | ascii_downcase];

def action: {
  "truepositive": "quarantine", "benignpositive": "dismiss", "falsepositive": "dismiss", "undetermined": "monitor"
}[. // "" | ascii_downcase];

(.records // [.])[]
| select(.Type == "SecurityIncident")
| . as $row
| "sentinel:\(.IncidentName)" as $name
| (.ModifiedBy | actor) as $actor
| {
    credential_id: $name, workflow: "soc_classification", source: "sentinel", severity: (.Severity | severity),
    owner: (.Owner | fields | .userPrincipalName)
  } as $event
| (.LastModifiedTime | time) as $changed
| (.CreatedTime | time) as $created
| ($event + {
    type: "case.opened", id: "\($name) opened", time: $created, started_at: (.FirstActivityTime | time)
  }),
  (if .Status == "Active" and $actor.actor_kind == "human" then
    $event + { type: "review.opened", id: "\($name) active \($changed)", time: $changed, reviewer: $actor.reviewer, evidence: "raw" }
  elif .Status == "Closed" then
    (.Classification | action) as $action
    | if $action == null then error("a closed incident has no known `Classification`")
      else $event + $actor + {
        type: "decision.made", id: "\($name) closed \(.ClosedTime // $changed | time)", time: (.ClosedTime // $changed | time),
        action: $action, rationale_words: (.ClassificationComment | words), rationale_digest: (.ClassificationComment | digest)
      } end
  else empty end)
