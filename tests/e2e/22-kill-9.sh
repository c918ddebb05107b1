# 22 - kill -9 of the server in the middle of an import, again and again: the end is the same, counts included.
. tests/e2e/lib.sh
E2E_THREADS=2
fixture=tests/fixtures/day
fresh_server
deck=$(cli import deck $fixture/deck.csv --name day 2>/dev/null)

import() {
    cli import cdrs $fixture/cdrs.csv --deck "$deck" --batch-rows 100 --retry-seconds 30 --json >"$dir/out.json" 2>"$dir/out.log"
}
kills=0
import &
import_pid=$!
for faults in charge_before_commit=kill:5 charge_after_commit=kill:5 charge_after_commit=kill:12; do
    kill_server
    start_server TOLLGATE_FAULTS=$faults 2>/dev/null # it may be gone before it was seen to be ready
    # it kills itself at the named point
    if until_true 20 eval "! kill -0 $server_pid 2>/dev/null"; then
        wait "$server_pid" 2>/dev/null
        kills=$((kills + 1))
        start_server || exit 1
    fi
done
wait $import_pid
is $? 0 "the import outlives its server"
ok $((kills == 3 ? 0 : 1)) "the server was killed at each of the points ($kills of 3)"
is "$(jq -cS '.counts, .rows, .billed_seconds' "$dir/out.json")" "$(jq -cS '.counts, .rows, .billed_seconds' $fixture/expected.json)" \
    "counts, rows and seconds are those of an undisturbed run"
is "$(jq -r .total "$dir/out.json" | sed -E 's/(\.[0-9]*[1-9])0+$/\1/; s/\.0+$//')" \
    "$(jq -r .total $fixture/expected.json | sed -E 's/(\.[0-9]*[1-9])0+$/\1/; s/\.0+$//')" "and so is the total"

verify_ledger
stop_server
is "$server_code" 0 "the server ends with 0"
done_testing
