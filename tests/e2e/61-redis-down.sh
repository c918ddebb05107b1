# 61 - Redis is killed: nobody notices; it was speed, never truth.
. tests/e2e/lib.sh
fixture=tests/fixtures/day
fresh_server
deck=$(cli import deck $fixture/deck.csv --name day 2>/dev/null)
cli import cdrs $fixture/cdrs.csv --deck "$deck" --source day --batch-rows 100 --retry-seconds 0 --json >"$dir/out.json" 2>"$dir/out.log" &
import_pid=$!
rows() {
    [ "$(sql 'SELECT COUNT(*) FROM usage_events')" -ge "$1" ]
}
until_true 20 rows 300
redis_pid=$(cat "$E2E_DIR/s/redis.pid")
kill -KILL "$redis_pid"
ok $? "Redis is killed in the middle of an import"
for path in /v1/me /v1/usage /v1/wallets /v1/companies; do
    api GET $path
    is "$status" 200 "$path"
done
post /v1/companies '{"name": "made without Redis"}'
is "$status" 201 "a write"
is_ready
ok $? "/readyz: the node still takes traffic"
wait $import_pid
is $? 0 "the import goes on without a single retry"
is "$(jq -cS '.counts, .rows, .billed_seconds' "$dir/out.json")" "$(jq -cS '.counts, .rows, .billed_seconds' $fixture/expected.json)" \
    "counts, rows and seconds are those of an undisturbed run"
equal "and so is the total" "$(jq -r .total "$dir/out.json")" "$(jq -r .total $fixture/expected.json)"
stop_server
is "$server_code" 0 "the server ends with 0 while Redis is away"
start_server
ok $? "and starts without it"
is_gone() { ! runs "$redis_pid"; }
until_true 20 is_gone
rm -f "$E2E_DIR/s/redis.sock"
scripts/services start "$E2E_DIR/s" 2>"$dir/services.log"
is_connected() {
    [ "$(grep -c redis_connection_connected "$dir/server.log")" -ge 3 ]
}
until_true 30 is_connected
ok $? "it is used again once it is back"
is "$(grep '"level":"error"' "$dir/server.log" | head -n 3)" "" "the server has logged no error"
stop_server
is "$server_code" 0 "the server ends with 0"
done_testing
