# The name is the key that the alerting tool gave the incident. Give it the name of the credential
# (`dedup_key` in the Events API): then acknowledging it is a look at that credential.
def names($incident):
  "pagerduty:\($incident.id)" as $own
  | { credential_id: ($incident.incident_key // $own), aliases: [$own] };

# Only people look and decide. An acknowledgement by an integration or a workflow is nobody's.
def person: . != null and (.type == "user_reference" or .type == "user");

# A custom field called `decision` says what was decided; resolving an incident does not.
def action: {
  "revoke": "revoke", "rotate": "rotate", "quarantine": "quarantine",
  "dismiss": "dismiss", "false positive": "dismiss", "monitor": "monitor", "escalate": "escalate"
}[ascii_downcase];

.event
| . as $event
| (.occurred_at | time) as $time
| if (.agent | person | not) then empty
  elif .event_type == "incident.acknowledged" then
    names(.data) + { type: "review.opened", id: "pagerduty \(.id)", time: $time, reviewer: .agent.id }
  elif .event_type == "incident.escalated" or .event_type == "incident.reassigned" then
    names(.data)
    + { type: "decision.made", id: "pagerduty \(.id)", time: $time, reviewer: .agent.id, action: "escalate" }
  elif .event_type == "incident.custom_field_values.updated" then
    (.data.custom_fields[]? | select(.name == "decision" and (.value | isstring))) as $field
    | ($field.value | action) as $action
    | if $action == null then error("the custom field `decision` holds none of the known actions") end
    | names(.data.incident)
      + { type: "decision.made", id: "pagerduty \(.id)", time: $time, reviewer: .agent.id, action: $action }
  else empty end
