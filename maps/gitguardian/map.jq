# `target_user` is "Name address", or "GitGuardian" when the platform acted by itself.
def person: . != null and . != "GitGuardian" and contains("@");
def reviewer: if person then split(" ")[-1] else "gitguardian" end;

def severity: {"critical": "critical", "high": "high", "medium": "medium", "low": "low", "info": "low"}[. // ""];

. as $hook
| (.timestamp | time) as $time
| {
    credential_id: "gitguardian:\(.incident.id)",
    id: "gitguardian \(.incident.id) \(.action) \($time)",
    time: $time,
    severity: (.incident.severity | severity)
  } as $event
| { reviewer: (.target_user | reviewer), actor_kind: (if .target_user | person then "human" else "automation" end) } as $who
# The status of an incident lags behind: a reopened one still says that it is ignored. Only `action` counts.
| if .action == "incident_triggered" then
    $event + {
      type: "leak.detected", provider: .incident.detector.name,
      exposed_at: (.incident.date | time), exposed_at_quality: "commit"
    }
  elif .action == "incident_reopened" or .action == "incident_regression" then
    $event + { type: "leak.detected", provider: .incident.detector.name, reopened: true }
  elif .action == "incident_ignored" then
    $event + $who + { type: "decision.made", action: "dismiss" }
  elif .action == "incident_resolved" and .incident.secret_revoked == true then
    ($event + $who + { type: "decision.made", action: "revoke" }),
    ($event + {
      type: "credential.contained", id: "\($event.id) contained", method: "revoked", actor_kind: $who.actor_kind
    })
  elif .action == "incident_resolved" then
    $event + $who + { type: "decision.made", action: "dismiss" }
  elif .action == "incident_validity_changed" and .incident.validity == "invalid" then
    # The check found that the secret works no longer. Who saw to that is not known.
    $event + { type: "credential.contained", method: "revoked", actor_kind: "automation" }
  else empty end
