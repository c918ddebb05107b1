# 12 - scripts/demo, as a newcomer runs it: totals, and the second time nothing changes.
. tests/e2e/lib.sh
fresh_server
demo() {
    TOLLGATE_URL=http://127.0.0.1:$port TOLLGATE_KEY_FILE=$dir/key XDG_STATE_HOME=$dir/state scripts/demo >"$dir/demo.out" 2>"$dir/demo.err"
}
totals() {
    sql 'SELECT COUNT(*), SUM(amount), SUM(billed_s), (SELECT SUM(balance) FROM wallets), (SELECT COUNT(*) FROM ledger_postings) FROM usage_events'
}
demo
is $? 0 "the demo ends with 0"
like "$(cat "$dir/demo.out")" 'rate deck deck_[0-9a-z]{26}' "it loads a deck"
for word in $(jq -r '.rows, .counts.rated, .counts.no_rate' tests/fixtures/day/expected.json); do
    like "$(tr -d ', ' <"$dir/demo.out")" "$word" "it shows $word"
done
like "$(tr -d ', ' <"$dir/demo.out")" "$(jq -r .total tests/fixtures/day/expected.json | sed 's/\./\\./; s/0*$//')" "it shows the total"
for company in $(jq -r '.by_tenant | keys[]' tests/fixtures/day/expected.json); do
    like "$(cat "$dir/demo.out")" "$company" "… and what $company pays"
done
first=$(totals)
equal "the database has that total" "$(sql 'SELECT SUM(amount) FROM usage_events')" "$(jq -r .total tests/fixtures/day/expected.json)"

# what it tells to look at, works
sed -n "s/^ *\(curl .*'http[^']*'\).*/\1/p" "$dir/demo.out" | while read -r command; do
    bash -c "$command -s -o '$dir/look' -w '%{http_code}'" >"$dir/look.status" 2>/dev/null
    is "$(cat "$dir/look.status")" 200 "$(grep -o '/v1[^?]*' <<<"$command" | head -n 1) answers as told"
done
demo
is $? 0 "the demo again"
is "$(totals)" "$first" "… changes nothing"
rm -rf "$dir/state"
demo
is "$? $(totals)" "0 $first" "nor from a machine that remembers nothing"
stop_server
is "$server_code" 0 "the server ends with 0"
demo
is $? 1 "without a server it says what to do"
like "$(cat "$dir/demo.err")" 'scripts/run' "… scripts/run"
done_testing
