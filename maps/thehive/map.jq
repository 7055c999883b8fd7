# A case stands for the credentials that its tags name, `leak:AKIA…`; without such a tag, for itself.
def names($own): [.[]? | select(startswith("leak:")) | .[5:]] | if length == 0 then [$own] else . end;

# Version 5 has the outcome in the status; version 4 in `resolutionStatus`.
def outcome: .resolutionStatus // .status // "" | ascii_downcase;
def decision: {
  "truepositive": "quarantine", "falsepositive": "dismiss", "indeterminate": "monitor", "duplicated": "dismiss",
  "other": "monitor", "ignored": "dismiss", "revoked": "revoke", "rotated": "rotate"
}[.];

def severity: if type == "number" then ["low", "medium", "high", "critical"][. - 1] else null end;

# Accounts of integrations have no address as their login.
def kind: if . != null and contains("@") and (startswith("svc-") | not) then "human" else "automation" end;

(.operation // .action | ascii_downcase) as $operation
| (.objectType | ascii_downcase) as $what
| .object as $object
| "thehive:\(.objectId | ltrimstr("~"))" as $own
| ($object.tags | names($own)) as $names
| ($object.updatedBy // $object._updatedBy // $object.createdBy // $object._createdBy) as $who
| ($object.updatedAt // $object._updatedAt // $object.createdAt // $object._createdAt // .startDate) as $at
| ($at | time) as $time
| ($object | outcome) as $outcome
| ((.details.status // .details.resolutionStatus // .details.stage) != null) as $changed
| $names[] as $name
| {
    credential_id: $name, source: "thehive", time: $time, severity: ($object.severity | severity),
    # A case about a credential belongs to its leak; any other is a case of the SOC.
    workflow: (if $name == $own then "soc_classification" else "secret_exposure" end),
    batch_id: (if ($names | length) > 1 then $own else null end)
  } as $event
| if ($operation | startswith("creat")) and $name == $own then
    $event + { type: "case.opened", id: "\($own) opened", severity: ($object.severity | severity) } | del(.batch_id)
  elif $operation == "delete" then
    $event + { type: "case.withdrawn", id: "\($own) deleted \($name)", reason: "deleted" }
  elif $operation == "update" and $changed and ($outcome | decision) != null then
    $event + {
      type: "decision.made", id: "\($own) decided \($time) \($name)", reviewer: ($who // "thehive"),
      actor_kind: ($who | kind), action: ($outcome | decision)
    }
  elif $operation == "update" and $changed and ($outcome == "inprogress" or $outcome == "open") and ($who | kind) == "human" then
    $event + { type: "review.opened", id: "\($own) opened \($time) \($name)", reviewer: $who, evidence: "raw" }
  else empty end
