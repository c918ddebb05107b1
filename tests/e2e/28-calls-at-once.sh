#!/bin/bash
# 28 - many calls at once: no more are allowed than there is money or lines for, on one node and on two.
. tests/e2e/lib.sh
fresh_server
first_port=$port
second_port=$(free_port) second_tls=$(free_port)
sed "s/port: $port\$/port: $second_port/; s/port: $tls_port\$/port: $second_tls/; s|$dir/server.pid|$dir/second.pid|; s|$dir/control.sock|$dir/second.sock|" \
    "$dir/h2o.conf" >"$dir/second.conf"
second_is_ready() { curl -sf -o /dev/null "http://127.0.0.1:$second_port/readyz"; }
"$TOLLGATE" serve --conf "$dir/second.conf" >>"$dir/second.out" 2>>"$dir/second.log" </dev/null &
second_pid=$!
until_true 20 second_is_ready
ok $? "a second node"
cat >"$dir/deck.csv" <<END
prefix,name,per_minute,initial_s,increment_s
44,United Kingdom,0.0120,60,60
END
make_deck prices "$dir/deck.csv"

# N posts at once, to the ports in turn; $i counts them. The answers are $dir/at-once/1 …
posts() { # N PATH(JQ) BODY(JQ) PORT…
    local n=$1 path=$2 body=$3
    shift 3
    rm -rf "$dir/at-once" && mkdir "$dir/at-once"
    jq -nr --argjson n "$n" --arg key "$key" --arg out "$dir/at-once" '$ARGS.positional as $ports | range(1; $n + 1) as $i |
        (if $i > 1 then "next" else empty end), "url = \"http://127.0.0.1:\($ports[$i % ($ports | length)])\('"$path"')\"",
        "header = \"Authorization: Bearer \($key)\"", "header = \"Content-Type: application/json\"",
        "output = \"\($out)/\($i)\"", "data = \('"$body"' | tojson | tojson)"' --args "$@" >"$dir/at-once.curl"
    curl --parallel --parallel-max 200 --parallel-immediate -sS -K "$dir/at-once.curl" 2>>"$dir/curl.log"
}
# N authorizations: how many were allowed in $allowed, the reasons of the others in $reasons
at_once() { # NAME N JQ-OBJECT PORT…
    posts "$2" '"/v1/calls/authorize"' "({call_id: \"$1-\\(\$i)\", to: \"+442079460000\"} + $3)" "${@:4}"
    allowed=$(cat "$dir"/at-once/* | jq -r 'select(.decision == "allow").call_id' | wc -l)
    reasons=$(cat "$dir"/at-once/* | jq -r 'select(.decision == "deny").reason' | sort | uniq -c | tr -s ' \n' ' ' | sed 's/^ //; s/ $//')
}
settle_all() { # NAME N
    posts "$2" "\"/v1/calls/$1-\\(\$i)/settle\"" '{duration_ms: 0, status: "busy"}' "$first_port"
}
different() { # how many different answers
    sha256sum "$dir"/at-once/* | cut -d' ' -f1 | sort -u | wc -l
}
company() { # NAME CREDIT [LIMITS]: $id, and its key in $key
    key=$platform_key
    make_company "$1" "\"rate_deck\": \"$deck\", \"limits\": ${3:-{\}}"
    sql "UPDATE wallets SET credit_limit = $2 WHERE company_id = (SELECT id FROM companies WHERE name = '$1')"
    post /v1/api-keys "{\"name\": \"gateway\", \"company\": \"$id\"}"
    key=$(field .key)
}
platform_key=$key

# --- money: 37 minutes of it
company one 0.444
at_once one 200 '{}' "$first_port"
is "$allowed" 37 "of 200 at once money for 37 allows 37, from one node"
is "$reasons" "163 insufficient_funds" "the others are told why"
api GET /v1/wallets
is "$(json '.data[0] | [.held.amount, .available.amount]')" '["0.444","0"]' "all of it is held"
settle_all one 200
company two 0.444
at_once two 200 '{}' "$first_port" "$second_port"
is "$allowed" 37 "from two nodes as well"
is "$reasons" "163 insufficient_funds" "and the others are told the same"
settle_all two 200
api GET /v1/wallets
is "$(json '.data[0] | [.balance.amount, .held.amount, .available.amount]')" '["0","0","0.444"]' "busy calls give all of it back"

# --- lines
company lines 100 '{"concurrent_calls": 5}'
at_once lines 60 '{}' "$first_port" "$second_port"
is "$allowed $reasons" "5 55 concurrency_limit" "five lines are five, on two nodes"
settle_all lines 60
at_once more 20 '{}' "$first_port" "$second_port"
is "$allowed" 5 "and free again when the calls are over"
company numbers 100 '{"calls_per_number": 3}'
at_once numbers 60 '{to: "+44207946000\($i % 4)"}' "$first_port" "$second_port"
is "$allowed $reasons" "12 48 concurrency_limit" "three lines to a number: twelve to four"
settle_all numbers 60
company agents 100 '{"calls_per_agent": 1}'
at_once agents 60 '{agent_id: "a-\($i % 7)"}' "$first_port" "$second_port"
is "$allowed $reasons" "7 53 concurrency_limit" "one line an agent: seven of seven"
company pace 100 '{"calls_per_minute": 10}'
at_once pace 60 '{}' "$first_port" "$second_port"
ok $((allowed == 10 || allowed == 20 ? 0 : 1)) "ten calls a minute (and another ten when the minute turned): $allowed, $reasons"

# --- the same call, many times at once
company same 0.012
posts 30 '"/v1/calls/authorize"' '{call_id: "s-1", to: "+442079460000"}' "$first_port" "$second_port"
is "$(different) $(jq -r .decision <"$dir/at-once/1")" "1 allow" "one call thirty times at once, on two nodes: the same bytes"
posts 30 '"/v1/calls/s-1/settle"' '{duration_ms: ($i * 1000), status: "answered"}' "$first_port" "$second_port"
is "$(different) $(jq -r .charge.amount <"$dir/at-once/1")" "1 0.012" "settled thirty times at once, differently: one settlement"

# --- two nodes end what nobody settles
company due 100
at_once due 100 '{}' "$first_port" "$second_port"
sql "UPDATE calls SET expires_at = NOW(6) - INTERVAL 1 SECOND WHERE state = 'open'"
none_is_open() { [ "$(sql "SELECT COUNT(*) FROM calls WHERE state = 'open'")" = 0 ]; }
until_true 30 none_is_open
ok $? "what is due comes to its end"
is "$(sql "SELECT SUM(held), SUM(open_calls) FROM wallets" | tr '\t' ' ')" "0.000000000000 0" "and nothing is held any more"
verify_ledger
is "$(cat "$dir/server.log" "$dir/second.log" | grep -c '"level":"error"')" 0 "nothing of it is an error in the servers' logs"
kill -TERM "$second_pid"
wait "$second_pid"
is $? 0 "the second node ends with 0"
stop_server
done_testing
