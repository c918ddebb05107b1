# 24 - an import that is killed goes on when the same command is run again, wherever it was killed.
. tests/e2e/lib.sh
fixture=tests/fixtures/day
fresh_server
deck=$(cli import deck $fixture/deck.csv --name day 2>/dev/null)
again() { # SOURCE [options]: in a state of its own
    local source=$1
    shift
    XDG_STATE_HOME=$dir/state-$source exec "$TOLLGATE" import cdrs $fixture/cdrs.csv --deck "$deck" --source "$source" \
        --batch-rows 100 --json --url "http://127.0.0.1:$port" --key-file "$dir/key" "$@"
}
(again whole) >"$dir/whole.json" 2>"$dir/whole.log"
is $? 0 "an undisturbed import"
n=0
for at in 1 400 1500 2600; do
    n=$((n + 1))
    source=killed-$n
    (again "$source") >"$dir/killed.out" 2>&1 &
    import_pid=$!
    until_sql "COUNT(*) >= $at FROM usage_events WHERE source = '$source'"
    kill -KILL $import_pid 2>/dev/null
    wait $import_pid 2>/dev/null
    killed=$?
    (again "$source") >"$dir/resumed.json" 2>"$dir/resumed.log"
    is "$killed $?" "137 0" "killed after $at rows ($(sql "SELECT COUNT(*) FROM usage_events WHERE source = '$source'") in the end) and run again"
    is "$(jq -cS '[.rows, .counts, .billed_seconds, .total, .by_company]' "$dir/resumed.json")" \
        "$(jq -cS '[.rows, .counts, .billed_seconds, .total, .by_company]' "$dir/whole.json")" "… ends as the undisturbed one"
done
is "$(sql "SELECT source, COUNT(*), SUM(billed_s), SUM(amount) FROM usage_events GROUP BY source" | cut -f2- | sort -u | wc -l)" 1 \
    "the database has the same of each"
(again whole) >"$dir/again.json" 2>"$dir/again.log"
is "$(jq -cS '[.total, .by_company, .billed_seconds]' "$dir/again.json")" "$(jq -cS '[.total, .by_company, .billed_seconds]' "$dir/whole.json")" \
    "an import that had ended, once more: nothing changes"
verify_ledger
stop_server
is "$server_code" 0 "the server ends with 0"
done_testing
