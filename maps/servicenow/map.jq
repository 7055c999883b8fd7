# The field `correlation_id` holds the name of the credential, or several with commas between them.
# Without it the incident stands for itself.
def names($number): (. // "" | split(",") | map(trim | select(. != "")))
  | if length == 0 then ["servicenow:\($number)"] else . end;

# What the codes of closure decide. Copy this map to change it.
def decision: {
  "revoked": "revoke", "rotated": "rotate", "quarantined": "quarantine", "monitored": "monitor",
  "false positive": "dismiss", "not an issue": "dismiss", "duplicate": "dismiss", "no resolution provided": "dismiss"
}[. // "" | ascii_downcase];

# Accounts that are not people. `system` is the platform; its agents say `ai.` before their name.
def kind: if startswith("ai.") then "ai" elif . == "system" or startswith("svc.") then "automation" else "human" end;

def text: tostring | ascii_downcase;
def state:
  (.state | text) as $state
  | if $state == "2" or $state == "in progress" or $state == "analysis" then "working"
    elif $state == "6" or $state == "7" or $state == "resolved" or $state == "closed" then "closed"
    elif $state == "8" or $state == "cancelled" or $state == "canceled" then "cancelled"
    else "other" end;

. as $incident
| (.sys_updated_on | time) as $time
| (.sys_updated_by // "system") as $who
| ($who | kind) as $kind
| (.correlation_id | names($incident.number)) as $names
| state as $state
| $names[] as $name
| {
    credential_id: $name, source: "servicenow", time: $time, workflow: $incident.workflow,
    batch_id: (if ($names | length) > 1 then "servicenow:\($incident.number)" else null end)
  } as $event
| "servicenow \(.sys_id) \($state) \($time) \($name)" as $id
| if $state == "working" and $kind == "human" then
    $event + { type: "review.opened", id: $id, reviewer: $who, evidence: "raw" }
  elif $state == "closed" then
    (.close_code | decision) as $action
    | if $action == null then error("a closed incident has no known `close_code`")
      else $event + {
        type: "decision.made", id: $id, reviewer: $who, actor_kind: $kind, action: $action,
        rationale_words: (.close_notes | words), rationale_digest: (.close_notes | digest)
      } end
  elif $state == "cancelled" then
    $event + { type: "case.withdrawn", id: $id, reason: "the incident was cancelled" }
  else empty end
