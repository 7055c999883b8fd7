# ggshield hides the secret and gives a digest of it, the same in every report. The finding is named by
# that digest, and joins other reports of ggshield only. A scan of commits has one scan for each.
detected_at as $time
| (.scans // [.])[]
| .id as $scan
| .entities_with_incidents[]?
| .filename as $file
| .incidents[]?
| select(.policy == null or .policy == "Secrets detection")
| {
    type: "leak.detected", time: $time, credential_id: (.ignore_sha // error("an incident without `ignore_sha`")), provider: .type,
    id: "\(.ignore_sha) \("\($scan) \($file)" | hmac) \($time)"
  }
