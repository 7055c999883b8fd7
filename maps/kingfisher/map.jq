detected_at as $time
| (.finding.git_metadata.commit.date | time) as $committed
| {
    type: "leak.detected", time: $time, credential_id: .finding.snippet, provider: .rule.id,
    id: "kingfisher \(.finding.fingerprint) \(.finding.path | hmac) \(.finding.line) \($time)",
    exposed_at: $committed, exposed_at_quality: (if $committed == null then null else "commit" end)
  }
