#!/bin/bash
# 25 - calls while they happen: authorized, renewed, settled as documented; every reason to refuse; what nobody settled.
. tests/e2e/lib.sh
fresh_server
cat >"$dir/deck.csv" <<END
prefix,name,per_minute,connect_fee,initial_s,increment_s,blocked
1,North America,0.06,0,1,1,
44,United Kingdom,0.0120,0,60,60,
449,barred,1,0,60,60,true
END
make_deck prices "$dir/deck.csv"
make_company alpha "\"rate_deck\": \"$deck\"" && alpha=$id
make_company beta "\"rate_deck\": \"$deck\"" && beta=$id
platform_key=$key
for company in $alpha $beta; do
    post /v1/api-keys "{\"name\": \"gateway\", \"company\": \"$company\", \"permissions\": [\"calls:*\", \"wallets:read\", \"usage:*\"]}"
    [ "$company" = "$alpha" ] && alpha_key=$(field .key) || beta_key=$(field .key)
done
key=$alpha_key
of_company() { # COMPANY: as in SQL
    echo "company_id = (SELECT id FROM companies WHERE name = '$1')"
}
money() { # COMPANY AMOUNT: what it may spend in all
    sql "UPDATE wallets SET credit_limit = $2 - balance WHERE $(of_company "$1")"
}
wallet() { # of $key's company: [balance, held, available]
    api GET "/v1/wallets"
    json '.data[0] | [.balance.amount, .held.amount, .available.amount]'
}
authorize() { # CALL_ID NUMBER [JQ OBJECT to add]
    post /v1/calls/authorize "$(jq -nc --arg id "$1" --arg to "$2" '{call_id: $id, to: $to} + '"${3:-{\}}")"
}
renew() { # CALL_ID SEQ ELAPSED [REQUEST]
    post "/v1/calls/$1/renew" "{\"seq\": $2, \"elapsed_seconds\": $3, \"request_seconds\": ${4:-60}}"
}
settle_call() { # CALL_ID MILLISECONDS [JQ OBJECT to add]
    post "/v1/calls/$1/settle" "$(jq -nc --argjson ms "$2" '{duration_ms: $ms, status: "answered"} + '"${3:-{\}}")"
}
same_again() { # NAME COMMAND…: the same bytes, and nothing moves
    local name=$1 before after
    shift
    cp "$dir/body" "$dir/first"
    before=$(sums)
    "$@"
    cmp -s "$dir/first" "$dir/body"
    ok $? "$name: the same bytes again"
    after=$(sums)
    is "$after" "$before" "$name: nothing moves"
    is "$(header idempotency-replayed)" true "$name: and it says so"
}
sums() {
    sql "SELECT balance, held, open_calls FROM wallets; SELECT COUNT(*) FROM ledger_entries; SELECT COUNT(*) FROM usage_events"
}

# --- as the document of the product has it
money alpha 10
post /v1/calls/authorize '{"call_id":"c-1","from":"+12125550100","to":"+442079460000","agent_id":"a-7","meters":["call.seconds"]}'
is "$status $body" '200 {"decision":"allow","call_id":"c-1","hold":{"amount":"0.012","currency":"USD"},"max_seconds":60,"renew_in_seconds":45,"rate":{"per_minute":"0.012","prefix":"44"}}' \
    "authorize"
is "$content_type" application/json "as JSON"
same_again authorize post /v1/calls/authorize \
    '{"meters":["call.seconds"],"to":"+442079460000","agent_id":"a-7","from":"+12125550100","call_id":"c-1"}'
is "$(wallet)" '["0","0.012","9.988"]' "its money is held"
authorize c-1 +442079460001
problem 409 call_exists "another call of that name is refused"
api GET '/v1/calls?state=open'
is "$status $(json '.data[0] | [.call_id, .state, .held.amount, .debited.amount, .charge, .agent_id, .from]')" \
    '200 ["c-1","open","0.012","0",null,"a-7","+12125550100"]' "the list shows it live"
post /v1/calls/c-1/renew '{"seq":1,"elapsed_seconds":45,"request_seconds":60}'
is "$status $(json '[.decision, .max_seconds, .renew_in_seconds, .charged]')" \
    '200 ["continue",120,45,{"amount":"0.012","currency":"USD"}]' "renew"
same_again renew post /v1/calls/c-1/renew '{"seq":1,"elapsed_seconds":45,"request_seconds":60}'
is "$(wallet)" '["-0.012","0.012","9.976"]' "one minute is charged, the next is held"
post /v1/calls/c-1/settle '{"duration_ms":61000,"status":"answered","usage":[{"meter":"llm.tokens.in","quantity":"5120"}]}'
is "$status $(json '[.call_id, .charge, (.lines | length), .wallet]')" \
    '200 ["c-1",{"amount":"0.024","currency":"USD"},1,{"available":{"amount":"9.976","currency":"USD"},"balance":{"amount":"-0.024","currency":"USD"},"held":{"amount":"0","currency":"USD"}}]' \
    "settle"
is "$(json '.not_rated[0] | [.meter, .status]')" '["llm.tokens.in","unrated"]' "a meter without a price is named"
same_again settle post /v1/calls/c-1/settle '{"duration_ms":61000,"status":"answered","usage":[{"meter":"llm.tokens.in","quantity":"5120"}]}'
same_again "settled otherwise" settle_call c-1 90000
before=$(sums)
post /v1/calls/authorize '{"call_id":"c-1","from":"+12125550100","to":"+442079460000","agent_id":"a-7","meters":["call.seconds"]}'
is "$status $(json .)" '200 {"decision":"deny","reason":"call_closed"}' "the name of a call that is over begins no other, and nothing is held for it"
is "$(sums)" "$before" "… nothing moves"
renew c-1 2 90
is "$status $(json .)" '200 {"decision":"stop","grace_seconds":0,"reason":"call_closed"}' "who renews what is over is told to stop"
api GET /v1/calls/c-1
is "$status $(json '[.state, .charge.amount, .debited.amount, .status, .duration_ms, .seq, (.debits | map([.seq, .amount.amount])), .late]')" \
    '200 ["settled","0.024","0.012","answered",61000,1,[[1,"0.012"]],null]' "the call with all there is"
is "$(json '[(.usage | map([.meter, .status, .amount.amount])), (.lines | map([.kind, .meter, .amount])), .plan.currency]')" \
    '[[["call.seconds","rated","0.024"],["llm.tokens.in","unrated",null]],[["usage","call.seconds","0.024"]],"USD"]' "… its usage, its lines, its plan"
call=$(field .id) usage_id=$(field '.usage[0].id')
api GET "/v1/calls/$call"
is "$status $(field .call_id)" "200 c-1" "and by our id"
api GET "/v1/usage/$usage_id/explain"
is "$status $(json '[.agrees, .total.amount, .replayed.same]')" '200 [true,"0.024",true]' "its price is explained like any other"
usage_event() { # CALL_ID
    post /v1/usage "$(event "of-$1" "{call_id: \"$1\", meter: \"call.seconds\"}")"
    json '[.accepted, .duplicates, (.rejected | map(.reason))]'
}
is "$(usage_event c-1)" '[0,1,[]]' "usage that names a settled call is a duplicate"

# --- every reason to refuse
authorize c-open +442079460000
is "$(usage_event c-open)" '[0,0,["conflict"]]' "usage that names a call under way is a conflict"
settle_call c-open 0 '{status: "busy"}'
is "$status $(json .charge.amount)" '200 "0"' "a busy call costs nothing"
refused() { # REASON NAME
    is "$status $(json .)" "200 {\"decision\":\"deny\",\"reason\":\"$1\"}" "$2"
}
authorize d-1 +999123456789
refused no_rate "no rate"
authorize d-1 911
refused no_rate "no number"
authorize d-1 +4491234567
refused destination_blocked "a barred destination"
money alpha 0.0119
authorize d-1 +442079460000
refused insufficient_funds "money for a part of a minute"
money alpha 10
authorize d-1 +442079460000
is "$(field .decision)" allow "a denial is not kept: with money the same call may begin"
settle_call d-1 0 '{status: "no_answer"}'
limits() { # JSON
    key=$platform_key api PATCH "/v1/companies/$alpha" -H 'Content-Type: application/json' -d "{\"limits\": $1}"
    is "$status $(json .limits)" "200 $(jq -cS . <<<"$1")" "limits: $1"
}
limits '{"blocked_prefixes": ["4420"]}'
authorize d-2 +442079460000
refused destination_blocked "a prefix that the company may not call"
limits '{"calls_per_hour": 3}'
authorize d-2 +442079460000
authorize d-3 +442079460000
authorize d-4 +442079460000
authorize d-5 +442079460000
refused rule_denied "more calls an hour than there may be"
limits '{"concurrent_calls": 3}'
authorize d-6 +442079460000
refused concurrency_limit "no line is free"
for n in 2 3 4; do settle_call d-$n 0 '{status: "busy"}'; done
authorize d-6 +442079460000
is "$(field .decision)" allow "now one is"
settle_call d-6 0 '{status: "busy"}'
limits null
key=$beta_key api PATCH "/v1/companies/$beta" -H 'Content-Type: application/json' -d '{"limits": null}'
problem 403 denied "a gateway's key changes no limits"
key=$platform_key post /v1/api-keys "{\"name\": \"admin of beta\", \"company\": \"$beta\"}"
admin_key=$(field .key)
key=$admin_key api PATCH "/v1/companies/$beta" -H 'Content-Type: application/json' -d '{"limits": {"concurrent_calls": 1000}}'
problem 403 denied "nor does a company its own"

# --- money that ends
money alpha 0.1
authorize f-1 +12125550100
is "$(json '[.max_seconds, .final]')" '[60,null]' "a minute of money that lasts for 100 s"
renew f-1 1 60
is "$(json '[.decision, .max_seconds, .final, .renew_in_seconds]')" '["continue",100,true,40]' "the rest is the final unit"
renew f-1 2 100
is "$(json '[.decision, .reason, .grace_seconds]')" '["stop","insufficient_funds",10]' "then it is to stop"
renew f-1 1 60
is "$(json '[.decision, .duplicate]')" '["stop",true]' "an older sequence number gets the latest answer"
settle_call f-1 103000
is "$status $(json '[.charge.amount, .overrun.amount, .wallet.available.amount]')" '200 ["0.103","0.003","-0.003"]' \
    "what was used beyond the grant is charged, and said to be an overrun"
api GET /v1/calls/f-1
is "$(json '[.overrun.amount, (.debits | length)]')" '["0.003",2]' "and stands with the call"

# --- stopped
money alpha 10
authorize s-1 +442079460000
post /v1/calls/s-1/stop '{"reason":"supervisor"}'
is "$status $(json '[.state, .stop_reason]')" '200 ["open","supervisor"]' "a call is marked to be stopped"
renew s-1 1 30
is "$(json '[.decision, .reason, .grace_seconds]')" '["stop","supervisor",10]' "at its next renewal it is told so"
settle_call s-1 35000
is "$status" 200 "and settles as any other"
post /v1/calls/s-1/stop '{}'
problem 409 call_closed "what is over cannot be stopped"
key=$platform_key
authorize s-2 +442079460000 "{company: \"$alpha\"}"
api PATCH "/v1/companies/$alpha" -H 'Content-Type: application/json' -d '{"status": "suspended"}'
sql "UPDATE companies SET status = 'suspended' WHERE name = 'alpha'" # whoever else would have to agree
post /v1/calls/s-2/renew "{\"seq\": 1, \"elapsed_seconds\": 30, \"company\": \"$alpha\"}"
is "$(json '[.decision, .reason]')" '["stop","company_suspended"]' "a suspended company's calls come to their end"
authorize s-3 +442079460000 "{company: \"$alpha\"}"
refused company_suspended "and it begins none"
post /v1/calls/s-2/settle "{\"duration_ms\": 30000, \"status\": \"answered\", \"company\": \"$alpha\"}"
sql "UPDATE companies SET status = 'active' WHERE name = 'alpha'"
key=$alpha_key

# --- nobody settles
comes_to_its_end() { # CALL_ID
    sql "UPDATE calls SET expires_at = NOW(6) - INTERVAL 1 SECOND WHERE call_id = '$1' AND state = 'open'"
    until_true 20 is_expired "$1"
}
is_expired() {
    [ "$(sql "SELECT state FROM calls WHERE call_id = '$1'")" = expired ]
}
authorize x-1 +12125550100
renew x-1 1 60
comes_to_its_end x-1
ok $? "a call that nobody settles expires"
api GET /v1/calls/x-1
is "$(json '[.state, .charge.amount, .held.amount, .expires_at, .late]')" '["expired","0.06","0",null,null]' \
    "what it reported is charged, the rest released"
settle_call x-1 75000
is "$status $(json .)" '200 {"call_id":"x-1","charge":{"amount":"0.06","currency":"USD"},"duplicate":true}' \
    "a late settle is a duplicate of what was charged"
settle_call x-1 75000
is "$(json '[.charge.amount, .duplicate]')" '["0.06",true]' "however often"
api GET /v1/calls/x-1
is "$(json '[.late.difference.amount, .late.report.duration_ms, .late.report.status]')" '["0.015",75000,"answered"]' \
    "the difference is filed for somebody to look at"
settle_call x-1 90000
api GET /v1/calls/x-1
is "$(json .late.difference.amount)" '"0.015"' "once"
authorize x-2 +442079460000
comes_to_its_end x-2
api GET /v1/calls/x-2
is "$(json '[.charge.amount, .held.amount]')" '["0","0"]' "a call that never answered costs nothing"

alerts_of() { # KIND: the call_ids
    key=$platform_key api GET "/v1/alerts?limit=500"
    jq -r --arg kind "$1" '.data[] | select(.kind == $kind).data.call_id' <<<"$body" | sort | tr '\n' ' '
}
are_raised() {
    [ "$(alerts_of call.overrun) $(alerts_of call.settled_late)" = "f-1  x-1 " ]
}
until_true 20 are_raised
ok $? "the overrun and the late settle are alerts, each once"

# --- bad input
authorize "" +442079460000
problem 422 invalid_input "no name" /call_id
authorize b-1 +442079460000 '{metres: []}'
problem 422 invalid_input "an unknown field" /metres
authorize b-1 +442079460000 '{meters: [range(51) | "m\(.)"]}'
problem 422 invalid_input "too many meters" /meters
authorize b-1 +442079460000
settle_call b-1 61000 '{usage: [{meter: "tts", quantity: "1"}, {meter: "tts", quantity: "2"}]}'
problem 422 invalid_input "a meter twice" /usage/1/meter
settle_call b-1 -1
problem 422 invalid_input "a call shorter than nothing" /duration_ms
renew b-1 0 45
problem 422 invalid_input "a sequence number that is none" /seq
settle_call b-1 0 '{status: "busy"}'
authorize 'a/b ü' +442079460000
problem 422 invalid_input "a name with a space" /call_id
authorize 'a/b#ü?' +442079460000
settle_call 'a%2Fb%23%C3%BC%3F' 1000
is "$status $(field .call_id)" '200 a/b#ü?' "a name that has to be escaped in a path"

# --- whose calls
key=$beta_key
for verb in renew:'{"seq":1,"elapsed_seconds":1}' settle:'{"duration_ms":0,"status":"busy"}' stop:'{}'; do
    post "/v1/calls/c-1/${verb%%:*}" "${verb#*:}"
    problem 404 not_found "${verb%%:*}: no call of another company"
    post "/v1/calls/c-1/${verb%%:*}" "$(jq -c ". + {company: \"$alpha\"}" <<<"${verb#*:}")"
    problem 404 not_found "${verb%%:*}: nor with its company named"
done
authorize mine +442079460000 "{company: \"$alpha\"}"
problem 404 not_found "nobody calls at another's cost"
for path in /v1/calls/c-1 "/v1/calls/$call" "/v1/calls/c-1?company=$alpha"; do
    api GET "$path"
    problem 404 not_found "GET $path"
done
api GET "/v1/calls?company=$alpha"
is "$status $(json .data)" '200 []' "and a list has none of theirs"
money beta 1
authorize c-1 +442079460000
is "$(field .decision)" allow "the name of a call is its company's own"
settle_call c-1 1000
key=$platform_key
authorize from-above +442079460000 "{company: \"$beta\"}"
is "$(field .decision)" allow "a company above calls for one below"
post /v1/calls/from-above/settle "{\"duration_ms\": 1000, \"status\": \"answered\", \"company\": \"$beta\"}"
is "$status $(json .charge.amount)" '200 "0.012"' "and settles there"

# --- lists
ids_of() { # QUERY: the call_ids of all pages, two rows at a time
    local cursor=
    while :; do
        api GET "/v1/calls?limit=2&$1${cursor:+&cursor=$cursor}"
        [ "$status" = 200 ] || { echo "# $1: $status $body" && return 1; }
        field '.data[].call_id'
        cursor=$(field '.next_cursor // ""')
        [ -n "$cursor" ] || break
    done
}
is "$(ids_of '' | wc -l)" "$(sql 'SELECT COUNT(*) FROM calls')" "from above all calls are seen, page by page"
is "$(ids_of "company=$beta" | tr '\n' ' ')" "from-above c-1 " "the newest first"
is "$(ids_of 'state=expired' | tr '\n' ' ')" "x-2 x-1 " "by state"
is "$(ids_of 'to_number=%2B12125550100' | tr '\n' ' ')" "x-1 f-1 " "by number called"
is "$(ids_of 'agent_id=a-7&from_number=%2B12125550100')" "c-1" "by agent and caller"
is "$(ids_of "from=$(date -u -d '+1 hour' +%FT%TZ)")" "" "from an hour to come there are none"
is "$(ids_of "to=$(date -u -d '-1 hour' +%FT%TZ)")" "" "nor until an hour ago"
key=$alpha_key
for n in 1 2 3; do authorize "o-$n" +442079460000; done
is "$(ids_of state=open | tr '\n' ' ')" "o-3 o-2 o-1 " "what is open, page by page"
for n in 1 2 3; do settle_call "o-$n" 1000; done

# --- a heap of them
authorize heap +442079460000
sql "INSERT INTO calls (company_id, id, call_key, call_id, state, request_hash, request, opened_at, expires_at, granted_s, held,
        currency, rule_bundle, plan_id, deck_id, deck_version, authorize_answer)
    SELECT c.company_id, UNHEX(CONCAT(LEFT(HEX(c.id), 20), LPAD(HEX(n.seq), 12, '0'))), UNHEX(LEFT(SHA2(CONCAT('heap-', n.seq), 256), 32)),
        CONCAT('heap-', n.seq), c.state, c.request_hash, c.request, c.opened_at, c.expires_at, c.granted_s, c.held, c.currency,
        c.rule_bundle, c.plan_id, c.deck_id, c.deck_version, c.authorize_answer
    FROM calls c, seq_1_to_10000 n WHERE c.call_id = 'heap';
    UPDATE wallets w SET held = (SELECT SUM(held) FROM calls c WHERE c.company_id = w.company_id AND state = 'open'), open_calls = 10001
    WHERE $(of_company alpha);
    UPDATE calls SET expires_at = NOW(6) - INTERVAL 1 SECOND WHERE state = 'open'"
none_is_open() {
    [ "$(sql "SELECT COUNT(*) FROM calls WHERE state = 'open'")" = 0 ]
}
began=$SECONDS
until_true 60 none_is_open
ok $? "ten thousand calls that are due come to their end ($((SECONDS - began)) s)"
is "$(sql "SELECT held + 0, open_calls FROM wallets WHERE $(of_company alpha)" | tr '\t' ' ')" "0.000000000000 0" "and hold nothing any more"
key=$platform_key
verify_ledger
is "$(grep -c '"level":"error"' "$dir/server.log")" 0 "nothing of it is an error in the server's log"
stop_server
is "$server_code" 0 "the server ends with 0"
done_testing
