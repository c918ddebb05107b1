#!/bin/bash
# 29 - calls that no sane gateway makes: names, times and amounts at their limits. Nothing breaks, and the books add up.
. tests/e2e/lib.sh
fresh_server
cat >"$dir/deck.csv" <<END
prefix,name,per_minute,connect_fee,initial_s,increment_s,blocked
1,North America,999999,0,1,1,
44,United Kingdom,0.06,0,1,1,
END
make_deck prices "$dir/deck.csv"
make_company alpha "\"rate_deck\": \"$deck\", \"pricing\": {\"tiers\": [{\"up_to_s\": 100, \"per_minute\": \"0.06\"}, {\"per_minute\": \"0.03\"}]}, \"limits\": {\"calls_per_number\": 1000, \"same_number_per_hour\": 1000}" && alpha=$id
sql "UPDATE wallets SET credit_limit = 1000"
platform_key=$key
post /v1/api-keys "{\"name\": \"gateway\", \"company\": \"$alpha\", \"permissions\": [\"calls:*\", \"wallets:read\"]}"
key=$(field .key)
to=+442079460000
authorize() { # CALL_ID [JQ OBJECT to add]
    post /v1/calls/authorize "$(jq -nc --arg id "$1" --arg to "$to" '{call_id: $id, to: $to} + '"${2:-{\}}")"
}
settle_call() { # CALL_ID in the path, MILLISECONDS [JQ OBJECT to add]
    post "/v1/calls/$1/settle" "$(jq -nc --argjson ms "$2" '{duration_ms: $ms, status: "answered"} + '"${3:-{\}}")"
}
no_fault() { # NAME: whatever the answer is, it is one of ours
    [ "$status" -lt 500 ]
    ok $? "$1 ($status $(head -c 200 "$dir/body"))"
}

# --- names
phones=$(printf '📞%.0s' $(seq 200))
authorize "$phones"
like "$status $body" '^200 .*"allow"' "a name of 200 characters"
settle_call "$(printf '%%F0%%9F%%93%%9E%.0s' $(seq 200))" 1000
is "$status" 200 "is found by them"
authorize "${phones}x"
is "$status" 422 "and no longer"
for name in twin Twin 'tẃin' $'twi\u0301n'; do
    authorize "$name"
    like "$body" '"allow"' "$name is a call of its own"
done
post /v1/calls/authorize '{"call_id": "nul\u0000", "to": "+442079460000"}'
is "$status" 400 "a name with NUL is none"
post "/v1/calls/nul%00/settle" '{"duration_ms": 1, "status": "answered"}'
no_fault "nor in a path"
post "/v1/calls/%FF%FE/settle" '{"duration_ms": 1, "status": "answered"}'
no_fault "nor what is no UTF-8"
api GET "/v1/calls/twin"
other=$(field .id)
authorize "$other"
like "$body" '"allow"' "a call may be named like the id of another"
post "/v1/calls/$other/stop" '{}'
api GET "/v1/calls/twin"
is "$(field .stop_reason)" null "the other is not stopped in its place"

# --- times
n=0
for at in 1970-01-01T00:00:00Z 1969-12-31T23:59:59Z 0001-01-01T00:00:00Z 2000-02-29T12:00:00Z 9999-12-31T23:59:59.999999Z 2038-01-19T03:14:08Z; do
    n=$((n + 1))
    authorize "time-$n"
    post "/v1/calls/time-$n/renew" "{\"seq\": 1, \"elapsed_seconds\": 10, \"answered_at\": \"$at\"}"
    no_fault "renewed, answered $at"
    settle_call "time-$n" 20000 "{answered_at: \"$at\"}"
    no_fault "settled, answered $at"
    settle_call "time-$n" 20000
    no_fault "settled again"
done
authorize long-1
post "/v1/calls/long-1/renew" '{"seq": 4294967295, "elapsed_seconds": 2678400}'
no_fault "a month in the first renewal"
post "/v1/calls/long-1/renew" '{"seq": 4294967294, "elapsed_seconds": 5}'
like "$body" '"duplicate":true' "and what came before it"
post "/v1/calls/long-1/renew" '{"seq": 4294967296, "elapsed_seconds": 5}'
is "$status" 422 "no sequence beyond"
post "/v1/calls/long-1/renew" '{"seq": 1, "elapsed_seconds": 2147483648}'
is "$status" 422 "no seconds beyond"
settle_call long-1 2678400000
no_fault "a month's end"
sql "UPDATE wallets SET credit_limit = credit_limit - balance"

# --- amounts
to=+12125550100 authorize steep-1 '{request_seconds: 86400}'
no_fault "a day at a steep price"
to=+12125550100 authorize steep-2 '{request_seconds: 1}'
no_fault "a second"
authorize meters-1 "{meters: ([range(49)] | map(\"m.\\(.)\") + [\"call.seconds\"]), properties: ([range(50)] | map({key: \"p\\(.)\", value: (\"\\u00e9\\\"\\\\\" * 166)}) | from_entries)}"
no_fault "fifty meters and fifty properties"
settle_call meters-1 61000 "{usage: ([range(50)] | map({meter: \"m.\\(.)\", quantity: \"999999999999999999.999999999999\", provider_cost: {amount: \"999999999999999999.999999999999\", currency: \"USD\"}}))}"
no_fault "settled with more than there is"
settle_call meters-1 61000
no_fault "whatever came of it"
authorize empty-1 '{properties: {}}'
like "$body" '"allow"' "no properties"
settle_call empty-1 0 '{usage: [], properties: {}}'
no_fault "nothing used"

# --- ends
# more than the job takes at once
for i in $(seq 520); do
    echo "next
url = \"http://127.0.0.1:$port/v1/calls/authorize\"
output = /dev/null
header = \"authorization: Bearer $key\"
header = \"content-type: application/json\"
data = \"{\\\"call_id\\\": \\\"due-$i\\\", \\\"to\\\": \\\"$to\\\", \\\"request_seconds\\\": 1}\""
done | tail -n +2 | curl -s --parallel --parallel-max 20 -K -
is "$(sql "SELECT COUNT(*) FROM calls WHERE call_id LIKE 'due-%' AND state = 'open'")" 520 "many are open"
sql "UPDATE calls SET expires_at = '2020-01-01' WHERE state = 'open'"
until_sql "(SELECT COUNT(*) FROM calls WHERE state = 'open') = 0"
ok $? "all that was open has come to its end"
sql "UPDATE call_counters SET minute = minute - 62 WHERE minute > 0"
is "$(sql "SELECT COUNT(*) > 0 FROM call_counters")" 1 "calls were counted"
sql "INSERT INTO jobs (id, handler, arguments, state, run_at, created_at, updated_at) SELECT UNHEX(REPLACE(UUID(), '-', '')), 'calls.jobs:purge_counters', '{}', 'ready', NOW(6), NOW(6), NOW(6)"
until_sql "(SELECT COUNT(*) FROM call_counters) = 0"
ok $? "and nothing is left of it"
is "$(sql "SELECT CONCAT_WS(' ', held, open_calls) FROM wallets WHERE company_id = (SELECT id FROM companies WHERE name = 'alpha')")" "0.000000000000 0" "nothing is held"
verify_ledger
runs "$server_pid"
ok $? "the server runs"
done_testing
