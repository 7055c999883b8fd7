# Some versions write the day of a commit without the time of day. That is no time to measure from.
def moment: try time catch null;

detected_at as $time
| (.findings // [.])[]
| (.finding.git_metadata.commit.date | moment) as $committed
| {
    type: "leak.detected", time: $time, credential_id: .finding.snippet, provider: .rule.id,
    id: "kingfisher \(.finding.fingerprint) \(.finding.path | hmac) \(.finding.line) \($time)",
    exposed_at: $committed, exposed_at_quality: (if $committed == null then null else "commit" end)
  }
