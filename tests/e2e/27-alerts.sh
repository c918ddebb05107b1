#!/bin/bash
# 27 - alerts: levels are told of once each way, a wallet wants money once, and what happened is published.
. tests/e2e/lib.sh
fresh_server
platform_key=$key
cat >"$dir/deck.csv" <<CSV
prefix,name,per_minute,initial_s,increment_s
1,North America,0.0120,60,60
CSV
make_deck prices "$dir/deck.csv"
make_company acme "\"rate_deck\": \"$deck\", \"timezone\": \"America/New_York\"" && acme=$id
post /v1/api-keys "{\"name\": \"own\", \"company\": \"$acme\"}"
own_key=$(field .key)
api GET "/v1/wallets?company=$acme"
wallet=$(field '.data[0].id')
at=/v1/wallets/$wallet
put() { # PATH JSON
    api PUT "$1" -H 'Content-Type: application/json' --data-binary "$2"
}
move() { # AMOUNT: by a correction, alone
    post "$at/corrections" "{\"amount\": \"$1\", \"reason\": \"as the test wants it\"}"
}
quiet() { # no job of this wallet is left
    [ "$(sql "SELECT COUNT(*) FROM jobs WHERE handler = 'wallets.jobs:levels' AND state <> 'done'")" = 0 ]
}
settled() { # and the jobs have done what they should
    until_true 10 quiet || sql "SELECT state, attempts, last_error FROM jobs WHERE handler = 'wallets.jobs:levels'"
}
alerts() { # KIND: states, the oldest first
    sql "SELECT GROUP_CONCAT(state ORDER BY id) FROM alerts WHERE kind = '$1'"
}
balance() { shortest "$(sql "SELECT balance FROM wallets w JOIN companies c ON c.id = w.company_id WHERE c.name = 'acme'")"; }

# --- who listens
redis_socket=${TOLLGATE_REDIS_URL#*://} && redis_socket=${redis_socket%%\?*}
redis-cli -s "$redis_socket" SUBSCRIBE tollgate:events >"$dir/events" 2>"$dir/events.err" &
listener=$!

# --- levels
key=$own_key
put "$at/levels" '{"amounts": ["5", "5.0"]}'
problem 422 invalid_input "a level stands once" /amounts/1
put "$at/levels" '{"amounts": ["5", "1.00"]}'
is "$status $(json '[.levels[] | [.amount.amount, .firing]]')" '200 [["1",false],["5",false]]' "a company sets its own levels"
settled
api GET "$at/levels"
is "$(json '[.levels[] | [.amount.amount, .firing]]')" '[["1",true],["5",true]]' "an empty wallet is below both"
api GET '/v1/alerts?state=open&kind=wallet.low_balance'
is "$(json '[.data[] | [.object, .severity, .text]]')" \
    "[[\"$wallet:5\",\"warning\",\"The balance is 0 USD, below 5 USD.\"],[\"$wallet:1\",\"warning\",\"The balance is 0 USD, below 1 USD.\"]]" \
    "two alerts say so"
alert=$(field '.data[0].id')
api GET "/v1/alerts/$alert"
is "$status $(json '[.id, .state]')" "200 [\"$alert\",\"open\"]" "it can be looked at by itself"
post "/v1/alerts/$alert/acknowledge" ''
is "$status $(json '[.state, .acknowledged_by | type]')" '200 ["string","string"]' "somebody has seen one"
post "/v1/alerts/$alert/acknowledge" ''
is "$status $(field .version)" "200 2" "twice is once"
key=$platform_key
post "$at/topups" '{"amount": "3", "reference": "SEPA 1"}'
settled
is "$(alerts wallet.low_balance)" "cleared,acknowledged" "above one of them its alert is over"
post "$at/topups" '{"amount": "2", "reference": "SEPA 2"}'
settled
is "$(alerts wallet.low_balance)" "cleared,cleared" "exactly at the other it is over, too"
post "/v1/alerts/$alert/acknowledge" ''
problem 409 alert_cleared "what is over is not acknowledged"

charge() { # N: so many at once, of 0.012 each
    local n pids=()
    for n in $(seq "$1"); do
        curl -s -o "$dir/charge-$n" -H "Authorization: Bearer $platform_key" -H 'Content-Type: application/json' \
            -d "$(event "of-$1-$n" "{company: \"$acme\", quantity: \"30\"}")" "http://127.0.0.1:$port/v1/usage" &
        pids+=($!)
    done
    wait "${pids[@]}"
}
charge 50
settled
is "$(balance) $(alerts wallet.low_balance)" "4.4 cleared,cleared,open" "fifty charges at once cross a level once"
charge 20
settled
is "$(alerts wallet.low_balance)" "cleared,cleared,open" "below it nothing more is told"
pids=()
for n in 1 2 3 4 5 6 7 8 9 10; do
    curl -s -o /dev/null -H "Authorization: Bearer $key" -H 'Content-Type: application/json' \
        -d '{"amount": "0.20", "reference": "at once"}' "http://127.0.0.1:$port$at/topups" &
    pids+=($!)
done
wait "${pids[@]}"
settled
is "$(balance) $(alerts wallet.low_balance)" "6.16 cleared,cleared,cleared" "ten top-ups at once end it once"
is "$(sql "SELECT COUNT(*) FROM jobs WHERE state = 'dead'")" 0 "and no job has failed"
put "$at/levels" '{"amounts": []}'
settled
is "$status $(sql "SELECT COUNT(*) FROM wallets WHERE alert_below IS NOT NULL OR alert_above IS NOT NULL")" "200 0" "without levels there is no band"

# --- what a wallet wants
key=$own_key
put "$at/auto-topup" '{"enabled": true, "threshold": "6.10", "amount": "20.00", "monthly_max": "10"}'
problem 422 invalid_input "a month that is never enough is a mistake" /monthly_max
put "$at/auto-topup" '{"enabled": true, "threshold": "6.10", "amount": "20.00", "monthly_max": "45"}'
is "$status $(json '[.enabled, .threshold.amount, .amount.amount, .monthly_max.amount, .paused, .ordered_this_month.amount]')" \
    '200 [true,"6.1","20","45",false,"0"]' "a company sets its rule"
settled
api GET "$at/topup-orders"
is "$(json .data)" '[]' "above the threshold it wants nothing"
# a second server on the same database
first_port=$port first_pid=$server_pid first_conf=$dir/h2o.conf
sed -e "s/port: $port\$/port: $(free_port)/" -e "s/port: $tls_port\$/port: $(free_port)/" -e "s|$dir/server.pid|$dir/second.pid|" \
    -e "s|$dir/control.sock|$dir/second.sock|" "$first_conf" >"$dir/second.conf"
second_port=$(awk '/port:/ { print $2; exit }' "$dir/second.conf")
"$TOLLGATE" serve --conf "$dir/second.conf" >>"$dir/second.out" 2>>"$dir/second.log" </dev/null &
second_pid=$!
second_ready() { curl -sf -o /dev/null "http://127.0.0.1:$second_port/readyz"; }
until_true 20 second_ready
ok $? "a second server"
pids=()
for n in $(seq 40); do
    curl -s -o "$dir/two-$n" -H "Authorization: Bearer $platform_key" -H 'Content-Type: application/json' \
        -d "$(event "two-$n" "{company: \"$acme\", quantity: \"30\"}")" "http://127.0.0.1:$((n % 2 ? first_port : second_port))/v1/usage" &
    pids+=($!)
done
wait "${pids[@]}"
settled
is "$(balance) $(sql "SELECT GROUP_CONCAT(state), COUNT(*) FROM topup_orders")" "5.68 wanted	1" "forty charges by two servers: it wants money once"
key=$own_key
for amount in 1 2 3; do
    put "$at/levels" "{\"amounts\": [\"$amount\"]}"
    put "$at/auto-topup" '{"enabled": true, "threshold": "6.10", "amount": "20.00", "monthly_max": "45"}'
    settled
done
put "$at/levels" '{"amounts": []}'
settled
is "$(sql "SELECT GROUP_CONCAT(state), COUNT(*) FROM topup_orders")" "wanted	1" "and however often it is looked at"
kill -TERM "$second_pid"
wait "$second_pid"
is $? 0 "the second server ends"
api GET "$at/topup-orders"
order=$(field '.data[0].id')
is "$(json '.data[0] | [.state, .amount.amount, .entry]')" '["wanted","20",null]' "the order says how much"
is "$(alerts wallet.topup_wanted)" open "and an alert that it is wanted"
post "/v1/topup-orders/$order/settle" '{"reference": "mine"}'
problem 403 denied "nobody settles their own order"
key=$platform_key
pids=()
for n in 1 2 3 4 5 6; do
    curl -s -o "$dir/settle-$n" -H "Authorization: Bearer $key" -H 'Content-Type: application/json' \
        -d '{"reference": "SEPA 9"}' "http://127.0.0.1:$port/v1/topup-orders/$order/settle" &
    pids+=($!)
done
wait "${pids[@]}"
settled
is "$(cat "$dir"/settle-? | jq -r .state | sort | uniq -c | tr -s ' ') $(balance) $(alerts wallet.topup_wanted)" " 6 done 25.68 cleared" \
    "settled six times at once it is settled once"
post "/v1/topup-orders/$order/fail" '{"reason": "too late"}'
problem 409 order_closed "what is settled does not fail"
move -22 && settled
order=$(sql "SELECT COUNT(*) FROM topup_orders WHERE state = 'wanted'")
is "$order" 1 "below again it wants money again"
api GET "$at/topup-orders?limit=1"
order=$(field '.data[0].id')
post "/v1/topup-orders/$order/fail" '{"reason": "the card was refused"}'
is "$status $(json '[.state, .reason]') $(alerts wallet.topup_failed)" '200 ["failed","the card was refused"] open' "an order fails, and an alert says so"
move -0.5 && settled
api GET "$at/auto-topup"
is "$(json '[.paused, .ordered_this_month.amount]') $(sql "SELECT COUNT(*) FROM topup_orders WHERE state = 'wanted'")" '[true,"20"] 0' \
    "then nothing is wanted"
put "$at/auto-topup" '{"enabled": true, "threshold": "6.10", "amount": "20.00", "monthly_max": "45"}'
settled
is "$(sql "SELECT COUNT(*) FROM topup_orders WHERE state = 'wanted'") $(alerts wallet.topup_failed)" "1 cleared" "before the rule is set anew"
api GET "$at/topup-orders?limit=1"
post "/v1/topup-orders/$(field '.data[0].id')/settle" '{"reference": "SEPA 10"}' -H 'Idempotency-Key: settle-10'
is "$status $(field .state)" "200 done" "settled"
settled
move -20 && settled
is "$(sql "SELECT COUNT(*) FROM topup_orders WHERE state = 'wanted'") $(alerts wallet.topup_capped)" "0 open" "a month that is full wants no more, and says so"
month=$(python3 -c 'import datetime, zoneinfo
at = datetime.datetime.now(zoneinfo.ZoneInfo("America/New_York")).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
print(at.astimezone(datetime.timezone.utc).strftime("%Y-%m-%d %H:%M:%S"))')
sql "UPDATE topup_orders SET wanted_at = '$month' WHERE state = 'done'"
api GET "$at/auto-topup"
is "$(field .ordered_this_month.amount)" 40 "a month begins where the company is"
sql "UPDATE topup_orders SET wanted_at = wanted_at - INTERVAL 1 MICROSECOND"
cat >"$dir/sweep.lua" <<'LUA'
assert(require("wallets.jobs").sweep())
LUA
"$TOLLGATE" lua "$dir/sweep.lua" 2>"$dir/sweep.log" || cat "$dir/sweep.log"
settled
is "$(sql "SELECT COUNT(*) FROM topup_orders WHERE state = 'wanted'") $(alerts wallet.topup_capped)" "1 cleared" "in the next month it does"

sql "UPDATE wallets w JOIN companies c ON c.id = w.company_id SET w.alert_below = 1000 WHERE c.name = 'acme'"
"$TOLLGATE" lua "$dir/sweep.lua" 2>>"$dir/sweep.log" || cat "$dir/sweep.log"
settled
is "$(sql "SELECT COUNT(*) FROM wallets WHERE alert_below = 1000")" 0 "a balance that was left outside its band is found"

# --- statements
api GET "$at/statement"
is "$status $(json '[.opening_balance.amount, .closing_balance.amount == "'"$(balance)"'", ([.data[].kind] | join(" "))]')" \
    '200 ["0",true,"usage.charged wallet.corrected wallet.topped_up"]' "a statement: from nothing to what is there"
is "$(json '.data[0].events')" 110 "and it counts the events"
field '.data[].amount.amount' >"$dir/amounts"
equal "its sums add up to the balance" "$(python3 -c 'import sys, decimal; print(sum(map(decimal.Decimal, sys.stdin.read().split())))' <"$dir/amounts")" "$(balance)"
api GET "$at/statement?from=2026-01-01T00:00:00Z&to=2026-02-01T00:00:00Z"
is "$(json '[.opening_balance.amount, .closing_balance.amount, .data]')" '["0","0",[]]' "before there was nothing there was nothing"
api GET "$at/statement?format=csv"
is "$content_type $(tr -d '\r' <"$dir/body" | sed -n '1p;$p' | paste -sd' ')" "text/csv; charset=utf-8 kind,entries,events,amount,currency closing_balance,,,$(balance),USD" "as CSV, too"
api GET "$at/statement?from=2026-02-01T00:00:00Z&to=2026-01-01T00:00:00Z"
problem 422 invalid_input "a time that ends before it begins is none" '?to'

# --- calls
put "$at/auto-topup" '{"enabled": false, "threshold": "0", "amount": "1"}'
post /v1/calls/authorize "{\"call_id\": \"long\", \"to\": \"+12125550100\", \"company\": \"$acme\", \"request_seconds\": 60}"
post /v1/calls/long/settle "{\"company\": \"$acme\", \"duration_ms\": 3600000, \"status\": \"answered\"}"
is "$status $(field .charge.amount)" "200 0.72" "a call that was held for a minute lasts an hour"
overrun=$(field .overrun.amount)
post /v1/calls/authorize "{\"call_id\": \"lost\", \"to\": \"+12125550100\", \"company\": \"$acme\"}"
sql "UPDATE calls SET expires_at = '2020-01-01' WHERE call_id = 'lost'"
is_expired() { [ "$(sql "SELECT state FROM calls WHERE call_id = 'lost'")" = expired ]; }
until_true 10 is_expired
for n in 1 2; do post /v1/calls/lost/settle "{\"company\": \"$acme\", \"duration_ms\": 61000, \"status\": \"answered\"}"; done
two_more() { [ "$(sql "SELECT COUNT(*) FROM alerts WHERE kind LIKE 'call.%'")" = 2 ]; }
until_true 10 two_more
api GET '/v1/alerts?kind=call.overrun'
is "$(json '[.data[] | [.severity, .text]]')" "[[\"warning\",\"The call long cost $overrun USD more than was held for it.\"]]" "one that cost more than was held raises an alert"
api GET '/v1/alerts?kind=call.settled_late'
is "$(json '[.data[].text]')" '["The call lost was settled after it had expired; the difference is 0.024 USD."]' "and so does one that is settled too late, once"

# --- what was told
emptied() { [ "$(sql "SELECT COUNT(*) FROM outbox")" = 0 ]; }
until_true 10 emptied
ok $? "the outbox is empty in the end"
kill "$listener"
wait "$listener" 2>/dev/null
grep '^{' "$dir/events" >"$dir/told"
is "$(jq -r .event "$dir/told" | sort | uniq -c | awk '{ print $2, $1 }' | paste -sd' ')" \
    "$(sql "SELECT 'alert.acknowledged', 1 UNION SELECT 'alert.cleared', SUM(cleared_at IS NOT NULL) FROM alerts UNION SELECT 'alert.raised', COUNT(*) FROM alerts
        UNION SELECT 'topup.failed', SUM(state = 'failed') FROM topup_orders UNION SELECT 'topup.settled', SUM(state = 'done') FROM topup_orders
        UNION SELECT 'topup.wanted', COUNT(*) FROM topup_orders UNION SELECT kind, COUNT(*) FROM ledger_entries WHERE kind LIKE 'wallet.%' GROUP BY kind" |
        tr '\t' ' ' | paste -sd' ')" "whoever listens was told of everything, once"
is "$(jq -r 'select(.event | startswith("wallet.")) | .version' "$dir/told" | sort | uniq -d | wc -l)" 0 "each change of a wallet has its own version"
verify_ledger

# --- without Redis
stop_server
is "$server_code" 0 "the server ends"
start_server -u TOLLGATE_REDIS_URL
post "$at/topups" '{"amount": "1", "reference": "nobody listens"}'
is "$status" 201 "without Redis money comes in all the same"
post "$at/topups" '{"amount": "1", "reference": "nobody listens"}'
sql "UPDATE outbox SET created_at = created_at - INTERVAL 2 HOUR ORDER BY id LIMIT 1"
one_left() { [ "$(sql "SELECT COUNT(*) FROM outbox WHERE event = 'wallet.topped_up'")" = 1 ]; }
until_true 10 one_left
ok $? "an event waits for an hour, and no longer"
is "$(sql "SELECT COUNT(*) FROM jobs WHERE state = 'dead' OR attempts > 1")" 0 "no job has failed"
is "$(cat "$dir/server.log" "$dir/second.log" | grep -c '"level":"error"')" 0 "the servers have logged no error"
done_testing
