"""Asks a model about each open leak, tells shutterlag what it advised, and asks people in Slack."""
import datetime, json, os, time, urllib.request

LAG = "http://127.0.0.1:9464"

def call(url, token, body=None):
    data, headers = json.dumps(body).encode(), {"Content-Type": "application/json", "Authorization": f"Bearer {token}"}
    with urllib.request.urlopen(urllib.request.Request(url, data if body else None, headers)) as answer:
        return json.load(answer)

def triage(leak):
    name, now = leak["credential_id"], datetime.datetime.now(datetime.timezone.utc).isoformat()
    prompt = f"A key leaked: {json.dumps(leak)}. First line: revoke or dismiss, one word. Then say why, in few words."
    answer = call(os.environ["MODEL_URL"], os.environ["MODEL_KEY"], {"model": os.environ["MODEL"], "messages": [{"role": "user", "content": prompt}]})
    advice, summary = answer["choices"][0]["message"]["content"].split("\n", 1)
    call(f"{LAG}/in/triage", open("triage-token").read().strip(), {"type": "triage.completed", "id": f"advice {leak['exposure_id']}", "time": now, "credential_id": name, "source": "triage", "recommendation": advice, "model": os.environ["MODEL"], "summary_words": len(summary.split())})
    buttons = [{"type": "button", "action_id": f"shutterlag_{word}", "text": {"type": "plain_text", "text": word}, "value": json.dumps({"credential_id": name, "recommendation": advice})} for word in ("open", "approve", "reject")]
    call(os.environ["SLACK_URL"], os.environ["SLACK_TOKEN"], {"channel": "leaks", "text": f"{name}: {advice}", "blocks": [{"type": "section", "text": {"type": "mrkdwn", "text": f"*{name}*: {advice}. {summary}"}}, {"type": "actions", "elements": buttons}]})

while True:
    for window in call(f"{LAG}/api/v1/windows?state=open&limit=1000", "")["windows"]:
        if not window["record"].get("recommendation"):
            triage(window["record"])
    time.sleep(1)
