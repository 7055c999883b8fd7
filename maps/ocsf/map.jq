# A detection is a case of `activity_triage`, an incident one of `soc_classification`.
def severity: [null, "low", "low", "medium", "high", "critical", "critical"][. // 0];

# What a verdict decides, by `verdict_id`.
def action: {
  "1": "dismiss", "2": "quarantine", "3": "dismiss", "4": "monitor", "5": "dismiss",
  "6": "dismiss", "7": "monitor", "8": "quarantine", "10": "dismiss"
}[. // "" | tostring];

def person: .email_addr // .name // .uid;

(.metadata.product.uid // .metadata.product.name // "product") as $product
| (.finding_info // .finding_info_list[0]) as $info
# An incident is named by its own uid where it has one, else by its first finding.
| (if .class_uid == 2005 then .metadata.correlation_uid // $info.uid else $info.uid end) as $uid
| "ocsf:\($product)/\($uid)" as $name
| (.time | time) as $time
| (.ai_agent.ai_model // .ai_model) as $model
| (.ai_agent != null or .ai_model != null) as $by_ai
| (.verdict_id | action) as $action
| (.status_id == 4 or .status_id == 5 or .activity_id == 3) as $closed
| (.actor.user // .assignee) as $user
| {
    credential_id: $name, source: "ocsf", severity: (.severity_id | severity),
    workflow: (if .class_uid == 2005 then "soc_classification" else "activity_triage" end)
  } as $event
| (if .activity_id == 1 then
    $event + {
      type: "case.opened", id: "\($name) opened", time: ($info.created_time // $time | time),
      started_at: ($info.first_seen_time // .start_time | time)
    }
  else empty end),
  (if $by_ai and $closed and $action != null then
    $event + {
      type: "decision.made", id: "\($name) closed \($time)", time: $time, action: $action, actor_kind: "ai",
      reviewer: (.ai_agent.name // $model.model_name // $model.name // "ai")
    }
  elif $by_ai and $action != null then
    $event + {
      type: "triage.completed", id: "\($name) advised \($time)", time: $time, recommendation: $action,
      model: ($model.model_name // $model.name // .ai_agent.name),
      # From 0 to 1, or from 0 to 100.
      confidence: (if (.confidence_score | type) != "number" then null
        elif .confidence_score > 1 then .confidence_score / 100 else .confidence_score end),
      summary_words: (.comment | words)
    }
  elif $closed then
    if $action == null then error("a closed finding has no known `verdict_id`")
    else $event + {
      type: "decision.made", id: "\($name) closed \($time)", time: $time, action: $action,
      reviewer: (($user | select(. != null) | person) // $product),
      actor_kind: (if $user == null then "automation" else "human" end),
      rationale_words: (.comment | words), rationale_digest: (.comment | digest)
    } end
  elif .status_id == 2 and $user != null then
    $event + { type: "review.opened", id: "\($name) in progress \($time)", time: $time, reviewer: ($user | person), evidence: "raw" }
  else empty end)
