# The secret is `raw_source_code_extract`, so a finding joins those of other scanners. Newer reports can
# leave it out; then the finding is named by its id, and joins other reports of GitLab only.
def severity: {"critical": "critical", "high": "high", "medium": "medium", "low": "low", "info": "low"}[. // "" | ascii_downcase];

(.scan.end_time // .scan.start_time | time) as $ended
| (if $ended != null then $ended else detected_at end) as $time
| .vulnerabilities[]
# Without a history, the commit is a row of zeros in year 1.
| (.location.commit.date // "" | if startswith("0001-") then null else time end) as $committed
| (.raw_source_code_extract // .id // error("a vulnerability without a secret and without an id")) as $secret
| {
    type: "leak.detected", time: $time, credential_id: $secret, severity: (.severity | severity),
    provider: (.identifiers[0].value // .name),
    id: "\($secret) \("\(.location.file) \(.location.start_line) \(.location.commit.sha)" | hmac) \($time)",
    exposed_at: $committed, exposed_at_quality: (if $committed == null then null else "commit" end)
  }
