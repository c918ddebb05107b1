#!/bin/bash
# 25 - what a price depends on besides today: the rules, parameters and deck that a call began with, over swaps, changes
# and restarts; tiers and free seconds used before, over a month's end; and how all of it is explained afterwards.
. tests/e2e/lib.sh
mkdir -p "$dir/dear/pricing/lib"
# a minute at 0.066 has 30 seconds; no golden case has that price
sed 's/line.seconds, 60, places/line.seconds, line.per_minute == decimal.new("0.066") and 30 or 60, places/' \
    lua/pricing/lib/lines.lua >"$dir/dear/pricing/lib/lines.lua"
fresh_server
dear=$(cli rules push "$dir/dear" --note "a minute has 30 seconds")
like "$dear" '^[0-9a-f]{64}$' "rules by which a minute has 30 seconds are published"
cat >"$dir/deck.csv" <<END
prefix,name,per_minute,initial_s,increment_s
44,United Kingdom,0.066,1,1
END
make_deck prices "$dir/deck.csv"
make_company alpha "\"rate_deck\": \"$deck\", \"timezone\": \"Europe/Berlin\"" && alpha=$id
make_company beta "\"rate_deck\": \"$deck\"" && beta=$id
post /v1/calls/authorize "{\"call_id\": \"warm\", \"to\": \"+442079460000\", \"company\": \"$alpha\"}" # makes the wallet
sql "UPDATE wallets SET credit_limit = 100"
authorize() { # CALL_ID [COMPANY]
    post /v1/calls/authorize "{\"call_id\": \"$1\", \"to\": \"+442079460000\", \"company\": \"${2:-$alpha}\"}"
}
renew() { # CALL_ID SEQ ELAPSED
    post "/v1/calls/$1/renew" "{\"seq\": $2, \"elapsed_seconds\": $3, \"company\": \"$alpha\"}"
}
settle_call() { # CALL_ID SECONDS [COMPANY]
    post "/v1/calls/$1/settle" "{\"duration_ms\": ${2}000, \"status\": \"answered\", \"company\": \"${3:-$alpha}\"}"
}
activate() { # BUNDLE: as when it was published and activated; a hint, so that nobody waits
    sql "$(python3 tests/e2e/bundle.py activate "$1")" >/dev/null
    revision=$(sql "SELECT revision FROM rule_slots WHERE role = 'active'")
    redis-cli -s "${TOLLGATE_REDIS_URL#unix://}" publish tollgate:rules "$revision" >/dev/null
    until_true 20 has_revision
}
has_revision() {
    [ "$(sql "SELECT COUNT(*) FROM rule_nodes WHERE revision < $revision AND seen_at > UTC_TIMESTAMP(6) - INTERVAL 3 SECOND")" = 0 ]
}
change() { # JSON: of alpha
    api PATCH "/v1/companies/$alpha" -H 'Content-Type: application/json' -d "$1"
}
explained() { # CALL_ID or EVENT_ID [COMPANY]: [total, replayed total, same, agrees]
    api GET "/v1/usage?company=${2:-$alpha}"
    api GET "/v1/usage/$(field ".data[] | select(.call_id == \"$1\" or .event_id == \"$1\") | .id")/explain"
    json '[.total.amount, .replayed.total.amount, .replayed.same, .agrees]'
}
amount() { # of the last settle
    json '.charge.amount'
}
usage() { # EVENT_ID TIME SECONDS: of alpha, to London
    post /v1/usage "{\"event_id\": \"$1\", \"source\": \"gw\", \"meter\": \"call.seconds\", \"event_time\": \"$2\", \"quantity\": \"$3\",
        \"company\": \"$alpha\", \"properties\": {\"to\": \"+442079460000\", \"status\": \"answered\"}}"
    [ "$(field .accepted)" = 1 ] || echo "# usage $1: $status $body"
}

# --- a swap while calls are live, then a restart
for n in 1 2 3; do authorize "s-$n"; done
is "$(json .hold.amount)" '"0.066"' "a minute costs 0.066"
activate "$dear"
ok $? "other rules decide"
renew s-1 1 30
is "$(json '[.decision, .charged.amount]')" '["continue","0.033"]' "a call is renewed by the rules it began with"
authorize n-1
is "$(json .hold.amount)" '"0.132"' "one that begins now has the new ones"
settle_call s-1 60
is "$(amount)" '"0.066"' "and is settled by those it began with"
stop_server
start_server
settle_call s-2 60
is "$(amount)" '"0.066"' "also by a server that never decided by them"
settle_call n-1 60
is "$(amount)" '"0.132"' "each by its own"
is "$(explained s-2)" '["0.066","0.066",true,true]' "explained by its own rules"
activate release
is "$(explained n-1)" '["0.132","0.132",true,false]' "whatever decides today"

# --- parameters and deck change
authorize p-1
change '{"pricing": {"max_charge": "0.01"}, "rate_deck": null}'
is "$status" 200 "the company has other parameters and no deck"
authorize p-2
is "$(json '[.decision, .reason]')" '["deny","no_rate"]' "for new calls"
renew p-1 1 30
is "$(json .charged.amount)" '"0.033"' "a call keeps those it began with"
settle_call s-3 60
is "$(amount)" '"0.066"' "one that began before two changes as well"
settle_call p-1 60
is "$(amount)" '"0.066"' "to its end"
is "$(explained p-1)" '["0.066","0.066",true,true]' "and in its explanation"
is "$(sql "SELECT COUNT(*) FROM usage_events u LEFT JOIN call_plans p ON p.company_id = u.company_id AND p.id = u.plan_id
    WHERE p.id IS NULL")" 0 "every row names parameters that are there"

# --- tiers, over requests and over the end of a month in Berlin
change "{\"rate_deck\": \"$deck\", \"pricing\": {\"tiers\": [{\"up_to_s\": 6000, \"per_minute\": \"0.06\"}, {\"per_minute\": \"0.03\"}]}}"
usage t-1 2026-07-15T10:00:00Z 5950
usage t-2 2026-07-15T11:00:00Z 100
is "$(explained t-2)" '["0.075","0.075",true,true]' "a call over a tier is split where earlier usage says"
explained t-2 >/dev/null
is "$(json .used_before)" '{"charged_seconds":5950,"free_seconds":[],"meters":null,"month":"2026-07"}' "and says which"
usage t-3 2026-07-31T22:00:00Z 60
is "$(explained t-3)" '["0.06","0.06",true,true]' "August begins at ten in the evening by UTC"
usage t-4 2026-07-31T21:59:59Z 60
is "$(explained t-4)" '["0.03","0.03",true,true]' "what comes later and was earlier is July's"
is "$(sql "SELECT period, counter_s FROM rating_states ORDER BY period" | tr '\t\n' '  ')" "2026-07-01 6110 2026-08-01 60 " \
    "each month has its counter"

# --- free seconds
post /v1/allowances "{\"company\": \"$beta\", \"seconds\": 100, \"prefixes\": [\"44\"], \"note\": \"welcome\"}"
is "$status $(json '[.granted_seconds, .remaining_seconds, .expires_at]')" '201 [100,100,null]' "a hundred seconds are free"
allowance=$(field .id)
left() {
    api GET "/v1/allowances/$allowance"
    json .remaining_seconds
}
authorize f-1 "$beta"
sql "UPDATE wallets SET credit_limit = 100"
is "$(json .hold.amount)" '"0"' "a minute of them holds no money"
is "$(left)" 40 "and is kept"
authorize f-2 "$beta"
is "$(json .hold.amount)" '"0.022"' "the next minute has what is left"
settle_call f-1 30 "$beta"
is "$(amount) $(left)" '"0" 30' "what a call did not use is there again"
settle_call f-2 90 "$beta"
is "$(amount) $(left)" '"0.022" 0' "and used by another"
is "$(explained f-2 "$beta")" '["0.022","0.022",true,true]' "which is explained with what there was"
explained f-2 "$beta" >/dev/null
is "$(json '.used_before.free_seconds == [{allowance: "'"$allowance"'", seconds: 70}]')" true "of which seventy seconds were left"
api GET "/v1/allowances?company=$beta"
is "$(json '[.data[].remaining_seconds]')" '[0]' "the list says what is left"
key_of_beta=$(post /v1/api-keys "{\"name\": \"own\", \"company\": \"$beta\", \"permissions\": [\"allowances:*\"]}" && field .key)
platform_key=$key key=$key_of_beta
post /v1/allowances '{"seconds": 1000}'
problem 403 denied "a company gives itself nothing"
key=$platform_key
verify_ledger
is "$(grep -c '"level":"error"' "$dir/server.log")" 0 "nothing of it is an error in the server's log"
stop_server
is "$server_code" 0 "the server ends with 0"
done_testing
