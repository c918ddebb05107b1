# 12 - scripts/demo, as a newcomer runs it: totals, and the second time nothing changes; then the calls of README.md.
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
tells=$(grep -m 1 '^ *api() ' "$dir/demo.out")
grep "^ *api ['/]" "$dir/demo.out" | while read -r command; do
    bash -c "curl() { command curl -f \"\$@\"; }; $tells"$'\n'"$command" >"$dir/look" 2>/dev/null && jq -e . "$dir/look" >/dev/null
    ok $? "$(grep -o '/v1[^?# ]*' <<<"$command" | head -n 1) answers as told"
done
demo
is $? 0 "the demo again"
is "$(totals)" "$first" "… changes nothing"
rm -rf "$dir/state"
demo
is "$? $(totals)" "0 $first" "nor from a machine that remembers nothing"

# --- the README's commands, and the answers that it shows
readme() {
    sed -n '/^## Charge a live call/,/^## The map/p' README.md | sed -n '/^```sh$/,/^```$/{/^```/!p}' |
        sed "s|http://127.0.0.1:8080|http://127.0.0.1:$port|; s|https://127.0.0.1:8443|https://127.0.0.1:$tls_port|
            s|var/gateway-key|$dir/gateway-key|; s|var/demo-key|$dir/key|; s|var/tls/ca.crt|$dir/tls.crt|"
}
n=0 declare=
try() {
    case $command in
    '') return ;;
    api=*) declare=$command && return ;;
    esac
    n=$((n + 1))
    bash -c "curl() { command curl -sSf \"\$@\"; }; $declare"$'\n'"$command" >"$dir/answer" 2>&1
    ok $? "README: $(head -n 1 <<<"$command" | cut -c1-72)"
    [ -z "$answer" ] || is "$(cat "$dir/answer")" "$answer" "… is answered as it shows"
}
command='' answer=''
while IFS= read -r line; do
    case $line in
    "#"*) answer=$answer$(sed 's/^# *//' <<<"$line") ;;
    " "*) command=$command$'\n'$line ;;
    *)
        try
        command=$line answer=
        ;;
    esac
done < <(readme)
try
is "$n" 8 "all of them"
rows=$(sql 'SELECT COUNT(*) FROM usage_events')
readme | sed -n '/^api=\|c-1\/settle/p' >"$dir/again" && bash "$dir/again" >/dev/null 2>&1
is "$(sql 'SELECT COUNT(*) FROM usage_events')" "$rows" "a settle that is sent again counts nothing"
"$TOLLGATE" ledger verify >"$dir/verify" 2>/dev/null
like "$? $(tail -n 1 "$dir/verify")" '^0 .* 0 differences' "the books are right"
stop_server
is "$server_code" 0 "the server ends with 0"
demo
is $? 1 "without a server it says what to do"
like "$(cat "$dir/demo.err")" 'scripts/run' "… scripts/run"
done_testing
