#!/bin/bash
# 55 - policies: what a company forbids its own people and keys, for every role, route and kind of policy; and the way back.
. tests/e2e/lib.sh
mail=$dir/mail
fresh_server TOLLGATE_MAIL_URL="dir:$mail"
platform_key=$key
password="open sesame, please"
curl -sf -o "$dir/openapi.json" "http://127.0.0.1:$port/openapi.json"
make_company agency && agency=$id
make_company client "\"parent\": \"$agency\"" && client=$id
wallet=$(sql "SELECT LOWER(HEX(id)) FROM wallets WHERE company_id = (SELECT id FROM companies WHERE name = 'client')")
api GET "/v1/wallets?company=$client" && wallet=$(field '.data[0].id')

settings() { # COMPANY SETTINGS, by whoever $key is
    api PATCH "/v1/companies/$1" -H 'Content-Type: application/json' -d "{\"settings\": $2}"
}
policy() { # POLICIES of the agency, given from above
    key=$platform_key settings "$agency" "{\"policies\": $1}"
    [ "$status" = 200 ] || echo "# policies: $status $body"
}
today=$(date -u +%u)
other_day=$(((today % 7) + 1))

# --- each role, each route, each kind of policy
: >"$dir/subjects" && : >"$dir/below"
key=$platform_key api GET /v1/roles
for role in $(field '.built_in[].name'); do
    make_person "$role@example.com" "$role" "$password" "\"company\": \"$agency\", \"roles\": [{\"role\": \"$role\", \"company\": \"$agency\"}]"
    login "$role@example.com" "$password"
    token=$(field .token) && eval "$role=\$token"
    jq -nc --arg role "$role" --arg token "$token" '{label: $role, token: $token, roles: [$role]}' >>"$dir/subjects"
    jq -c --arg company "$client" '. + {company: $company}' <<<"$(tail -n 1 "$dir/subjects")" >>"$dir/below"
done
policy "{\"hours\": [{\"permission\": \"*\", \"days\": [$other_day], \"from\": \"00:00\", \"to\": \"23:00\"}]}"
run_node tests/contract/roles.mjs "$dir/openapi.json" "http://127.0.0.1:$port" "$dir/key" "$dir/subjects" hours
policy '{"own_only": ["*"]}'
run_node tests/contract/roles.mjs "$dir/openapi.json" "http://127.0.0.1:$port" "$dir/key" "$dir/below" own_company_only
policy '{"fresh": ["*"]}'
sql "UPDATE sessions SET reauthenticated_at = reauthenticated_at - INTERVAL 11 MINUTE"
run_node tests/contract/roles.mjs "$dir/openapi.json" "http://127.0.0.1:$port" "$dir/key" "$dir/subjects" reauthenticate
key=$billing_manager post /v1/auth/reauthenticate "{\"password\": \"$password\"}"
is "$status" 200 "who is asked for a password again may give it"
key=$billing_manager post /v1/companies '{"name": "fresh"}'
is "$status" 201 "and then does what was refused"
sql "UPDATE sessions SET reauthenticated_at = UTC_TIMESTAMP(6)"

# --- amounts
limit() { # AMOUNT of the client's credit, by $key
    post "/v1/wallets/$wallet/credit-limit" "{\"amount\": \"$1\"}"
}
policy '{"amounts": [{"permission": "wallets:write", "currency": "USD", "max": "50"},
    {"permission": "wallets:write", "currency": "USD", "max": "1000", "role": "finance"}]}'
key=$billing_manager limit 50.000000000001
problem 403 policy_amount_limit "a bit above the limit is above it"
is "$(sql "SELECT credit_limit + 0 FROM wallets WHERE credit_limit <> 0")" "" "and nothing has happened"
key=$billing_manager limit 50
like "$status" '^20[02]$' "the limit itself is not"
key=$finance limit 1000
like "$status" '^20[02]$' "a role may have more"
key=$finance limit 1000.01
problem 403 policy_amount_limit "but not everything"
key=$finance limit 1e9
problem 422 invalid_input "an amount that is none is no way around" /amount
policy '{"amounts": [{"permission": "wallets:write", "currency": "EUR", "max": "50"}]}'
key=$finance limit 1
problem 403 policy_amount_limit "a currency that no limit names has none to be within"

# --- whose thing it is
policy '{"own_only": ["wallets:write", "usage:write", "api_keys:write"]}'
key=$finance limit 1
problem 403 policy_own_company_only "a wallet below is not the own company's, whoever one acts for"
key=$owner post /v1/api-keys "{\"name\": \"below\", \"permissions\": [\"usage:read\"], \"company\": \"$client\"}"
problem 403 policy_own_company_only "nor is what a body names below"
key=$owner post /v1/usage "[$(event one), $(event two "{company: \"$client\"}")]"
problem 403 policy_own_company_only "nor an event of a batch"
key=$owner api POST /v1/usage -H 'Content-Type: application/x-ndjson' --data-binary "$(event one)"$'\n'"$(event two "{company: \"$client\"}")"
problem 403 policy_own_company_only "however the batch is written"
key=$owner post /v1/usage "[$(event three)]"
is "$status" 200 "the own company's goes on"
key=$platform_key limit 5
like "$status" '^20[02]$' "somebody of another company has that one's policies, here none"

# --- who makes them, and the way back
key=$owner settings "$agency" "{\"policies\": {\"hours\": [{\"permission\": \"*\", \"days\": [$other_day], \"from\": \"00:00\", \"to\": \"23:00\"}]}}"
problem 422 invalid_input "nobody locks themselves out" /settings/policies
like "$(field .detail)" 'would forbid you.*hours' "and is told how"
key=$billing_manager settings "$agency" '{"policies": null}'
problem 403 denied "who may not do everything does not change policies"
sql "UPDATE sessions SET reauthenticated_at = reauthenticated_at - INTERVAL 11 MINUTE"
key=$owner settings "$agency" '{"policies": null}'
problem 403 reauthentication_required "nor who has not given their password just now"
key=$owner post /v1/auth/reauthenticate "{\"password\": \"$password\"}"
key=$owner api PATCH "/v1/companies/$agency" -H 'Content-Type: application/json' -d '{"settings": {"policies": null}, "name": "x"}'
problem 422 invalid_input "settings are changed by themselves" /settings
key=$owner settings "$agency" '{"policies": {"own_only": ["wallets:write"], "timezone": "Europe/Berlin"}}'
is "$status $(json .settings)" '200 {"policies":{"own_only":["wallets:write"],"timezone":"Europe/Berlin"}}' "an owner does"
api GET "/v1/audit-log?object=$agency&action=identity.change_company"
is "$(json '.data[0].after.settings.policies')" '{"own_only":["wallets:write"],"timezone":"Europe/Berlin"}' "and the log has it"
refusal_is_recorded() { # a bounded number a second is, and the roles above have used it up
    key=$finance limit 1
    key=$platform_key api GET "/v1/audit-log?company=$agency&outcome=refused&limit=10"
    [ "$(json 'any(.data[]; .after.type == "policy_own_company_only")')" = true ]
}
until_true 20 refusal_is_recorded
ok $? "and what was refused, and why"

# --- why
key=$finance post /v1/permissions/check "{\"permission\": \"wallets:write\", \"company\": \"$client\", \"amount\": \"5\", \"currency\": \"USD\"}"
is "$(json '[.allowed, .because[0].gives, .policy]')" \
    "[false,true,{\"allowed\":false,\"company\":\"$agency\",\"reason\":\"own_company_only\"}]" "the role gives it, the policy takes it away: both are told"
key=$finance post /v1/permissions/check '{"permission": "wallets:write"}'
is "$(json '[.allowed, .policy.allowed]')" '[true,true]' "in the own company neither does"

# --- a rule that fails denies, and is taken back
key=$platform_key settings "$platform" '{"policies": {"fresh": ["api_keys:write"]}}'
is "$status" 200 "the platform has policies, too"
cat >"$dir/rules.lua" <<'END'
local function decide()
  error("this rule is broken")
end
return { hook = "rbac.authorize", api = 1, needs = {}, decide = decide, cases = {} }
END
jq -nc --rawfile source "$dir/rules.lua" '{base: "release", files: [{path: "identity/rules.lua", source: $source}]}' >"$dir/publish.json"
post /v1/rules/bundles "@$dir/publish.json"
bundle=$(field .id)
api PUT /v1/rules/active -H 'Content-Type: application/json' -d "{\"bundle\": \"$bundle\", \"if_revision\": 0}"
like "$status" '^20[02]$' "a bundle whose rbac.authorize fails is activated"
if [ "$status" = 202 ]; then
    sql "$(python3 tests/e2e/bundle.py activate "$bundle")"
fi
refused() {
    post /v1/companies '{"name": "no"}'
    [ "$status" = 403 ]
}
until_true 20 refused
problem 403 policy_failed "where the rule fails nothing is written"
api GET /v1/companies
problem 403 policy_failed "nor read"
api GET /v1/me
is "$status" 200 "but one's own"
post /v1/rules/rollback '{}'
is "$status" 200 "and the rule is taken back"
works() {
    post /v1/companies '{"name": "yes"}'
    [ "$status" = 201 ]
}
until_true 20 works
is "$status" 201 "then everything goes on"
like "$(grep -c policies_failed "$dir/server.log")" '^[1-9]' "the failures are in the log"
done_testing
