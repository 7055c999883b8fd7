# A finding is one secret; a match is one place of it. The secret is what the groups of the pattern
# matched: the id of an access key, if one is among them, else the last. Version 0.16 and older has no groups.
def secret:
  (.groups // []) as $groups
  | ([$groups[] | select(startswith("AKIA") or startswith("ASIA"))][0]) // $groups[-1] // .match_content;
# Both parts of an AWS key: its secret is a name of the same key, by which other scanners know it.
def other_part($id; $rule):
  (.groups // []) as $groups
  | if $rule == "AWS API Credentials" and ($groups | length) == 2
    then [$groups[] | select(. != $id and startswith("hmac:"))] else [] end;
def commit: .provenance[]? | (.first_commit // .commit_provenance // null) | select(. != null) | .commit_metadata;

detected_at as $time
| . as $finding
| .matches[]
| (secret // ($finding | secret) // error("a match without groups")) as $secret
| (other_part($secret; $finding.rule_name) | if length == 1 then . else null end) as $aliases
| first(commit, null) as $commit
| ($commit.committer_timestamp // "" | split(" ")[0] | time) as $committed
| {
    type: "leak.detected", time: $time, credential_id: $secret, aliases: $aliases, provider: $finding.rule_name,
    id: "\($finding.finding_id // $secret) \(.blob_id) \(.location.offset_span.start // .location.source_span.start.line) \($time)",
    exposed_at: $committed, exposed_at_quality: (if $committed == null then null else "commit" end)
  }
