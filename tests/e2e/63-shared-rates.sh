#!/bin/bash
# 63 - two nodes allow a key what one would: they tell each other through Redis, and count for themselves without it.
# alone: it counts what is let through in a time
. tests/e2e/lib.sh
rates="tollgate.rate-per-key: 20
tollgate.burst-per-key: 40
tollgate.rate-per-address: 20
tollgate.burst-per-address: 40"
write_conf <<<"$rates"
fresh_server
first_port=$port
second_port=$(free_port) second_tls=$(free_port)
sed "s/port: $port\$/port: $second_port/; s/port: $tls_port\$/port: $second_tls/; s|$dir/server.pid|$dir/second.pid|; s|$dir/control.sock|$dir/second.sock|" \
    "$dir/h2o.conf" >"$dir/second.conf"
second_is_ready() { curl -sf -o /dev/null "http://127.0.0.1:$second_port/readyz"; }
start_second() { # [NAME=VALUE…]
    env "$@" "$TOLLGATE" serve --conf "$dir/second.conf" >>"$dir/second.out" 2>>"$dir/second.log" </dev/null &
    second_pid=$!
    until_true 20 second_is_ready
}
stop_second() {
    kill -TERM "$second_pid"
    wait "$second_pid"
}
# How many of so many requests pass, as fast as they go.
pass() { # PORT N [curl arguments…]
    local port=$1 n=$2
    shift 2
    curl -s -w '%{http_code}\n' "$@" $(printf -- "-o /dev/null http://127.0.0.1:$port/v1/me?%s " $(seq "$n")) |
        grep -cvx 429
}
# What a node knows of the others it hears after its first answer; until then it allows a burst of its own.
knock() { # PORT [curl arguments…]
    pass "$1" 1 "${@:2}" >/dev/null
    sleep 0.3
}
keyed() { pass "$1" "$2" -H "Authorization: Bearer $key"; }
platform_key=$key
new_key() { # in $key: one that nobody has used, with its burst whole
    key=$platform_key post /v1/api-keys "{\"name\": \"$1\"}"
    key=$(field .key)
}

start_second
ok $? "a second node"
new_key one
passed=$(keyed "$first_port" 100)
ok $((passed >= 40 && passed <= 70 ? 0 : 1)) "one node allows a burst, and the rate: $passed of 100"
knock "$second_port" -H "Authorization: Bearer $key"
passed=$(keyed "$second_port" 100)
ok $((passed <= 30 ? 0 : 1)) "the other knows of it: $passed of 100"
new_key two
began=$(date +%s%N)
total=0
while [ $((($(date +%s%N) - began) / 1000000)) -lt 3000 ]; do
    total=$((total + $(keyed "$first_port" 10) + $(keyed "$second_port" 10)))
done
took_ms=$((($(date +%s%N) - began) / 1000000))
fair=$((40 + 20 * took_ms / 1000))
echo "# both at once for $took_ms ms: $total passed; one node would allow $fair, two apart $((2 * fair))"
ok $((total <= fair * 14 / 10 ? 0 : 1)) "together they allow about what one would: $total of $fair"
ok $((total >= fair * 6 / 10 ? 0 : 1)) "and not much less"
passed=$(pass "$first_port" 100)
knock "$second_port"
passed=$(pass "$second_port" 100)
ok $((passed <= 30 ? 0 : 1)) "requests without a key are counted for their address: $passed of 100 on the other node"
stop_second

# --- without Redis each counts for itself
start_second TOLLGATE_REDIS_URL=
new_key three
keyed "$first_port" 100 >/dev/null
sleep 0.3
passed=$(keyed "$second_port" 100)
ok $((passed >= 40 ? 0 : 1)) "a node without Redis counts for itself: $passed of 100"
stop_second
stop_server
is "$server_code" 0 "the server ends with 0"
is "$(grep -hc '"level":"error"' "$dir/server.log" "$dir/second.log" | sort -u)" 0 "without an error"
done_testing
