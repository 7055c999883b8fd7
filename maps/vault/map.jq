# A credential that Vault makes or holds has the name of its path: `vault:database/static-role/app`.
# Only responses without an error count: a request may be refused.
def ends($word): . == $word or endswith("/\($word)");

# `auth/…` methods that people log in with.
def kind:
  (.auth.display_name // "") as $name
  | if any("ldap-", "oidc-", "okta-", "userpass-", "github-", "saml-", "jwt-"; . as $method | $name | startswith($method))
    then "human" else "automation" end;

select(.type == "response" and (.error // "") == "" and (.response.warnings // null) == null)
| (.time | time) as $time
| (.request.path | rtrimstr("/")) as $path
| (if (.request.operation == "update" or .request.operation == "create") | not then null
  elif $path | startswith("sys/leases/revoke-prefix/") then { of: $path[25:], method: "revoked" }
  elif $path | startswith("sys/leases/revoke-force/") then { of: $path[24:], method: "revoked" }
  elif $path | test("^[^/]+(/[^/]+)*/rotate-root(/[^/]+)?$") then { of: $path, method: "rotated" }
  elif $path | test("^[^/]+(/[^/]+)*/rotate-role/[^/]+$") then { of: ($path | sub("/rotate-role/"; "/static-role/")), method: "rotated" }
  else null end) as $done
| if $done == null then empty else {
    type: "credential.contained", id: "vault \(.request.id)", time: $time,
    credential_id: "vault:\($done.of)", method: $done.method, actor_kind: kind
  } end
