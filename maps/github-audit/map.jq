# The log names the same alerts as webhooks and the API do. It does not say on which host it was
# written, so it is read as that of github.com.
def person: . != null and . != "github" and (endswith("[bot]") | not);

(.created_at // .["@timestamp"] | time) as $time
| (if .repo_id != null then "github:github.com/\(.repo_id)#\(.number)" else "github:\(.repo)#\(.number)" end) as $name
| ((.actor | person) and .actor_is_bot != true) as $human
| {
    credential_id: $name, source: "github-audit", time: $time,
    id: "\(.action) \($name) \(._document_id // $time)"
  } as $event
| { "false_positive": "dismiss", "wont_fix": "dismiss", "used_in_tests": "dismiss", "revoked": "revoke" }[.resolution // ""] as $action
| if .action == "secret_scanning_alert.create" then
    $event + { type: "leak.detected", provider: .secret_type, location: "github" }
  elif .action == "secret_scanning_alert.reopen" then
    $event + { type: "leak.detected", provider: .secret_type, location: "github", reopened: true }
  elif .action == "secret_scanning_alert.resolve" and $action != null then
    $event + { type: "decision.made", reviewer: .actor, actor_kind: (if $human then "human" else "automation" end), action: $action }
  # Most entries do not say what was decided: then somebody looked, and no more is known.
  elif .action == "secret_scanning_alert.resolve" and $human then
    $event + { type: "review.opened", reviewer: .actor }
  elif .action == "secret_scanning_alert.revoke" then
    $event + { type: "credential.contained", method: "revoked", actor_kind: (if $human then "human" else "automation" end) }
  else empty end
