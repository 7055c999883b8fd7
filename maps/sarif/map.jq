# The secret is the text of the region. Reports that leave it out name no credential; take the JSON
# report of the scanner then.
detected_at as $time
| .runs[]
| .tool.driver.name as $tool
| .results[]
| .ruleId as $rule
| (.partialFingerprints.date | if . == null or . == "" then null else time end) as $committed
| .partialFingerprints.commitSha as $commit
| .locations[].physicalLocation
| (.region.snippet.text // "") as $secret
| if $secret == "" then error("a result without the text of its region: take the JSON report") end
| {
    type: "leak.detected", time: $time, source: ($tool | ascii_downcase), credential_id: $secret, provider: $rule,
    id: "sarif \($secret) \(.artifactLocation.uri // "" | hmac) \($commit) \(.region.startLine) \($time)",
    exposed_at: $committed, exposed_at_quality: (if $committed == null then null else "commit" end)
  }
