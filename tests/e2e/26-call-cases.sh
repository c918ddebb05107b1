#!/bin/bash
# 26 - the acceptance cases of rating that are about calls and corrections, through the API: session, max_usage, stream.
. tests/e2e/lib.sh
cases_file=$shared/data/rating-cases.json
if [ ! -s "$cases_file" ]; then
    skip "the acceptance cases through the API" "there is no $cases_file"
    done_testing
fi
fresh_server
platform_key=$key
: >"$dir/deck.csv"

# A company that pays by the case's plan, with so much money: its key in $key.
company() { # CASE MONEY
    local plan=$dir/plan.json
    key=$platform_key
    jq -c '.input.plan' <<<"$1" >"$plan"
    jq -r '["prefix,name,per_minute,connect_fee,initial_s,increment_s,effective_from,effective_to"] +
        [.deck[] | "\(.prefix),row,\(.per_minute),\(.connect_fee // 0),\(.initial_s),\(.increment_s),\(.from // ""),\(.to // "")"] | .[]' \
        "$plan" >"$dir/deck.csv"
    make_deck "$case_id" "$dir/deck.csv"
    make_company "$case_id" "\"rate_deck\": \"$deck\", $(jq -c '{timezone: (.timezone // "UTC")} + (. | del(.deck, .timezone, .currency) |
        if . == {} then {} else {pricing: .} end)' "$plan" | sed 's/^{//; s/}$//')"
    company_id=$id
    sql "UPDATE wallets SET credit_limit = $2 WHERE company_id = (SELECT id FROM companies WHERE name = '$case_id')"
    post /v1/api-keys "{\"name\": \"gateway\", \"company\": \"$company_id\"}"
    key=$(field .key)
}
balance() { # what is left of MONEY
    api GET /v1/wallets
    python3 -c 'import sys, decimal; print(sum(map(decimal.Decimal, sys.argv[1:])))' "$(field '.data[0].balance.amount')" "$1"
}
call_of() { # SESSION FIELD…: of the call
    api GET "/v1/calls/$1"
    field "$2"
}

# --- sessions
is_closed() { [ "$(sql "SELECT state FROM calls WHERE call_id = '$1' AND company_id = (SELECT id FROM companies WHERE name = '$case_id')")" != open ]; }
step() { # STEP: the request, its answer in $body
    local session answered seconds
    session=$(jq -r .session <<<"$1") seconds=$(jq -r '(.used_total_ms // 0) / 1000 | ceil' <<<"$1")
    case $(jq -r .op <<<"$1") in
    init)
        answered_at=$(jq -r .answered_at <<<"$1")
        post /v1/calls/authorize "$(jq -c '{call_id: .session, to, request_seconds: .request_s}' <<<"$1")"
        used_s=0
        ;;
    update)
        post "/v1/calls/$session/renew" "$(jq -c --arg at "$answered_at" --argjson s "$seconds" \
            '{seq, elapsed_seconds: $s, request_seconds: .request_s, answered_at: $at}' <<<"$1")"
        used_s=$seconds
        ;;
    terminate)
        post "/v1/calls/$session/settle" "$(jq -c --arg at "$answered_at" \
            '{duration_ms: .used_total_ms, status: "answered", answered_at: $at}' <<<"$1")"
        ;;
    expire)
        sql "UPDATE calls SET expires_at = NOW(6) - INTERVAL 1 SECOND WHERE call_id = '$session' AND state = 'open'"
        until_true 20 is_closed "$session"
        body='{}' status=200
        ;;
    esac
}
# What the case says of a step, out of what the API says.
seen_of() { # STEP WANTED MONEY
    local answer=$body duplicate
    duplicate=$([ "$(header idempotency-replayed)" = true ] && echo true || jq '.duplicate // false' <<<"$answer")
    local left
    left=$(balance "$3")
    api GET "/v1/calls/$(jq -r .session <<<"$1")"
    jq -c --argjson answer "$answer" --argjson wanted "$2" --argjson duplicate "$duplicate" --arg left "$left" --argjson used "$used_s" '
        {granted_s: (($answer.max_seconds // 0) - $used), final_unit: ($answer.final // false), reserved: .held.amount,
         committed: (if .state == "open" then .debited else .charge end).amount, balance: $left,
         duplicate: $duplicate, closed: (.state != "open"), overrun: (.overrun.amount != "0")} as $seen |
        [$wanted | del(.session, .op) | to_entries[] | {key, value: $seen[.key]}] | from_entries' <<<"$body"
}
amounts='walk(if type == "string" and test("^-?[0-9]+(\\.[0-9]+)?$") then (if test("\\.") then sub("0+$"; "") | sub("\\.$"; "") else . end) else . end)'
session_case() { # CASE
    local money n step wanted
    money=$(jq -r .input.balance <<<"$1")
    company "$1" "$money"
    n=$(jq '.input.steps | length' <<<"$1")
    for ((i = 0; i < n; i++)); do
        step=$(jq -c ".input.steps[$i]" <<<"$1") wanted=$(jq -c ".expected.steps[$i]" <<<"$1")
        step "$step"
        is "$status $(seen_of "$step" "$wanted" "$money" | jq -cS "$amounts")" "200 $(jq -cS "del(.session, .op) | $amounts" <<<"$wanted")" \
            "$case_id step $((i + 1)), $(jq -r .op <<<"$step")"
    done
    equal "$case_id: the balance" "$(balance "$money")" "$(jq -r .expected.balance <<<"$1")"
    for session in $(jq -r '.expected.charged | keys[]' <<<"$1"); do
        equal "$case_id: what $session costs" "$(call_of "$session" .charge.amount)" "$(jq -r ".expected.charged[\"$session\"]" <<<"$1")"
    done
}

# --- the longest call that the money pays for
max_usage_case() { # CASE
    company "$1" "$(jq -r .input.available <<<"$1")"
    jq -c '.input.state.bundles // [] | .[]' <<<"$1" | while read -r bundle; do
        sql "INSERT INTO allowances (company_id, id, granted_s, remaining_s, prefixes, starts_at, created_at)
            SELECT id, UNHEX(REPLACE(UUID(), '-', '')), $(jq .remaining_s <<<"$bundle"), $(jq .remaining_s <<<"$bundle"), NULL, '2026-01-01', NOW() FROM companies WHERE name = '$case_id';
            UPDATE companies SET has_allowances = 1 WHERE name = '$case_id'"
    done
    post /v1/calls/authorize "$(jq -c '{call_id: "m", to: .input.call.to, request_seconds: 86400}' <<<"$1")"
    is "$status $(field .max_seconds)" "200 $(jq .expected.seconds <<<"$1")" "$case_id"
    post /v1/calls/m/settle '{"duration_ms": 0, "status": "busy"}'
}

# --- usage, repeats, corrections
event_of() { # EVENT
    jq -c '{event_id, source: "case", meter: "call.seconds", event_time: .answered_at, quantity: "\(.duration_ms / 1000)",
        properties: {to, answered_at, duration_ms, status}}' <<<"$1"
}
usage_id() { # EVENT_ID
    api GET "/v1/usage?source=case&event_id=$1"
    field '.data[0].id'
}
stream_event() { # EVENT: what the case says of it, in $seen
    local name
    name=$(jq -r .event_id <<<"$1")
    if [ "$(jq -r .type <<<"$1")" = correction ]; then # by who sells
        key=$platform_key post "/v1/usage/$(usage_id "$(jq -r .corrects <<<"$1")")/corrections" "$(jq -c '.changes + {reason: .event_id}' <<<"$1")"
        seen=$(jq -c --arg name "$name" '.usage[0] as $u | {event_id: $name, status: "corrected", reversal: "-\($u.before.amount)",
            new: $u.amount.amount, net: .net.amount}' <<<"$body")
        return
    fi
    post /v1/usage "[$(event_of "$1")]"
    local outcome
    outcome=$(jq -r 'if .accepted == 1 then "rated" elif .duplicates == 1 then "duplicate" else .rejected[0].reason end' <<<"$body")
    api GET "/v1/usage?source=case&event_id=$name"
    seen=$(jq -c --arg name "$name" --arg outcome "$outcome" \
        '{event_id: $name, status: $outcome, total: (if $outcome == "conflict" then null else .data[0].amount.amount end)}' <<<"$body")
}
stream_case() { # CASE
    local n
    company "$1" 1000
    if jq -e .input.state.counter_s <<<"$1" >/dev/null; then
        sql "INSERT INTO rating_states (company_id, period, counter_s) SELECT id, '2026-07-01', $(jq .input.state.counter_s <<<"$1") FROM companies
            WHERE name = '$case_id'"
    fi
    n=$(jq '.input.events | length' <<<"$1")
    for ((i = 0; i < n; i++)); do
        stream_event "$(jq -c ".input.events[$i]" <<<"$1")"
        is "$(jq -cS "$amounts" <<<"$seen")" "$(jq -cS ".expected.results[$i] | $amounts" <<<"$1")" "$case_id event $((i + 1))"
    done
    api GET '/v1/usage/summary?from=2026-07-01T00:00:00Z&to=2026-08-01T00:00:00Z'
    equal "$case_id: the total" "$(field '.totals[0].amount.amount')" "$(jq -r .expected.total <<<"$1")"
    if jq -e .expected.counter_s <<<"$1" >/dev/null; then
        is "$(sql "SELECT counter_s FROM rating_states WHERE period = '2026-07-01'")" "$(jq .expected.counter_s <<<"$1")" "$case_id: the counter"
    fi
}

while read -r each <&3; do
    case_id=$(jq -r .id <<<"$each")
    case $(jq -r .op <<<"$each") in
    session) session_case "$each" ;;
    max_usage) max_usage_case "$each" ;;
    stream)
        if jq -e '.input.config.closed_periods' <<<"$each" >/dev/null; then
            skip "$case_id" "closed periods come with invoices"
        else
            stream_case "$each"
        fi
        ;;
    esac
done 3< <(jq -c '.cases[] | select(.op | IN("session", "max_usage", "stream"))' "$cases_file")
key=$platform_key
verify_ledger
is "$(grep -c '"level":"error"' "$dir/server.log")" 0 "nothing of it is an error in the server's log"
done_testing
