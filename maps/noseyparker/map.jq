# A finding is one secret; a match is one place of it.
def commit: .provenance[]? | (.first_commit // .commit_provenance // null) | select(. != null) | .commit_metadata;

detected_at as $time
| . as $finding
| .matches[]
| first(commit, null) as $commit
| ($commit.committer_timestamp // "" | split(" ")[0] | time) as $committed
| {
    type: "leak.detected", time: $time, credential_id: .snippet.matching, provider: $finding.rule_name,
    id: "\($finding.finding_id) \(.blob_id) \(.location.offset_span.start // .location.source_span.start.line) \($time)",
    exposed_at: $committed, exposed_at_quality: (if $committed == null then null else "commit" end)
  }
