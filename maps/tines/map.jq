# A case stands for the names in its tags `leak:NAME`; without such a tag, for itself.
def tags: [.tags[]? | if type == "object" then .name else . end | strings | select(startswith("leak:")) | .[5:]];
def names($own): tags | if length == 0 then [$own] else . end;

# What buttons and the sub-statuses of closed cases decide. Copy this map to change it.
def decision: {
  "revoke": "revoke", "revoked": "revoke", "rotate": "rotate", "rotated": "rotate",
  "quarantine": "quarantine", "quarantined": "quarantine", "contained": "quarantine", "true positive": "quarantine",
  "dismiss": "dismiss", "dismissed": "dismiss", "false positive": "dismiss", "benign": "dismiss", "duplicate": "dismiss",
  "monitor": "monitor", "escalate": "escalate", "escalate case": "escalate", "escalated": "escalate"
}[. // "" | if type == "object" then .name else . end | ascii_downcase];
def looks: . // "" | ascii_downcase | . == "open" or . == "claim" or . == "claim case" or . == "investigate";

def severity: {"critical": "critical", "high": "high", "medium": "medium", "low": "low", "info": "low"}[. // "" | ascii_downcase];
def reviewer: .email // "tines:\(.id)";

.case as $case
| "tines:\($case.id)" as $own
| ($case | names($own)) as $names
| (if .activity != null then .activity.created_at | time else detected_at end) as $time
| (.activity.user // .user) as $user
| (.activity.activity_type // "button") as $what
| {
    source: "tines", time: $time, severity: ($case.severity | severity),
    # A case about a leak belongs to it; any other is a case of the SOC.
    workflow: (if $names == [$own] then "soc_classification" else "secret_exposure" end),
    batch_id: (if ($names | length) > 1 then $own else null end)
  } as $event
| def each($more): $names[] as $name
    | $event + $more + { credential_id: $name, id: "\($own) \(.activity.id // .button.id) \($time) \($name)" };
  def decided($action):
    each({
      type: "decision.made", action: $action,
      reviewer: (if $user == null then "tines" else $user | reviewer end),
      actor_kind: (if $user == null then "automation" else "human" end)
    });
  if $what == "created" and $names == [$own] then each({ type: "case.opened", started_at: $time })
  elif $what == "created" then
    $event + { type: "identity.linked", relation: "covers", id: "\($own) created", credential_id: $own, aliases: $names }
    | del(.batch_id)
  elif $what == "status_updated" and .activity.value == "closed" then
    ($case.sub_status | decision) as $action
    | if $action == null then error("a closed case has no known `sub_status`") else decided($action) end
  elif $what == "status_updated" and .activity.value == "open" and $names == [$own] then each({ type: "case.opened", reopened: true })
  # Who takes a case looks at it; who hands it to somebody else may not.
  elif $what == "assigned" and $user != null
    and any(.activity.value | tostring | split(",")[]; . == ($user.id | tostring)) then
    each({ type: "review.opened", reviewer: ($user | reviewer) })
  elif $what == "button" then
    (.button.label | decision) as $action
    | if $action != null then decided($action)
      elif .button.label | looks then each({ type: "review.opened", reviewer: ($user | reviewer) })
      else empty end
  else empty end
