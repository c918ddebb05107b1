# 60 - MariaDB is killed under load: quick, honest answers; usage that an importer repeats ends exact.
# alone: it says within how many seconds
. tests/e2e/lib.sh
fixture=tests/fixtures/day
fresh_server
deck=$(cli import deck $fixture/deck.csv --name day 2>/dev/null)
cli import cdrs $fixture/cdrs.csv --deck "$deck" --source day --batch-rows 25 --retry-seconds 60 --json >"$dir/out.json" 2>"$dir/out.log" &
import_pid=$!
rows() {
    [ "$(sql 'SELECT COUNT(*) FROM usage_events')" -ge "$1" ]
}
until_true 20 rows 300
mariadb_pid=$(cat "$E2E_DIR/s/mysql/mysql.pid")
kill -KILL "$mariadb_pid"
ok $? "MariaDB is killed in the middle of an import"

is_down() { ! is_ready; }
until_true 10 is_down
ok $? "/readyz says so"
is "$(curl -s -o /dev/null -w '%{http_code}' "http://127.0.0.1:$port/healthz")" 200 "/healthz: the process is well"
quick() { # NAME STATUSES: the last answer came within 5 seconds
    like "$status" "^($2)$" "$1: $status $(field .detail)"
    is "$content_type" application/problem+json "… a problem document"
    ok $((took < 5 ? 0 : 1)) "… within 5 seconds ($took)"
}
timed() {
    local began=$SECONDS
    "$@"
    took=$((SECONDS - began))
}
timed api GET /v1/wallets
quick "a read" 503
ok $(($(header retry-after || echo 0) > 0 ? 0 : 1)) "… with Retry-After"
timed post /v1/companies '{"name": "x"}'
quick "a write" '503|504'
timed post /v1/usage "[$(event down-1)]"
quick "usage" '503|504'
kill -0 $server_pid
ok $? "the server lives"

is_gone() { ! runs "$mariadb_pid"; }
until_true 20 is_gone
scripts/services start "$E2E_DIR/s" 2>"$dir/services.log"
until_true 20 is_ready
ok $? "/readyz is well again once MariaDB is"
wait $import_pid
is $? 0 "the import has outlived it"
is "$(jq -cS '.counts, .rows, .billed_seconds' "$dir/out.json")" "$(jq -cS '.counts, .rows, .billed_seconds' $fixture/expected.json)" \
    "counts, rows and seconds are those of an undisturbed run"
equal "and so is the total" "$(jq -r .total "$dir/out.json")" "$(jq -r .total $fixture/expected.json)"
post /v1/usage "[$(event down-1)]"
is "$status $(json '.accepted + .duplicates')" '200 1' "the usage that was refused is taken now"
is "$(sql "SELECT COUNT(*) FROM usage_events WHERE event_id = 'down-1'")" 1 "and counts once"
verify_ledger
stop_server
is "$server_code" 0 "the server ends with 0"
done_testing
