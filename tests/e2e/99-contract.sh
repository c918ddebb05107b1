#!/bin/bash
# The API document: valid, true of every answer that the scripts before this one got, and proof against what a generator
# makes of it.
# alone: it comes last
. tests/e2e/lib.sh
fresh_server

curl -sf -o "$dir/openapi.json" "http://127.0.0.1:$port/openapi.json"
ok $? "the document is there without a key"
is "$(curl -s -o /dev/null -w '%{content_type}' "http://127.0.0.1:$port/openapi.json")" application/json "as JSON"
run_node tests/contract/compare_spec.mjs
run_node tests/contract/breaking.mjs tests/contract/released.json "$dir/openapi.json"

# what no script before had a reason to ask for
for path in /v1/hello /openapi.json /v1/permissions; do api GET $path; done
post /v1/roles '{"name": "nobody has it", "permissions": ["usage:read"]}'
api DELETE "/v1/roles/$(field .id)"
is "$status" 204 "a role that nobody has can go"
api GET /v1/audit-log
api GET "/v1/audit-log/$(field '.data[0].id')"
is "$status" 200 "an entry of the log by its id"
run_node tests/contract/transcript.mjs "$dir/openapi.json" "$E2E_DIR/transcript" $E2E_WHOLE
cat >"$dir/deck.csv" <<END
prefix,name,per_minute,initial_s,increment_s
1,North America,0.0120,60,60
44,United Kingdom,0.0120,60,60
END
with_money() { # every company there is
    sql 'UPDATE wallets SET credit_limit = 100'
}
make_deck "of the platform" "$dir/deck.csv"
api PATCH "/v1/companies/$platform" -H 'Content-Type: application/json' -d "{\"rate_deck\": \"$deck\"}"
with_money
run_node tests/contract/examples.mjs "$dir/openapi.json" "http://127.0.0.1:$port" "$dir/key"
run_node tests/contract/conventions.mjs "$dir/openapi.json" "http://127.0.0.1:$port" "$dir/key"

# --- a company and its sibling, each with something of every kind
platform_key=$key
for side in left right; do
    key=$platform_key
    make_deck "for $side" "$dir/deck.csv"
    make_company "$side" "\"rate_deck\": \"$deck\"" && company=$id
    post /v1/api-keys "{\"name\": \"$side\", \"company\": \"$id\"}"
    key=$(field .key)
    echo "$key" >"$dir/$side.key"
    make_deck "of $side" "$dir/deck.csv"
    make_company "below $side"
    post /v1/usage "[$(event "$side-1")]"
    with_money
    post /v1/calls/authorize "{\"call_id\": \"$side\", \"to\": \"+12125550100\"}"
    post "/v1/calls/$side/settle" '{"duration_ms": 61000, "status": "answered"}' # one that is over changes no more
    api GET /v1/wallets
    wallet=/v1/wallets/$(field ".data[] | select(.company == \"$company\") | .id")
    api PUT "$wallet/levels" -H 'Content-Type: application/json' -d '{"amounts": ["5"]}'
    api PUT "$wallet/auto-topup" -H 'Content-Type: application/json' -d '{"enabled": true, "threshold": "5", "amount": "20"}'
    post /v1/voice-endpoints "{\"provider\": \"vapi\", \"name\": \"$side\", \"secret\": \"0123456789abcdef\", \"agent_id\": \"a\"}"
    key=$platform_key post "$wallet/credits" '{"amount": "1"}'
    key=$platform_key post /v1/allowances "{\"company\": \"$company\", \"seconds\": 60}"
done
wanted() {
    [ "$(sql "SELECT COUNT(*) FROM topup_orders")" = 2 ] &&
        [ "$(sql "SELECT COUNT(*) FROM jobs WHERE handler = 'wallets.jobs:levels' AND state <> 'done'")" = 0 ]
}
until_true 10 wanted
ok $? "each wants money, and has alerts"
# what it may do, a call of its own, would be a change
key=$platform_key
api GET '/v1/companies?q=left'
api PATCH "/v1/companies/$(field '.data[] | select(.name == "left").id')" -H 'Content-Type: application/json' \
    -d '{"limits": {"concurrent_calls": 0}}'
# Everything that a refused request must not change; a key's last use is its own business.
sums() {
    sql "SELECT table_name FROM information_schema.tables WHERE table_schema = '$database' ORDER BY 1" |
        grep -vE '^(api_keys|audit_log|audit_chain|jobs|cron|outbox|rule_nodes|rule_calls)$' | while read -r table; do sql "CHECKSUM TABLE $table"; done
    sql "SELECT HEX(id), revoked_at, name, permissions FROM api_keys ORDER BY id"
    sql "SELECT HEX(id) FROM audit_log WHERE outcome = 'done' ORDER BY id"
}
before=$(sums)
run_node tests/contract/isolation.mjs "$dir/openapi.json" "http://127.0.0.1:$port" "$dir/left.key" "$dir/right.key" \
    "$platform"
is "$(sums)" "$before" "and nothing was changed by it"

run_node tests/contract/generate.mjs "$dir/openapi.json" "http://127.0.0.1:$port" "$dir/key"
is "$(grep -c '"name":"audit_forgotten"' "$dir/server.log")" 0 "every write was recorded in the audit log"
is "$(grep -c '"level":"error"' "$dir/server.log")" 0 "nothing of it is an error in the server's log"
done_testing
