#!/bin/bash
# 28 - calls while everything else moves the same wallets: top-ups, credit that ends, corrections, stops, free seconds.
# Nobody waits for long, nothing fails, and the books add up.
. tests/e2e/lib.sh
fresh_server
url=http://127.0.0.1:$port
seconds=${TOLLGATE_TEST_FULL:+60}
seconds=${seconds:-12}
"$TOLLGATE" sim calls --url "$url" --key-file "$dir/key" --at-once 20 --calls 40 --companies 3 --money 1000 --seed 7 --abandon 0 >"$dir/sim.out" 2>"$dir/sim.err"
is $? 0 "a first round of calls, alone"
api GET "/v1/wallets?limit=100"
wallets=$(json '[.data[] | select(.credit_limit.amount | tonumber > 0)] | map(.id + " " + .company) | .[]' | tr -d '"')
is "$(echo "$wallets" | wc -l)" 3 "three wallets"
beside() { # WHAT: again and again, until there is a file `stop`
    while [ ! -e "$dir/stop" ]; do
        "$1"
    done
}
quiet() { # METHOD PATH BODY
    curl -s -o "$dir/out.$BASHPID" -w "%{http_code} %{time_total} $1 ${2%%\?*}\n" -X "$1" -H "authorization: Bearer $key" -H 'content-type: application/json' \
        -H "idempotency-key: $RANDOM-$RANDOM-$BASHPID-$SECONDS" -d "$3" "$url$2" >>"$dir/beside"
}
pick() { # a line of standard input
    shuf -n 1
}
top_up() { quiet POST "/v1/wallets/$(echo "$wallets" | head -1 | cut -d' ' -f1)/topups" '{"amount": "1.00", "reference": "r"}'; }
give_credit() { quiet POST "/v1/wallets/$(echo "$wallets" | pick | cut -d' ' -f1)/credits" "{\"amount\": \"0.50\", \"expires_at\": \"$(date -u -d '+2 seconds' +%FT%TZ)\"}"; }
give_seconds() { quiet POST "/v1/allowances" "{\"company\": \"$(echo "$wallets" | pick | cut -d' ' -f2)\", \"seconds\": 30}"; }
limit_it() { quiet POST "/v1/wallets/$(echo "$wallets" | pick | cut -d' ' -f1)/credit-limit" "{\"amount\": \"$((900 + RANDOM % 200))\"}"; }
of_each() { # SQL CONDITION, END OF PATH, BODY: of some call, whoever's it is
    local name company
    name=$(sql "SELECT call_id FROM calls WHERE $1 ORDER BY RAND() LIMIT 1")
    for company in $(echo "$wallets" | cut -d' ' -f2); do
        [ -z "$name" ] || quiet POST "/v1/calls/$name/$2" "{\"company\": \"$company\", \"reason\": \"test\"$3}"
    done
}
correct() { of_each "state = 'settled'" corrections ", \"duration_ms\": $((RANDOM * 10))"; }
stop_one() { of_each "state = 'open'" stop ""; }
pids=()
for what in top_up top_up top_up top_up give_credit give_seconds limit_it correct correct stop_one; do
    beside "$what" &
    pids+=($!)
done
# it finds other prices than its own, for there are free seconds, and ends with 3
"$TOLLGATE" sim calls --url "$url" --key-file "$dir/key" --rate 1 --speed 10 --for "$seconds" --companies 3 --money 1000 --seed 8 \
    --repeat 10 --abandon 0 >"$dir/sim.out" 2>"$dir/sim.err"
touch "$dir/stop"
wait "${pids[@]}"
echo "# slowest beside: $(sort -k2 -n -r "$dir/beside" | head -1)"
grep -h ' arrived, .* errors' "$dir/sim.err" | sed 's/^ */# /'
is "$(grep -h ' arrived, ' "$dir/sim.err" | grep -cv '; 0 errors')" 0 "no call meets a fault"
for done in topups credits allowances credit-limit corrections stop; do
    grep -q "^20. .*/$done" "$dir/beside"
    ok $? "$done came through"
done
is "$(grep -c '^\(5\|429\|000\)' "$dir/beside")" 0 "nothing beside fails"
verify_ledger
is "$(grep -c '"level":"error"' "$dir/server.log")" 0 "and no error in the log"
done_testing
