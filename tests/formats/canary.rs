//! Nothing secret comes out of a decoder. Canaries stand wherever a source can put a secret or
//! free text; the test looks for them in all output, as they are, in base64, and as an unsalted
//! digest.

#![expect(clippy::unwrap_used, reason = "a test may stop where it fails")]

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use proptest::prelude::*;
use sha2::{Digest, Sha256};
use shutterlag::config::Limits;
use shutterlag::formats::maps::Maps;
use shutterlag::formats::{Context, Format, Identity, decode, excerpt};
use shutterlag::time::Timestamp;

/// Stands for the n-th secret of a record: long, and part of no other text.
fn canary(n: usize) -> String {
    format!("cAnArY{n:04}qXz7WvKp2Lm9")
}

/// Replaces each `@n@` by the n-th canary, `@64:n@` by its base64.
fn plant(template: &str) -> (String, Vec<String>) {
    let mut record = template.to_owned();
    let mut planted = Vec::new();
    for n in 0..100 {
        let (plain, encoded) = (format!("@{n}@"), format!("@64:{n}@"));
        if record.contains(&plain) || record.contains(&encoded) {
            planted.push(canary(n));
            record = record.replace(&plain, &canary(n));
            record = record.replace(&encoded, &STANDARD.encode(canary(n)));
        }
    }
    (record, planted)
}

/// The forms in which a canary must not be seen.
fn forms(canary: &str) -> Vec<String> {
    let mut digest = String::new();
    for byte in Sha256::digest(canary.as_bytes()) {
        digest.push_str(&format!("{byte:02x}"));
    }
    let mut forms = vec![
        canary.to_owned(),
        // Half of it is too much as well.
        canary[..12].to_owned(),
        canary[canary.len() - 12..].to_owned(),
        // A prefix of a digest is still a digest.
        digest[..32].to_owned(),
        STANDARD.encode(Sha256::digest(canary.as_bytes())),
    ];
    // In the midst of other text, base64 begins at one of three phases.
    for lead in ["", "x", "xy"] {
        let text = format!("{lead}{canary}");
        let inner = |encoded: String| encoded[4..encoded.len() - 4].to_owned();
        forms.push(inner(STANDARD_NO_PAD.encode(&text)));
        forms.push(inner(URL_SAFE_NO_PAD.encode(&text)));
    }
    forms
}

/// Everything that decoding `record` lets out.
fn visible(record: &[u8]) -> Vec<(String, String)> {
    let identity = Identity::new(b"a key for tests only").unwrap();
    let mut seen = vec![("excerpt".to_owned(), excerpt(record))];
    for &format in Format::ALL {
        for detected_at in [None, Some(Timestamp::from_millis(1_767_323_045_000))] {
            let context = Context {
                identity: &identity,
                detected_at,
                limits: Limits::DEFAULT,
                maps: Maps::NONE,
            };
            let mut events = Vec::new();
            let outcome = decode(format, record, &context, &mut events);
            for event in &events {
                seen.push((format!("{format} event"), serde_json::to_string(event).unwrap()));
                seen.push((format!("{format} event"), format!("{event:?}")));
            }
            match outcome {
                Ok(decoded) => seen.push((format!("{format}"), format!("{decoded:?}"))),
                Err(rejection) => {
                    assert!(events.is_empty());
                    seen.push((format!("{format} rejection"), rejection.to_string()));
                    seen.push((format!("{format} rejection"), format!("{rejection:?}")));
                }
            }
        }
    }
    seen
}

fn assert_silent(record: &[u8], planted: &[String]) {
    let forms: Vec<String> = planted.iter().flat_map(|canary| forms(canary)).collect();
    for (place, text) in visible(record) {
        for form in &forms {
            assert!(!text.contains(form), "{place} shows {form}: {text}");
        }
    }
}

/// The same in UTF-16 with a byte order mark.
fn utf16(record: &str) -> Vec<u8> {
    format!("\u{feff}{record}").encode_utf16().flat_map(u16::to_le_bytes).collect()
}

/// Plants, checks the record as it is, cut off in many places, with a fault at
/// its end, and within an envelope.
fn check(template: &str) {
    let (record, planted) = plant(template);
    assert!(!planted.is_empty(), "{template}");
    assert_silent(record.as_bytes(), &planted);
    for cut in (0..record.len()).step_by(41) {
        assert_silent(&record.as_bytes()[..cut], &planted);
    }
    assert_silent(format!("{record}{record}").as_bytes(), &planted);
    let envelope = |data: String| {
        format!(
            r#"{{"specversion":"1.0","id":"e","source":"/s","type":"leak.detected","time":"2026-01-02T03:04:05Z",{data}}}"#
        )
    };
    assert_silent(envelope(format!(r#""data":{record}"#)).as_bytes(), &planted);
    let encoded = STANDARD.encode(&record);
    assert_silent(envelope(format!(r#""data_base64":"{encoded}""#)).as_bytes(), &planted);
    let text = serde_json::to_string(&record).unwrap();
    for wrapped in [
        format!("[[{record}],[{record},7]]"),
        format!(r#"{{"TopicArn":"t","Message":{text}}}"#),
        format!(r#"{{"Records":[{{"receiptHandle":"r","body":{text}}},{{"x":{record}}}]}}"#),
        format!(r#"{{"eventSource":"aws:kafka","records":{{"t":[{{"value":"{encoded}"}},7]}}}}"#),
        format!(r#"{{"schema":{text},"payload":{record}}}"#),
        format!(r#"{{"before":{record},"after":{text},"op":"u"}}"#),
        format!(r#"{{"guid":"g","delivered_at":{text},"request":{{"payload":{record}}}}}"#),
        format!(r#"{{"detail-type":{text},"detail":{record}}}"#),
        format!(
            "payload={}",
            form_urlencoded::byte_serialize(record.as_bytes()).collect::<String>()
        ),
    ] {
        assert_silent(wrapped.as_bytes(), &planted);
        assert_silent(&wrapped.as_bytes()[..wrapped.len() - 2], &planted);
    }
    assert_silent(&utf16(&record), &planted);
    assert_silent(&[b"\0\0\0\0\x07", record.as_bytes()].concat(), &planted);
}

#[test]
fn the_check_itself_sees_what_it_should() {
    let seen = |text: &str| forms(&canary(1)).iter().any(|form| text.contains(form.as_str()));
    assert!(seen(&format!("…{}…", canary(1))));
    assert!(seen(&STANDARD.encode(format!("a{}b", canary(1)))));
    assert!(seen(&URL_SAFE_NO_PAD.encode(format!("ab{}", canary(1)))));
    let digest = Sha256::digest(canary(1).as_bytes());
    assert!(seen(&digest.iter().map(|byte| format!("{byte:02x}")).collect::<String>()));
    assert!(!seen("nothing of the kind"));
    assert!(!seen(&canary(2)[..8]));
    // An event does show its names: the sight is not blocked.
    let (record, planted) = plant(
        r#"{"type":"review.opened","id":"i","time":"2026-01-02T03:04:05Z","credential_id":"c","reviewer":"@1@"}"#,
    );
    assert!(visible(record.as_bytes()).iter().any(|(_, text)| text.contains(&planted[0])));
}

#[test]
fn native_unknown_fields_and_keys() {
    check(
        r#"{"type":"leak.detected","id":"i","time":"2026-01-02T03:04:05Z","credential_id":"c","secret":"@1@","nested":{"deep":["@2@",{"@3@":"@4@"}]},"@5@":"@6@","@5@":7,"reviewer":"@7@","confidence":"@8@","action":"@9@"}"#,
    );
}

#[test]
fn native_wrong_values() {
    const BASE: &str = r#""id":"i","time":"2026-01-02T03:04:05Z","credential_id":"c""#;
    for template in [
        r#"{"type":"@1@","id":"i","time":"2026-01-02T03:04:05Z","credential_id":"c"}"#.to_owned(),
        r#"{"type":["@1@"],"id":{"@2@":"@3@"},"time":["@4@"],"credential_id":["@5@"]}"#.to_owned(),
        r#"{"type":"leak.detected","id":"i","time":"@1@","credential_id":"c"}"#.to_owned(),
        r#"{"type":"leak.detected","id":["@1@"],"time":"@2@","credential_id":"c"}"#.to_owned(),
        r#"{"type":"leak.detected","id":"i","time":"2026-01-02T03:04:05@1@","credential_id":"c"}"#
            .to_owned(),
        format!(r#"{{"type":"leak.detected",{BASE},"severity":"@1@"}}"#),
        format!(r#"{{"type":"leak.detected",{BASE},"workflow":"@1@"}}"#),
        format!(r#"{{"type":"leak.detected",{BASE},"exposed_at":"@1@"}}"#),
        format!(r#"{{"type":"leak.detected",{BASE},"exposed_at_quality":"@1@"}}"#),
        format!(r#"{{"type":"leak.detected",{BASE},"owner":{{"@1@":"@2@"}}}}"#),
        format!(r#"{{"type":"leak.detected",{BASE},"owner":"@1@{}"}}"#, "x".repeat(300)),
        format!(r#"{{"type":"triage.completed",{BASE},"recommendation":"@1@"}}"#),
        format!(
            r#"{{"type":"triage.completed",{BASE},"recommendation":"revoke","confidence":"@1@"}}"#
        ),
        format!(
            r#"{{"type":"triage.completed",{BASE},"recommendation":"revoke","summary_words":"@1@"}}"#
        ),
        format!(r#"{{"type":"decision.made",{BASE},"reviewer":["@1@"],"action":"@2@"}}"#),
        format!(r#"{{"type":"decision.made",{BASE},"reviewer":"r","action":"@2@"}}"#),
        format!(
            r#"{{"type":"decision.made",{BASE},"reviewer":"r","action":"revoke","authorized":"@1@"}}"#
        ),
        format!(
            r#"{{"type":"truth.established",{BASE},"correct_action":"revoke","seeded":"@1@"}}"#
        ),
        format!(r#"{{"type":"credential.contained",{BASE},"method":"@1@"}}"#),
        // The same key twice, ours and theirs; faults of syntax within a text.
        r#"{"type":"leak.detected","type":"@1@","@2@":"@3@","@2@":"@4@"}"#.to_owned(),
        format!(r#"{{"type":"leak.detected",{BASE},"x":"@1@\q"}}"#),
        format!(r#"{{"type":"leak.detected",{BASE},"owner":"@1@\ud800"}}"#),
        format!(r#"{{"type":"leak.detected",{BASE},"owner":@1@}}"#),
        format!(r#"{{@1@:"@2@",{BASE}}}"#),
        r#""@1@""#.to_owned(),
        r#"["@1@"]"#.to_owned(),
        "@1@".to_owned(),
        "password=@1@ user:@2@".to_owned(),
    ] {
        check(&template);
    }
}

#[test]
fn github_alerts() {
    for action in ["created", "reopened", "publicly_leaked", "resolved", "revoked", "@20@"] {
        for resolution in ["revoked", "false_positive", "pattern_edited", "@21@"] {
            check(&format!(
                r#"{{"action":"{action}","alert":{{"number":7,"secret_type":"example_api_key","secret":"@1@","created_at":"2026-01-02T03:04:05Z","updated_at":"2026-01-02T03:04:05Z","resolution":"{resolution}","resolved_at":"2026-01-02T03:20:00Z","resolved_by":{{"login":"reviewer-03","type":"@2@","name":"@3@"}},"resolution_comment":"@4@ and why @5@","push_protection_bypass_request_comment":"@6@","first_location_detected":{{"path":"@7@"}},"@8@":"@9@"}},"repository":{{"full_name":"example-org/payments","description":"@10@"}},"sender":{{"login":"@11@"}}}}"#
            ));
        }
    }
    check(
        r#"{"number":7,"created_at":"2026-01-02T03:04:05Z","state":"resolved","secret_type":"example_api_key","secret":"@1@","resolution":"revoked","resolved_at":"2026-01-02T03:20:00Z","resolved_by":null,"resolution_comment":"@2@","repository":{"full_name":"example-org/payments"}}"#,
    );
    for (field, value) in [
        ("number", r#""@1@""#),
        ("created_at", r#""@1@""#),
        ("created_at", r#"{"@1@":"@2@"}"#),
        ("push_protection_bypassed_at", r#""@1@""#),
        ("secret_type", r#"["@1@"]"#),
        ("url", r#""https://api.github.com/@1@""#),
    ] {
        check(&format!(
            r#"{{"action":"created","alert":{{"secret":"@9@","secret_type":"t","{field}":{value}}},"repository":{{"x":"@8@"}}}}"#
        ));
    }
}

#[test]
fn github_requests_and_other_deliveries() {
    for kind in ["secret_scanning", "secret_scanning_closure", "@20@"] {
        for (action, status) in [
            ("created", "pending"),
            ("response_submitted", "approved"),
            ("response_submitted", "denied"),
            ("response_submitted", "@21@"),
            ("cancelled", "cancelled"),
            ("@22@", "@21@"),
        ] {
            check(&format!(
                r#"{{"action":"{action}","exemption_request":{{"number":12,"request_type":"{kind}","requester_login":"dev-01","requester_comment":"@1@","resource_identifier":"@2@","metadata":{{"label":"@3@"}},"created_at":"2026-01-02T03:02:00Z","exemption_request_data":{{"type":"@4@","data":[{{"secret_type":"@5@","alert_number":"7","locations":[{{"path":"@6@"}}]}}]}}}},"exemption_response":{{"reviewer_login":"reviewer-03","status":"{status}","message":"@7@","created_at":"2026-01-02T03:20:00Z"}},"repository":{{"id":41001,"full_name":"@8@","html_url":"https://github.com/@9@"}},"sender":{{"login":"@10@"}}}}"#
            ));
        }
    }
    check(
        r#"{"zen":"@1@","hook_id":1,"hook":{"config":{"secret":"@2@"}},"sender":{"login":"@3@"}}"#,
    );
    check(
        r#"{"action":"created","alert":{"number":7,"secret_type":"t","state":"resolved","resolution":"used_in_tests","created_at":"2026-01-02T03:04:05Z","resolved_at":"2026-01-02T03:04:05Z","html_url":"https://@1@:@2@@github.com/@3@","url":"https://api.github.com/@4@","resolved_by":{"login":"ghost","html_url":"@5@"},"push_protection_bypassed_by":{"login":"dev-01","email":"@6@"},"resolution_comment":"@7@\ud83d"},"repository":{"id":41001,"full_name":"@8@"}}"#,
    );
}

#[test]
fn places_of_findings() {
    for kind in ["Docker", "Postman", "Gcs", "@9@"] {
        check(&format!(
            r#"{{"SourceMetadata":{{"Data":{{"{kind}":{{"file":"@1@","link":"https://@2@","@3@":["@4@",{{"@5@":1}}]}}}}}},"DetectorName":"Example","DecoderName":"PLAIN","Raw":"@6@"}}"#
        ));
    }
    check(
        r#"{"RuleID":"r","Secret":"@1@","File":"@2@","Commit":"@3@","StartLine":3,"StartColumn":"@4@"}"#,
    );
}

#[test]
fn further_services_of_aws() {
    const KEY: &str = "AKIAIOSFODNN7EXAMPLE";
    check(&format!(
        r#"{{"schemaVersion":"2.0","accountId":"@1@","id":"f","type":"AttackSequence:@2@","severity":9,"resource":{{"resourceType":"@3@"}},"service":{{"eventFirstSeen":"2026-01-02T03:15:00Z","detection":{{"sequence":{{"description":"@4@","actors":[{{"id":"@5@","user":{{"name":"@6@","credentialUid":"{KEY}"}}}},{{"user":{{"credentialUid":"@7@"}}}}],"resources":[{{"resourceType":"ACCESS_KEY","uid":"@8@"}}]}}}}}}}}"#
    ));
    check(&format!(
        r#"{{"SchemaVersion":"2018-10-08","Id":"i","Title":"@1@","ProductArn":"arn:x/aws/guardduty","FirstObservedAt":"2026-01-02T03:15:00Z","Severity":{{"Label":"@2@"}},"Resources":[{{"Type":"AwsIamAccessKey","Id":"AWS::IAM::AccessKey:{KEY}","Details":{{"@3@":"@4@"}}}},{{"Type":"@5@","Id":"@6@"}}]}}"#
    ));
    check(&format!(
        r#"{{"eventVersion":"1","eventID":"i","eventName":"DeleteAccessKey","eventSource":"iam.amazonaws.com","eventTime":"2026-01-02T03:20:00Z","userIdentity":{{"type":"AssumedRole","arn":"@1@","accessKeyId":"@2@"}},"sourceIPAddress":"@3@","requestParameters":{{"userName":"@4@","accessKeyId":"{KEY}"}},"responseElements":{{"@5@":"@6@"}}}}"#
    ));
    check(
        r#"{"id":"i","detail-type":"@1@","source":"aws.@2@","detail":{"eventArn":"@3@","@4@":"@5@"}}"#,
    );
}

#[test]
fn gitleaks_findings() {
    for (secret, date) in [
        (r#""@1@""#, r#""2026-01-01T12:00:00Z""#),
        (r#""@1@""#, r#""@9@""#),
        (r#""@1@...""#, r#""""#),
        (r#"["@1@"]"#, r#""""#),
        (r#"{"@1@":"@2@"}"#, r#"7"#),
        (r#""AKIA@1@""#, r#"{"@9@":1}"#),
    ] {
        check(&format!(
            r#"{{"RuleID":"generic-api-key","Description":"@3@","Match":"key = @1@","Line":"@4@ @1@","Secret":{secret},"File":"@5@","Commit":"@6@","Author":"@10@","Email":"@11@","Date":{date},"Message":"@7@","Tags":["@12@"],"Fingerprint":"@6@:@5@:generic-api-key:3","Link":"@8@"}}"#
        ));
    }
}

#[test]
fn trufflehog_findings() {
    for (raw, raw_v2, decoder) in [
        (r#""@1@""#, r#""@1@:@2@""#, r#""DecoderName":"PLAIN","#),
        (r#""@1@""#, r#""""#, r#""DecoderName":"PLAIN","#),
        (r#""@64:1@""#, r#""@64:2@""#, ""),
        (r#""@64:1@""#, "null", ""),
        (r#""AKIAIOSFODNN7EXAMPLE""#, r#""AKIAIOSFODNN7EXAMPLE:@2@""#, ""),
        (r#"["@1@"]"#, r#"{"@2@":"@2@"}"#, ""),
        (r#""""#, r#""""#, ""),
    ] {
        check(&format!(
            r#"{{"SourceMetadata":{{"Data":{{"Git":{{"commit":"@3@","file":"@4@","email":"@5@","repository":"https://x:@6@@git.example.org/payments","timestamp":"@7@","line":4}}}}}},"SourceName":"@8@","DetectorName":"Example",{decoder}"Verified":true,"VerificationError":"@9@","Raw":{raw},"RawV2":{raw_v2},"Redacted":"@1@","ExtraData":{{"@10@":"@11@"}},"StructuredData":{{"x":["@12@"]}}}}"#
        ));
    }
    check(
        r#"{"level":"error","ts":"@1@","logger":"trufflehog","msg":"failed at @2@","error":"@3@"}"#,
    );
}

#[test]
fn aws_events() {
    for start in ["Fri, 02 Jan 2026 03:04:05 GMT", "@5@"] {
        for code in ["AWS_RISK_CREDENTIALS_EXPOSED", "AWS_RISK_CREDENTIALS_COMPROMISED", "@6@"] {
            check(&format!(
                r#"{{"id":"i","detail-type":"AWS Health Event","account":"@1@","resources":["@2@"],"time":"2026-01-02T03:05:00Z","detail":{{"service":"RISK","eventArn":"@3@","eventTypeCode":"{code}","startTime":"{start}","eventDescription":[{{"latestDescription":"@4@"}}],"eventMetadata":{{"@7@":"@8@"}},"affectedEntities":[{{"entityValue":"AKIAIOSFODNN7EXAMPLE","tags":{{"a":"@9@"}}}}]}}}}"#
            ));
        }
    }
    for severity in ["8", r#""@7@""#] {
        check(&format!(
            r#"{{"id":"i","detail-type":"GuardDuty Finding","time":"2026-01-02T03:05:00Z","detail":{{"id":"f","type":"Recon:IAMUser/@1@","title":"@2@","description":"@3@","severity":{severity},"resource":{{"accessKeyDetails":{{"accessKeyId":"AKIAIOSFODNN7EXAMPLE","principalId":"@4@","userName":"@5@"}}}},"service":{{"eventFirstSeen":"2026-01-02T03:15:00Z","additionalInfo":{{"value":"{{\"x\":\"@6@\"}}"}}}}}}}}"#
        ));
    }
    check(r#"{"id":"i","detail-type":"@1@","detail":"@2@"}"#);
}

#[test]
fn envelopes() {
    for template in [
        r#"{"specversion":"@1@","id":"i","source":"/s","type":"leak.detected","data":{}}"#,
        r#"{"specversion":"1.0","id":["@1@"],"source":"/s","type":"leak.detected","data":{}}"#,
        r#"{"specversion":"1.0","id":"i","source":"/s @1@","type":"leak.detected","data":{}}"#,
        r#"{"specversion":"1.0","id":"i","source":"/s","type":"@1@","data":{"@2@":"@3@"}}"#,
        r#"{"specversion":"1.0","id":"i","source":"/s","type":"x","time":"@1@","data":{}}"#,
        r#"{"specversion":"1.0","id":"i","source":"/s","type":"x","datacontenttype":"@1@","data":{}}"#,
        r#"{"specversion":"1.0","id":"i","source":"/s","type":"x","data_base64":"%@1@"}"#,
        r#"{"specversion":"1.0","id":"i","source":"/s","type":"x","data":"@1@"}"#,
        r#"{"specversion":"1.0","id":"i","source":"/s","type":"x","data":{"specversion":"@1@"}}"#,
        r#"{"specversion":"1.0","id":"i","source":"/s","type":"x","dataschema":"@1@","@2@":"@3@","data":{"credential_id":"c","@4@":1}}"#,
    ] {
        check(template);
    }
}

proptest! {
    #![proptest_config(crate::seeded::cases(256))]

    /// Whatever stands around it, and whatever the cut, an excerpt never shows
    /// a secret.
    #[test]
    fn excerpts_hide_secrets(
        before in r#"[\PC]{0,40}"#,
        punctuation in r#"["\\{}\[\]:, a]{0,20}"#,
        secret in "[A-Za-z0-9+/=_-]{12,80}",
        after in r#"["\\{}\[\]:,a ]{0,20}"#,
        repeat in 1..6_usize,
    ) {
        let record = format!("{before}{punctuation}{secret}{after}").repeat(repeat);
        let shape = excerpt(record.as_bytes());
        prop_assert!(shape.chars().count() <= 160);
        for part in secret.as_bytes().windows(5) {
            let part = std::str::from_utf8(part).unwrap();
            prop_assert!(!shape.contains(part), "{} in {}", part, shape);
        }
    }

    #[test]
    fn excerpts_of_any_bytes_are_short(bytes in proptest::collection::vec(any::<u8>(), 0..700)) {
        prop_assert!(excerpt(&bytes).chars().count() <= 160);
    }
}
