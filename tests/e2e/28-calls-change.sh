#!/bin/bash
# 28 - calls while everything that prices them changes: rules are swapped, parameters come and go, free seconds are granted.
# No call is parked, the books are right, and each row comes out again by what it began with.
. tests/e2e/lib.sh
seed=${TOLLGATE_SEED:-$((RANDOM * 32768 + RANDOM))}
seconds=$((${TOLLGATE_TEST_FULL:-0} == 1 ? 60 : 12))
echo "# TOLLGATE_SEED=$seed"
RANDOM=$seed
mkdir -p "$dir/other/pricing/lib"
sed '1s/$/ Another bundle./' lua/pricing/lib/lines.lua >"$dir/other/pricing/lib/lines.lua"
fresh_server
other=$(cli rules push "$dir/other" --note "the same prices" 2>/dev/null)
activate() { # BUNDLE
    sql "$(python3 tests/e2e/bundle.py activate "$1")" >/dev/null
    redis-cli -s "${TOLLGATE_REDIS_URL#unix://}" publish tollgate:rules 0 >/dev/null
}
"$TOLLGATE" sim calls --url "http://127.0.0.1:$port" --key-file "$dir/key" --rate 5 --speed 12 --for "$seconds" \
    --companies 5 --overrun 40 --money 4 --slice 20 --seed "$seed" --repeat 15 --drop 15 --reorder 20 --abandon 8 \
    --connections 24 >"$dir/sim.out" 2>"$dir/sim.err" &
sim=$!
change() { # COMPANY PRICING
    api PATCH "/v1/companies/$1" -H 'Content-Type: application/json' -d "{\"pricing\": $2}"
    [ "$status" = 200 ] || echo "# $1: $status $body"
}
is_there() { [ "$(sql "SELECT COUNT(*) FROM calls WHERE state = 'settled'")" -gt 0 ]; }
until_true 20 is_there
ok $? "calls are settled"
turn=0
while runs $sim && [ $SECONDS -lt $((seconds + 20)) ]; do
    turn=$((turn + 1))
    api GET '/v1/companies?limit=50'
    for company in $(field '.data[] | select(.parent != null) | .id'); do
        case $((RANDOM % 4)) in
        0) post /v1/allowances "{\"company\": \"$company\", \"seconds\": $((50 + RANDOM % 400)), \"priority\": $((RANDOM % 3)),
               \"starts_at\": \"2026-01-01T00:00:00Z\"}" ;;
        1) change "$company" '{"tiers": [{"up_to_s": 500, "per_minute": "0.06"}, {"per_minute": "0.03"}]}' ;;
        2) change "$company" null ;;
        3) change "$company" '{"max_charge": "0.50"}' ;;
        esac
    done
    [ $((turn % 2)) = 0 ] && activate release || activate "$other"
    sleep 1
done
until ! runs $sim; do
    sql "UPDATE calls SET expires_at = UTC_TIMESTAMP(6) WHERE state = 'open'"
    sleep 1
done
is "$(sql "SELECT COUNT(DISTINCT rule_bundle), COUNT(DISTINCT plan_id) > 2 FROM calls WHERE state = 'settled'" | tr '\t' ' ')" "2 1" \
    "calls of two bundles and of several parameters"
is "$(sql "SELECT COUNT(*) FROM calls WHERE state = 'open'; SELECT COUNT(*) FROM wallets WHERE held <> 0 OR open_calls <> 0" | tr '\n' ' ')" \
    "0 0 " "all of them end, and nothing is held"
is "$(sql "SELECT COUNT(*) FROM usage_events WHERE status = 'failed'")" 0 "none is parked"
is "$(sql "SELECT COUNT(*) > 0, SUM(remaining_s > granted_s) FROM allowances" | tr '\t' ' ')" "1 0" "free seconds are used"
verify_ledger
api GET '/v1/usage?source=tollgate&meter=call.seconds&status=rated&limit=60'
rows=$(field '.data[].id')
same=0 n=0
for id in $rows; do
    api GET "/v1/usage/$id/explain"
    n=$((n + 1))
    if [ "$(json '[.replayed.same, .agrees]')" = '[true,true]' ]; then
        same=$((same + 1))
    else
        json '[.event.id, .total, .replayed, .agrees, .used_before]' | sed 's/^/# /'
    fi
done
is "$same of $n" "$n of $n" "every row comes out again"
[ "$n" -ge 10 ]
ok $? "of some of them"
is "$(grep -c '"level":"error"' "$dir/server.log")" 0 "nothing of it is an error in the server's log"
stop_server
is "$server_code" 0 "the server ends with 0"
done_testing
