#!/bin/bash
# 27 - corrections: exact negatives, new lines where the old ones were, free seconds back, and never twice.
. tests/e2e/lib.sh
fresh_server
cat >"$dir/deck.csv" <<END
prefix,name,per_minute,connect_fee,initial_s,increment_s
1,North America,0.06,0,1,1
44,United Kingdom,0.06,0,60,60
END
make_deck prices "$dir/deck.csv"
make_company plain "\"rate_deck\": \"$deck\", \"pricing\": {\"prices\": {\"tts\": {\"model\": \"per_unit\", \"price\": \"0.01\"}}}" && plain=$id
make_company tiers "\"rate_deck\": \"$deck\", \"pricing\": {\"tiers\": [{\"up_to_s\": 6000, \"per_minute\": \"0.06\"}, {\"per_minute\": \"0.03\"}]}" &&
    tiers=$id
sql 'UPDATE wallets SET credit_limit = 100'
usage() { # COMPANY EVENT_ID MILLISECONDS [NUMBER]: its id in $id
    post /v1/usage "$(jq -nc --arg company "$1" --arg id "$2" --argjson ms "$3" --arg to "${4:-+442079460000}" '{company: $company,
        event_id: $id, source: "gw-1", meter: "call.seconds", event_time: "2026-07-15T10:00:00Z", quantity: "\($ms / 1000)",
        properties: {to: $to, duration_ms: $ms, status: "answered"}}')"
    api GET "/v1/usage?source=gw-1&event_id=$2&company=$1"
    id=$(field '.data[0].id')
}
correct() { # PATH JSON [curl arguments…]
    post "$1/corrections" "$2" "${@:3}"
}
balance() { # COMPANY
    api GET "/v1/wallets?company=$1"
    field '.data[0].balance.amount'
}

# --- H02: 120 s were 60 s
usage "$plain" e1 120000 && e1=$id
is "$(balance "$plain")" -0.12 "two minutes are charged"
correct "/v1/usage/$e1" '{"duration_ms": 60000, "reason": "the carrier says so"}'
is "$status $(json '[.net.amount, .void, .call, (.usage[0] | [.before.amount, .amount.amount, .quantity, .billed_seconds, .status])]')" \
    '201 ["-0.06",false,null,["0.12","0.06","60",60,"rated"]]' "half of it was wrong"
is "$(json '.usage[0] | [(.reversal | map([.kind, .seconds, .amount])), (.lines | map([.kind, .seconds, .amount]))]')" \
    '[[["usage",120,"-0.12"]],[["usage",60,"0.06"]]]' "the line is taken back exactly, and another stands instead"
first=$(field .id) entry=$(field .entry)
is "$(balance "$plain")" -0.06 "the difference is given back"
api GET "/v1/usage/$e1/explain"
is "$(json '[.total.amount, .agrees, (.corrections | map([.id, .net.amount, .reason]))]')" \
    "[\"0.12\",true,[[\"$first\",\"-0.06\",\"the carrier says so\"]]]" "what was priced is as it was, with its correction"
correct "/v1/usage/$e1" '{"duration_ms": 60000, "reason": "again"}'
problem 409 nothing_to_correct "what is so already is not corrected"
correct "/v1/usage/$e1" '{"duration_ms": 120000, "reason": "it was right"}'
is "$status $(json '[.net.amount, .usage[0].before.amount, .usage[0].amount.amount]')" '201 ["0.06","0.06","0.12"]' \
    "a correction of the correction"
is "$(balance "$plain")" -0.12 "returns to the start"
correct "/v1/usage/$e1" '{"void": true, "reason": "a test call"}' -H 'Idempotency-Key: v-1'
is "$status $(json '[.void, .net.amount, .usage[0].lines, .usage[0].status]')" '201 [true,"-0.12",[],"not_billable"]' "void: it costs nothing"
cp "$dir/body" "$dir/first"
correct "/v1/usage/$e1" '{"void": true, "reason": "a test call"}' -H 'Idempotency-Key: v-1'
is "$status $(json .)" "201 $(jq -cS . <"$dir/first")" "said again with its key: the same answer"
is "$(balance "$plain")" 0 "once"
correct "/v1/usage/$e1" '{"duration_ms": 120000, "reason": "no test after all"}'
is "$(json '[.void, .net.amount]')" '[false,"0.12"]' "and back again"
api GET "/v1/usage/summary?company=$plain&from=2026-07-01T00:00:00Z&to=2026-08-01T00:00:00Z"
is "$(json '.totals[0] | [.events, .billed_seconds, .amount.amount]')" '[1,120,"0.12"]' "the summary counts what holds"
correct "/v1/usage/$e1" '{"status": "busy", "reason": "nobody answered"}'
is "$(json '[.net.amount, .usage[0].status]')" '["-0.12","not_billable"]' "another status"
api GET "/v1/usage/summary?company=$plain&from=2026-07-01T00:00:00Z&to=2026-08-01T00:00:00Z&group_by=day"
is "$(json '.data[0] | [.day, .events, .billed_seconds, .amount.amount]')" '["2026-07-15",1,0,"0"]' "… of its own day"

# --- H04: the tier of then, and no cascade
period=2026-07-01
usage "$tiers" t0 5950000 +12125550100
is "$(sql "SELECT counter_s FROM rating_states WHERE period = '$period'")" 5950 "the counter of the period"
usage "$tiers" t1 100000 +12125550100 && t1=$id
usage "$tiers" t2 60000 +12125550100
api GET "/v1/usage?source=gw-1&event_id=t2"
is "$(field '.data[0].amount.amount')" 0.03 "what came later is in the next tier"
correct "/v1/usage/$t1" '{"duration_ms": 20000, "reason": "half of it was ringing"}'
is "$(json '[.net.amount, .usage[0].before.amount, .usage[0].amount.amount]')" '["-0.055","0.075","0.02"]' \
    "a call that crossed a tier is rated at its own place"
api GET "/v1/usage?source=gw-1&event_id=t2"
is "$(field '.data[0].amount.amount')" 0.03 "and nothing else is rated again"
is "$(sql "SELECT counter_s FROM rating_states WHERE period = '$period'")" 6030 "the counter is what it would be"
correct "/v1/usage/$t1" '{"duration_ms": 100000, "reason": "no"}'
is "$(json '[.net.amount, .usage[0].amount.amount]') $(sql "SELECT counter_s FROM rating_states WHERE period = '$period'")" \
    '["0.055","0.075"] 6110' "back again, to the last second"

# --- free seconds go back, and are no more than there are
make_company free "\"rate_deck\": \"$deck\"" && free=$id
sql "UPDATE wallets SET credit_limit = 100; UPDATE companies SET has_allowances = 1 WHERE name = 'free';
    INSERT INTO allowances (company_id, id, granted_s, remaining_s, starts_at, created_at)
    SELECT id, UNHEX(REPLACE(UUID(), '-', '')), 100, 100, '2026-01-01', NOW() FROM companies WHERE name = 'free'"
left() {
    sql "SELECT remaining_s FROM allowances"
}
usage "$free" f1 100000 +12125550100 && f1=$id
usage "$free" f2 50000 +12125550100
is "$(balance "$free") $(left)" "-0.05 0" "a hundred seconds are free, fifty are charged"
correct "/v1/usage/$f1" '{"duration_ms": 60000, "reason": "r"}'
is "$status $(json '[.net.amount, .entry, (.usage[0].lines | map([.kind, .seconds]))]') $(left)" '201 ["0",null,[["bundle",60]]] 40' \
    "forty of them go back, and no money moves"
correct "/v1/usage/$f1" '{"duration_ms": 130000, "reason": "r"}'
is "$(json '[.net.amount, (.usage[0].lines | map([.kind, .seconds]))]') $(left)" '["0.03",[["bundle",100],["usage",30]]] 0' \
    "a longer call takes them again, and what it took then"
usage "$free" f3 60000 +12125550100
correct "/v1/usage/$f1" '{"void": true, "reason": "r"}'
is "$(json .net.amount) $(left)" '"-0.03" 100' "void: all of them are there again"
usage "$free" f4 80000 +12125550100
correct "/v1/usage/$f1" '{"duration_ms": 100000, "reason": "r"}'
is "$(json .net.amount) $(left)" '"0.08" 0' "others have used most of them meanwhile: twenty are left for it"

# --- what a price remembers of the period
make_company sms '"pricing": {"prices": {"sms": {"model": "package", "price": "1", "size": 10}}}' && sms=$id
sql 'UPDATE wallets SET credit_limit = 100'
sent() { # EVENT_ID QUANTITY: its id in $id, what it costs in $cost
    post /v1/usage "{\"company\": \"$sms\", \"event_id\": \"$1\", \"source\": \"gw-1\", \"meter\": \"sms\", \"event_time\": \"2026-07-15T10:00:00Z\", \"quantity\": \"$2\"}"
    api GET "/v1/usage?source=gw-1&event_id=$1"
    id=$(field '.data[0].id') cost=$(field '.data[0].amount.amount')
}
sent m1 12 && m1=$id
sent m2 5 && m2=$id
is "$cost" 0 "of two packages twenty, of which seventeen are used"
correct "/v1/usage/$m1" '{"quantity": "3", "reason": "r"}'
is "$status $(json '[.net.amount, .usage[0].amount.amount]')" '201 ["-1","1"]' "nine less: one package would have done"
correct "/v1/usage/$m2" '{"void": true, "reason": "r"}'
is "$status $(json .net.amount)" '201 "0"' "what cost nothing is void, too"
correct "/v1/usage/$m2" '{"quantity": "5", "reason": "r"}'
sent m3 3
is "$cost" 1 "and who comes next finds eight used, and begins another"

# --- a call, all its meters in one entry
post /v1/calls/authorize "{\"call_id\": \"c-1\", \"to\": \"+442079460000\", \"company\": \"$plain\"}"
correct /v1/calls/c-1 "{\"void\": true, \"reason\": \"x\", \"company\": \"$plain\"}"
problem 409 call_open "a call under way is settled, not corrected"
before=$(balance "$plain")
post /v1/calls/c-1/settle "{\"company\": \"$plain\", \"duration_ms\": 61000, \"status\": \"answered\", \"usage\": [{\"meter\": \"tts\", \"quantity\": \"7\"}]}"
is "$(json .charge.amount)" '"0.19"' "a call of two meters"
correct /v1/calls/c-1 "{\"company\": \"$plain\", \"duration_ms\": 59000, \"usage\": [{\"meter\": \"tts\", \"quantity\": \"5\"}], \"reason\": \"r\"}"
is "$status $(json '[.net.amount, (.usage | map([.meter, .before.amount, .amount.amount]))]')" \
    '201 ["-0.08",[["call.seconds","0.12","0.06"],["tts","0.07","0.05"]]]' "both are corrected"
correct /v1/calls/c-1 "{\"company\": \"$plain\", \"usage\": [{\"meter\": \"llm\", \"quantity\": \"5\"}], \"reason\": \"r\"}"
problem 422 invalid_input "a meter that it has not" /usage/0/meter
correct /v1/calls/c-1 "{\"company\": \"$plain\", \"void\": true, \"reason\": \"r\"}"
is "$(json '[.net.amount, .void]')" '["-0.11",true]' "void"
is "$(balance "$plain")" "$before" "nothing of it is left"
api GET "/v1/calls/c-1?company=$plain"
is "$(json '[.charge.amount, .corrected.amount, (.corrections | map(.net.amount))]')" '["0.19","0",["-0.08","-0.11"]]' "the call shows what became of it"
api GET "/v1/calls?company=$plain"
is "$(json '.data[0] | [.charge.amount, .corrected.amount]')" '["0.19","0"]' "so does the list"
api GET "/v1/usage?company=$plain"
is "$(json '[.data[] | [.meter, .amount.amount, .corrected.amount]] | sort')" \
    '[["call.seconds","0.12","0"],["call.seconds","0.12","0"],["tts","0.07","0"]]' "and that of usage"

# --- refused
for each in '{"duration_ms": 1}:/reason' '{"reason": "x"}:' '{"void": true, "duration_ms": 1, "reason": "x"}:/duration_ms' \
    '{"duration_ms": -1, "reason": "x"}:/duration_ms' '{"quantity": "5", "reason": "x"}:/quantity' '{"minutes": 5, "reason": "x"}:/minutes'; do
    correct "/v1/usage/$e1" "${each%:*}"
    problem 422 invalid_input "${each%:*}" "${each##*:}"
done
post /v1/api-keys "{\"name\": \"gateway\", \"company\": \"$plain\", \"permissions\": [\"calls:write\", \"calls:read\", \"usage:*\"]}"
platform_key=$key key=$(field .key)
correct "/v1/usage/$e1" '{"void": true, "reason": "x"}'
problem 403 denied "a gateway corrects nothing"
key=$platform_key
post /v1/api-keys "{\"name\": \"owner\", \"company\": \"$plain\"}"
key=$(field .key)
correct "/v1/usage/$e1" '{"void": true, "reason": "x"}'
problem 403 denied "nor does who pays"
correct /v1/calls/c-1 '{"duration_ms": 1000, "reason": "x"}'
problem 403 denied "not of a call either"
key=$platform_key
post /v1/api-keys "{\"name\": \"other\", \"company\": \"$tiers\"}"
key=$(field .key)
correct "/v1/usage/$e1" '{"void": true, "reason": "x"}'
problem 404 not_found "nor does another company"
correct "/v1/calls/c-1" "{\"void\": true, \"reason\": \"x\", \"company\": \"$plain\"}"
problem 404 not_found "not by its name either"
key=$platform_key
api GET "/v1/audit-log?action=corrections.correct_usage&outcome=done"
is "$(json '[(.data | length), (.data[-1] | [.after.changes.reason, .after.net])]')" '[14,["the carrier says so","-0.06"]]' "each is in the audit log"

# --- two at once
usage "$plain" race 120000 && race=$id
before=$(balance "$plain")
for i in 1 2 3 4 5 6; do
    curl -s -o "$dir/race-$i" -H "Authorization: Bearer $key" -H 'Content-Type: application/json' \
        -d "{\"duration_ms\": 60000, \"reason\": \"at once\"}" "http://127.0.0.1:$port/v1/usage/$race/corrections" &
    pids[i]=$!
done
wait "${pids[@]}"
is "$(cat "$dir"/race-? | jq -r '.net.amount // (.type | split("/")[-1])' | sort | uniq -c | sed 's/^ *//' | tr '\n' ' ')" \
    "1 -0.06 5 nothing_to_correct " "of six at once one corrects"
equal "and the money moves once" "$(python3 -c "import sys, decimal; print(sum(map(decimal.Decimal, sys.argv[1:])))" "$before" 0.06)" "$(balance "$plain")"
verify_ledger
is "$(grep -c '"level":"error"' "$dir/server.log")" 0 "nothing of it is an error in the server's log"
done_testing
