# A change that an AI wrote is a case of `policy_change`: the AI advises to let it through, and a person
# decides. Letting it through is `dismiss`; sending it back is `quarantine`.

# Accounts of agents that write changes, and the label that marks such a change by another account.
# Copy this map to change them.
def agent:
  . // "" | ascii_downcase | . as $login
  | any("copilot", "claude", "codex", "devin-ai", "cursor", "gemini-code", "jules"; . as $word | $login | startswith($word));
def marked: any(.labels[]?; .name == "ai-written");

def kind:
  if .login | agent then "ai"
  elif .type == "Bot" or (.login // "" | endswith("[bot]")) then "automation"
  else "human" end;

. as $hook
| .pull_request as $change
| select(($change.user.login | agent) or ($change | marked))
| (.repository.html_url // "https://github.com/" | capture("^https?://(?<host>[^/]+)").host) as $host
| "github:\($host)/\(.repository.id)/pulls/\($change.number)" as $name
| {
    credential_id: $name, workflow: "policy_change", source: "github-reviews",
    # The team that is asked for a review: with CODEOWNERS that is the team which owns the files.
    owner: $change.requested_teams[0].slug
  } as $event
| if .review != null then
    (.review.submitted_at | time) as $time
    | ($event + {
        id: "\($name) review \(.review.id)", time: $time,
        reviewer: (.review.user.login // error("a review without a user")), actor_kind: (.review.user | kind),
        rationale_words: (.review.body | words), rationale_digest: (.review.body | digest)
      }) as $review
    | if .action != "submitted" then empty
      elif .review.state == "approved" then $review + { type: "decision.made", action: "dismiss", verdict: "approve" }
      elif .review.state == "changes_requested" then $review + { type: "decision.made", action: "quarantine", verdict: "reject" }
      elif $review.actor_kind == "human" then $review + { type: "review.opened", evidence: "raw" }
      else empty end
  elif .action == "closed" and $change.merged == true then
    # Merging decides, if nobody approved before.
    $event + {
      type: "decision.made", id: "\($name) merged", time: ($change.merged_at | time), action: "dismiss",
      reviewer: ($change.merged_by.login // "github"), actor_kind: ($change.merged_by // { type: "Bot" } | kind)
    }
  elif .action == "closed" then
    $event + { type: "case.withdrawn", id: "\($name) closed", time: ($change.closed_at | time), reason: "closed without merging" }
  elif $change.draft == true then empty
  else
    ((if .action == "opened" then $change.created_at else $change.updated_at end) | time) as $time
    | ($event + {
        type: "case.opened", id: "\($name) \(.action) \($time)", time: $time, started_at: $time, items: $change.changed_files,
        requested_by: $change.user.login, reopened: (.action == "reopened")
      }),
      ($event + {
        type: "triage.completed", id: "\($name) \(.action) \($time) advised", time: $time, recommendation: "dismiss",
        model: (if $change.user.login | agent then $change.user.login else "ai-written" end), requested_by: $change.user.login, summary_words: ($change.body | words)
      })
  end
