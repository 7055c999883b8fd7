# A webhook carries all that happened to the vulnerability so far. So each one tells the whole
# story again; the ids are the same each time, and what is known already does not count twice.
def person($id): "gitlab:\($id)";

def severity: {"critical": "critical", "high": "high", "medium": "medium", "low": "low", "info": "low"}[. // "" | ascii_downcase];

.object_attributes
| select(.report_type == "secret_detection")
| . as $v
| (.url | capture("^https?://(?<project>.+)/-/security/vulnerabilities/(?<number>[0-9]+)$")
    // error("`url` is not the address of a vulnerability")) as $at
| "gitlab:\($at.project)#\($at.number)" as $name
| { credential_id: $name, severity: (.severity | severity), source: "gitlab" } as $event
| def at($what; $time): $event + { id: "\($name) \($what) \($time)", time: $time };
  (.created_at | time) as $created
| (at("detected"; $created)
    + { type: "leak.detected", location: "gitlab", provider: .identifiers[0].external_id }),
  (.confirmed_at | select(. != null) | time as $time
    | select($v.confirmed_by_id != null)
    | at("confirmed"; $time) + { type: "review.opened", reviewer: person($v.confirmed_by_id) }),
  (.dismissed_at | select(. != null) | time as $time
    | select($v.dismissed_by_id != null)
    | at("dismissed"; $time) + { type: "decision.made", action: "dismiss", reviewer: person($v.dismissed_by_id) }),
  (.resolved_at | select(. != null) | time as $time
    | if $v.auto_resolved == true or $v.resolved_by_id == null then
        at("resolved"; $time) + { type: "case.withdrawn", reason: "no longer detected" }
      else at("resolved"; $time) + { type: "decision.made", action: "revoke", reviewer: person($v.resolved_by_id) }
      end)
