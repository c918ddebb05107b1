#!/bin/bash
# 60-hostile - the raw frames of tests/hostile against the real server.
. tests/e2e/lib.sh

fresh_server
HOSTILE_BODY_PATH=/v1/usage HOSTILE_BODY_LIMIT=8388608 tests/hostile/run "127.0.0.1:$tls_port" >"$dir/hostile.tap" 2>"$dir/hostile.err"
code=$?
while IFS= read -r line; do
    case $line in
    'ok '*) ok 0 "${line#ok * - }" ;;
    'not ok'*) ok 1 "${line#not ok * - }" ;;
    '#'*) echo "$line" ;;
    esac
done <"$dir/hostile.tap"
is "$code" 0 "every script came to its end"
kill -0 "$server_pid"
ok $? "the server has not died"
stop_server
is "$server_code" 0 "and stops in order"
done_testing
