# The agent investigates alerts, and a person gives each alert a verdict. Both are named by the alert.
def action: {"TRUE_POSITIVE": "quarantine", "FALSE_POSITIVE": "dismiss"}[. // ""];
def severity: {"CRITICAL": "critical", "HIGH": "high", "MEDIUM": "medium", "LOW": "low", "INFORMATIONAL": "low"}[. // ""];

def event: { workflow: "soc_classification", source: "google-secops" };

def investigated:
  . as $investigation
  | (.verdict | action) as $action
  # Without a verdict the agent has not finished, or gives no advice.
  | select($action != null)
  | (.alerts.ids // [])[] as $alert
  | event + {
      type: "triage.completed", id: "\(.name) \($alert)", credential_id: "google-secops:\($alert)",
      time: (.publishTime // .updateTime | time), recommendation: $action, model: "google-secops-triage",
      severity: (.severity | severity),
      # From 0 to 1, or from 0 to 100.
      confidence: (if (.confidenceScore | type) != "number" then null
        elif .confidenceScore > 1 then .confidenceScore / 100 else .confidenceScore end),
      summary_words: (.summary | words)
    };

def alerted:
  "google-secops:\(.id)" as $name
  | event + { credential_id: $name } as $event
  | (.createdTime | time) as $created
  | ($event + {
      type: "case.opened", id: "\($name) opened", time: $created,
      started_at: (.timeWindow.startTime | time), severity: (.detection[0].severity | severity)
    }),
    ((.feedbackHistory // [.feedbackSummary | select(. != null)])[]
      | select((.verdict | action) != null)
      | (.createTime | time) as $time
      | $event + {
          type: "decision.made", id: "\($name) \(.verdict) \($time)", time: $time, action: (.verdict | action),
          reviewer: (.idpUserId // error("a verdict without a user")),
          rationale_words: (.comment | words), rationale_digest: (.comment | digest)
        });

if .alert != null then .alert | alerted
elif .investigations != null then .investigations[] | investigated
else investigated end
