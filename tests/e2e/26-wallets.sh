#!/bin/bash
# 26 - wallets: money that comes in, credit that is given and ends, balances that are put right, statements.
. tests/e2e/lib.sh
fresh_server
platform_key=$key
cat >"$dir/deck.csv" <<CSV
prefix,name,per_minute,initial_s,increment_s
1,North America,0.0120,60,60
CSV
make_deck prices "$dir/deck.csv"
make_company acme "\"rate_deck\": \"$deck\"" && acme=$id
post /v1/api-keys "{\"name\": \"own\", \"company\": \"$acme\"}"
own_key=$(field .key)
api GET "/v1/wallets?company=$acme"
wallet=$(field '.data[0].id')
at=/v1/wallets/$wallet
is "$(json '.data[0] | [.held.amount, .available.amount, .open_calls]')" '["0","0",0]' "a wallet says what is held, and for how many calls"
balance() { # of acme
    shortest "$(sql "SELECT balance FROM wallets w JOIN companies c ON c.id = w.company_id WHERE c.name = 'acme'")"
}

# --- top-ups
post "$at/topups" '{"amount": "100.50", "reference": "SEPA 1", "note": "January"}' -H 'Idempotency-Key: t-1'
first=$body
is "$status $(json '[.entry.kind, .entry.amount.amount, .entry.description, .wallet.balance.amount, .wallet.available.amount]')" \
    '201 ["wallet.topped_up","100.5","SEPA 1: January","100.5","100.5"]' "money comes in"
post "$at/topups" '{"amount": "100.50", "reference": "SEPA 1", "note": "January"}' -H 'Idempotency-Key: t-1'
is "$status $(jq -S . <<<"$body")" "201 $(jq -S . <<<"$first")" "once, whatever is repeated"
post "$at/topups" '{"amount": "1", "reference": "SEPA 1"}' -H 'Idempotency-Key: t-1'
problem 422 idempotency_key_reused "and a key is for one request"
is "$(balance)" 100.5 "so it is there once"
pids=()
for n in 1 2 3 4 5 6 7 8; do
    curl -s -o "$dir/same-$n" -w '%{http_code}' -H "Authorization: Bearer $key" -H 'Idempotency-Key: t-2' -H 'Content-Type: application/json' \
        -d '{"amount": "7", "reference": "at once"}' "http://127.0.0.1:$port$at/topups" >"$dir/status-$n" &
    pids+=($!)
done
wait "${pids[@]}"
is "$(cat "$dir"/same-? | jq -cS . | sort -u | wc -l) $(cat "$dir"/status-? | grep -o ... | sort -u) $(balance)" "1 201 107.5" "eight at once with one key are one"
pids=()
for n in 1 2 3 4 5 6 7 8 9 10; do
    curl -s -o "$dir/other-$n" -H "Authorization: Bearer $key" -H "Idempotency-Key: o-$n" -H 'Content-Type: application/json' \
        -d '{"amount": "1", "reference": "at once"}' "http://127.0.0.1:$port$at/topups" &
    pids+=($!)
done
wait "${pids[@]}"
is "$(balance)" 117.5 "ten at once are ten"
post "$at/topups" '{"amount": "0.001", "reference": "x"}'
problem 422 invalid_input "a bank moves no tenth of a cent" /amount
post "$at/topups" '{"amount": "0.00", "reference": "x"}'
problem 422 invalid_input "nor nothing" /amount
key=$own_key post "$at/topups" '{"amount": "5", "reference": "x"}'
problem 403 denied "nobody tops themselves up"
key=$own_key
api GET "$at/entries?limit=1"
is "$status $(json '.data[0] | [.kind, .balance_after.amount]')" '200 ["wallet.topped_up","117.5"]' "but sees what came in"
key=$platform_key
is "$(sql "SELECT COUNT(*) FROM audit_log WHERE action = 'wallets.top_up' AND outcome = 'done'")" 12 "each is in the audit log"
verify_ledger "after top-ups"

# --- killed in between
lock_tables ledger_postings
curl -s -m 5 -o "$dir/killed" -H "Authorization: Bearer $key" -H 'Idempotency-Key: k-1' -H 'Content-Type: application/json' \
    -d '{"amount": "3", "reference": "killed"}' "http://127.0.0.1:$port$at/topups" &
asking=$!
until_true 5 waits_for_lock 1
kill_server
unlock_tables
wait $asking
start_server
before=$(balance)
[ "$before" = 117.5 ] || [ "$before" = 120.5 ]
ok $? "a server killed in between leaves all of it or nothing: $before"
post "$at/topups" '{"amount": "3", "reference": "killed"}' -H 'Idempotency-Key: k-1'
is "$status $(balance)" "201 120.5" "and the repeat makes it once"
verify_ledger "after the kill"

# --- credit
post "$at/credits" '{"amount": "0.01", "priority": 2, "note": "late"}' -H 'Idempotency-Key: c-1'
is "$status $(json '[.credit.remaining.amount, .credit.expires_at, .credit.kind, .wallet.balance.amount, .wallet.credits.amount]')" \
    '201 ["0.01",null,"promotion","120.51","0.01"]' "credit is part of the balance"
late=$(field .credit.id)
post "$at/credits" '{"amount": "0.005", "priority": 1, "expires_at": "2099-01-01T00:00:00Z"}'
soon=$(field .credit.id)
post "$at/credits" '{"amount": "1", "expires_at": "2020-01-01T00:00:00Z"}'
problem 422 invalid_input "none that has ended" /expires_at
post /v1/usage "[$(event one "{company: \"$acme\", quantity: \"30\"}")]"
is "$(json .outcomes.rated)" 1 "a call of 0.012 is charged"
api GET "$at/credits"
is "$(json '[.data[] | [.id, .granted.amount, .remaining.amount]]')" "[[\"$soon\",\"0.005\",\"0\"],[\"$late\",\"0.01\",\"0.003\"]]" \
    "first the smaller priority, then the other"
verify_ledger "after a charge"
sql "UPDATE credits SET expires_at = UTC_TIMESTAMP(6) - INTERVAL 1 HOUR WHERE remaining > 0"
cat >"$dir/expire.lua" <<'LUA'
assert(require("wallets.jobs").expire_credits())
LUA
"$TOLLGATE" lua "$dir/expire.lua" 2>"$dir/expire.log" || cat "$dir/expire.log"
api GET "$at/entries?limit=1"
is "$(json '.data[0] | [.kind, .amount.amount]') $(sql "SELECT account FROM ledger_postings WHERE amount = 0.003")" '["credit.expired","-0.003"] breakage' \
    "what is left of a credit at its end is taken back"
verify_ledger "after the end of a credit"

# --- put right
post "$at/corrections" '{"amount": "-20.25", "reason": "typed twice"}' -H 'Idempotency-Key: r-1'
is "$status $(json '[.entry.kind, .entry.amount.amount, .entry.description]')" '200 ["wallet.corrected","-20.25","typed twice"]' "alone, one corrects"
corrected=$(balance)
post "$at/corrections" '{"amount": "-20.25", "reason": "typed twice"}' -H 'Idempotency-Key: r-1'
is "$status $(balance)" "200 $corrected" "once"
post /v1/api-keys '{"name": "second", "permissions": ["wallets:*", "approvals:*"]}'
second=$(field .key)
post "$at/corrections" '{"amount": "20.25", "reason": "and back again"}' -H 'Idempotency-Key: r-2'
is "$status $(json '[.operation, .flow, .state]') $(balance)" "202 [\"wallets.correct\",\"wallet_correction\",\"waiting\"] $corrected" \
    "with a second person it waits"
approval=$(field .id)
post "$at/corrections" '{"amount": "20.25", "reason": "and back again"}' -H 'Idempotency-Key: r-2'
is "$status $(field .id)" "202 $approval" "a repeat is the same wish"
key=$second post "/v1/approvals/$approval/approve" ''
is "$status $(field .state) $(python3 -c "from decimal import *; print((Decimal('$(balance)') - Decimal('$corrected')).normalize())")" "200 done 20.25" "approved, it is done"
post "$at/corrections" '{"amount": "0", "reason": "nothing"}'
problem 422 invalid_input "nothing is no correction" /amount
key=$own_key post "$at/corrections" '{"amount": "1", "reason": "mine"}'
problem 403 denied "nobody corrects their own balance"
verify_ledger "after corrections"
is "$(grep -c '"level":"error"' "$dir/server.log")" 0 "the server has logged no error"
done_testing
