# A baseline has an unsalted SHA-1 of each secret. It is named like a secret, and joins other
# baselines only. A finding that somebody marked as no secret is left out: nobody says who did.
(if .generated_at != null then .generated_at | time else detected_at end) as $time
| .results | to_entries[] | .key as $file | .value[]
| select(.is_secret != false)
| {
    type: "leak.detected", time: $time, credential_id: .hashed_secret, provider: .type,
    # The file tells two findings of one secret apart.
    id: "\(.hashed_secret) \($file | hmac) \(.line_number) \($time)"
  }
