"""Stands in for the world around shutterlag, on this machine alone.

python3 stand_in.py serve               a model, Slack and Alertmanager; writes to chat.log what people would see
python3 stand_in.py github 41           GitHub finds a key and delivers its alert 41
python3 stand_in.py slack U0001 approve somebody presses a button of the last message
"""
import datetime, hashlib, hmac, http.server, json, sys, time, urllib.error, urllib.parse, urllib.request

LAG, HERE = "http://127.0.0.1:9464", "http://127.0.0.1:9801"


class Answer(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        answer = {}
        if self.path == "/v1/chat/completions":
            advice = "revoke\nThe key is active, it was pushed to a repository that many can read, and nobody planned to share it."
            answer = {"choices": [{"message": {"role": "assistant", "content": advice}}]}
        elif self.path == "/api/chat.postMessage":
            say(f"Slack: {body['text']}")
            with open("last-message.json", "w") as file:
                json.dump(body, file)
        elif self.path == "/api/v2/alerts":
            for alert in body:
                firing = alert.get("endsAt", "9999") > datetime.datetime.now(datetime.timezone.utc).isoformat()
                if firing and alert["labels"] not in told:
                    told.append(alert["labels"])
                    say(f"Alert: {alert['labels']['alertname']}: {alert['annotations']['summary']}")
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        self.wfile.write(json.dumps(answer).encode())

    def log_message(self, *_):
        pass


told = []


def say(line):
    with open("chat.log", "a") as file:
        print(line, file=file)


def deliver(name, body, headers):
    request = urllib.request.Request(f"{LAG}/in/{name}", body.encode(), headers)
    try:
        with urllib.request.urlopen(request) as answer:
            print(answer.status, answer.read().decode())
    except urllib.error.HTTPError as refused:
        sys.exit(f"{refused.code} {refused.read().decode()}")


def signature(file, text):
    with open(file) as secret:
        return hmac.new(secret.read().strip().encode(), text.encode(), hashlib.sha256).hexdigest()


def github(number):
    now = datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
    alert = {"number": int(number), "state": "open", "secret_type": "example_api_key", "created_at": now, "updated_at": now,
             "push_protection_bypassed_at": now}
    body = json.dumps({"action": "created", "alert": alert, "repository": {"id": 710001, "full_name": "example-org/payments"},
                       "sender": {"login": "developer-07", "type": "User"}})
    deliver("github", body, {"Content-Type": "application/json", "X-Hub-Signature-256": "sha256=" + signature("github-webhook-secret", body)})


def slack(person, word):
    with open("last-message.json") as file:
        buttons = json.load(file)["blocks"][-1]["elements"]
    button = next(button for button in buttons if button["action_id"] == f"shutterlag_{word}")
    action = {"type": "button", "action_id": button["action_id"], "value": button["value"], "action_ts": f"{time.time():.6f}"}
    payload = {"type": "block_actions", "trigger_id": "1.2", "team": {"id": "T0001"}, "user": {"id": person}, "actions": [action]}
    body, now = urllib.parse.urlencode({"payload": json.dumps(payload)}), str(int(time.time()))
    deliver("slack", body, {"Content-Type": "application/x-www-form-urlencoded", "X-Slack-Request-Timestamp": now,
                            "X-Slack-Signature": "v0=" + signature("slack-signing-secret", f"v0:{now}:{body}")})


what, *rest = sys.argv[1:] or ["help"]
if what == "serve":
    here = urllib.parse.urlsplit(HERE)
    http.server.ThreadingHTTPServer((here.hostname, here.port), Answer).serve_forever()
elif what == "github":
    github(*rest)
elif what == "slack":
    slack(*rest)
else:
    sys.exit(__doc__)
