# An evaluation is advice about a credential if it names one in `shutterlag.credential_id`. Its label is
# what it recommends.
def advice:
  . // "" | ascii_downcase
  | if . == "revoke" or . == "rotate" or . == "quarantine" or . == "dismiss" or . == "monitor" or . == "escalate" then .
    elif . == "true_positive" or . == "malicious" then "quarantine"
    elif . == "false_positive" or . == "benign" or . == "approve" then "dismiss"
    elif . == "deny" then "revoke"
    else null end;

def value: if has("stringValue") then .stringValue elif has("doubleValue") then .doubleValue else .intValue end;
def named: [.[]? | { key: .key, value: (.value | value) }] | from_entries;

.resourceLogs[] | .scopeLogs[]? | .logRecords[]?
| . as $log
| (.attributes | named) as $is
| select((.eventName // $is["event.name"]) == "gen_ai.evaluation.result")
| select($is["shutterlag.credential_id"] != null)
| ([.timeUnixNano, .observedTimeUnixNano | select(. != null and . != "0" and . != 0)][0] | time) as $time
| ($is["gen_ai.evaluation.score.label"] | advice) as $advice
| $is["gen_ai.evaluation.explanation"] as $explanation
| $is["gen_ai.evaluation.score.value"] as $score
# An evaluation that failed gives no advice.
| if $is["error.type"] != null then empty
  elif $advice == null then error("`gen_ai.evaluation.score.label` is none of the known words")
  else {
    type: "triage.completed", time: $time, credential_id: $is["shutterlag.credential_id"],
    workflow: $is["shutterlag.workflow"], source: "otel-genai", recommendation: $advice,
    model: ($is["gen_ai.response.model"] // $is["gen_ai.request.model"]),
    # A score on another scale is left out.
    confidence: (if ($score | type) == "number" and $score >= 0 and $score <= 1 then $score else null end),
    summary_words: ($explanation | words),
    summary_chars: (if $explanation == null then null else $explanation | length end)
  } end
