# A ticket stands for the credentials that its labels name, `leak:AKIA…`; without such a label, for
# itself.
def names($issue): [.[]? | select(startswith("leak:")) | .[5:]]
  | if length == 0 then ["jira:\($issue)"] else . end;

# What the names of statuses and resolutions decide. Copy this map to change it.
def decision: {
  "revoked": "revoke", "rotated": "rotate", "quarantined": "quarantine", "monitoring": "monitor",
  "false positive": "dismiss", "won't do": "dismiss", "won't fix": "dismiss", "declined": "dismiss",
  "duplicate": "dismiss", "not an issue": "dismiss", "escalated": "escalate"
}[ascii_downcase];
def looking: ascii_downcase | . == "in progress" or . == "in review" or . == "investigating";

.issue.key as $issue
| (.timestamp | time) as $time
# Cloud names people by account id, Data Center by name or key.
| (.user.accountId // .user.name // .user.key) as $who
| (if .user.accountType == "app" then "automation" else "human" end) as $kind
| .comment.body as $comment
| (.issue.fields.labels | names($issue)) as $names
| {
    source: "jira", time: $time,
    batch_id: (if ($names | length) > 1 then "jira:\($issue)" else null end)
  } as $event
| def each($more): $names[] as $name
    | $event + $more + { credential_id: $name, id: "jira \($issue) \($time) \($more.type) \($name)" };
  if .webhookEvent == "jira:issue_created" then
    if $names == ["jira:\($issue)"] then empty else
      {
        type: "identity.linked", relation: "covers", id: "jira \($issue) created", source: "jira", time: $time,
        credential_id: "jira:\($issue)", aliases: $names
      }
    end
  elif .webhookEvent == "jira:issue_deleted" then
    each({ type: "case.withdrawn", reason: "the ticket was deleted" })
  else
    ([.changelog.items[]? | select(.field == "resolution" or .field == "status") | .toString // "" | decision | strings] | first) as $action
    | any(.changelog.items[]?; .field == "status" and ((.toString // "") | looking)) as $looks
    | any(.changelog.items[]?; .field == "assignee" and .from != null and .to != null) as $handed
    | if $action != null then
        each({
          type: "decision.made", reviewer: $who, actor_kind: $kind, action: $action,
          rationale_words: ($comment | words), rationale_digest: ($comment | digest)
        })
      elif $looks and $kind == "human" then
        each({ type: "review.opened", reviewer: $who, evidence: "raw" })
      elif $handed then
        each({ type: "decision.made", reviewer: $who, actor_kind: $kind, action: "escalate" })
      else empty end
  end
