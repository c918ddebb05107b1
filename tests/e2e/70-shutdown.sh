# 70 - shutdown: what is in work is answered, what is half sent is taken, nobody new is let in; twice means now.
. tests/e2e/lib.sh
write_conf <<END
tollgate.drain-timeout: 10
END
fresh_server
cat >"$dir/deck.csv" <<END
prefix,name,per_minute,connect_fee,initial_s,increment_s,effective_from,effective_to
1,North America,0.0120,0,60,60,2026-01-01T00:00:00Z,
END
make_deck prices "$dir/deck.csv"
make_company alpha "\"rate_deck\": \"$deck\"" && alpha=$id
# --- a request in work, and an upload of which half is there
lock_tables usage_events
curl -s -o "$dir/slow" -w '%{http_code}' -H "Authorization: Bearer $key" "http://127.0.0.1:$port/v1/usage" >"$dir/slow.status" &
slow=$!
curl -sk --http2 -o "$dir/slow2" -w '%{http_code}' -H "Authorization: Bearer $key" "https://127.0.0.1:$tls_port/v1/usage" >"$dir/slow2.status" &
slow2=$!
until_true 10 waits_for_lock 2
ok $? "two requests wait for the database"
event upload "{company: \"$alpha\"}" >"$dir/event.json"
mkfifo "$dir/pipe"
tail -c +1 "$dir/pipe" | curl -s -o "$dir/upload" -w '%{http_code}' -H "Authorization: Bearer $key" -T - -X POST \
    "http://127.0.0.1:$port/v1/usage" >"$dir/upload.status" &
upload=$!
exec 9>"$dir/pipe"
head -c 20 "$dir/event.json" >&9
connected() { # N, and the one that asks
    [ "$(curl -s "http://127.0.0.1:$port/metrics" | awk '/^tollgate_http_connections / { print int($2) }')" -gt "$1" ]
}
until_true 10 connected 3
ok $? "and an upload has begun"

began=$SECONDS
kill -TERM "$server_pid"
refused() {
    ! curl -s -o /dev/null --max-time 2 "http://127.0.0.1:$port/healthz"
}
until_true 10 refused
ok $? "new connections are refused"
kill -0 "$server_pid"
ok $? "but the server is still there, for what it has begun"
tail -c +21 "$dir/event.json" >&9
exec 9>&-
unlock_tables
wait $slow $slow2 $upload
is "$(cat "$dir/slow.status")" 200 "the request in work was answered"
is "$(cat "$dir/slow2.status")" 200 "the one over HTTP/2 as well"
is "$(cat "$dir/upload.status") $(jq -c .accepted "$dir/upload")" '200 1' "the upload was finished and taken"
wait "$server_pid"
is $? 0 "the server ends with 0"
server_pid=
ok $((SECONDS - began < 9 ? 0 : 1)) "without waiting for the whole drain-timeout ($((SECONDS - began)) s)"
[ ! -e "$dir/server.pid" ] && [ ! -e "$dir/control.sock" ]
ok $? "its pid file and control socket are gone"

# --- idle connections do not hold it up
start_server
python3 tests/e2e/raw.py "127.0.0.1:$port" >/dev/null <<<$'GET /healthz HTTP/1.1\r\nHost: a\r\n\r' &
idle=$!
until_true 10 connected 1
stop_server
is "$server_code" 0 "an idle connection is closed"
wait $idle

# --- a second SIGTERM: now
start_server
lock_tables usage_events
curl -s -o /dev/null -H "Authorization: Bearer $key" "http://127.0.0.1:$port/v1/usage" &
slow=$!
until_true 10 waits_for_lock 1
began=$SECONDS
kill -TERM "$server_pid"
until_true 10 refused
kill -TERM "$server_pid"
wait "$server_pid"
code=$?
server_pid=
ok $((SECONDS - began < 6 ? 0 : 1)) "a second SIGTERM ends it at once ($((SECONDS - began)) s)"
is "$code" 3 "with exit code 3: something was cut off"
unlock_tables
wait $slow

# --- and a drain that takes too long
write_conf <<END
tollgate.drain-timeout: 1
END
start_server
lock_tables usage_events
curl -s -o /dev/null -H "Authorization: Bearer $key" "http://127.0.0.1:$port/v1/usage" &
slow=$!
until_true 10 waits_for_lock 1
began=$SECONDS
stop_server
ok $((SECONDS - began < 6 ? 0 : 1)) "drain-timeout ends it ($((SECONDS - began)) s)"
is "$server_code" 3 "with exit code 3"
unlock_tables
wait $slow
done_testing
