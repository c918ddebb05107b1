#!/bin/bash
# 27 - the ledger is sealed, link by link, and what is tampered with afterwards is found.
. tests/e2e/lib.sh
fresh_server
cat >"$dir/deck.csv" <<END
prefix,name,per_minute,connect_fee,initial_s,increment_s,effective_from,effective_to
1,North America,0.0120,0,60,60,2026-01-01T00:00:00Z,
END
make_deck prices "$dir/deck.csv"
make_company alpha "\"rate_deck\": \"$deck\"" && alpha=$id
make_company beta "\"rate_deck\": \"$deck\"" && beta=$id

verify() { # what it says of the chain in $chain, its last line in $said, its exit code in $code
    "$TOLLGATE" ledger verify "$@" >"$dir/verify" 2>"$dir/verify.err"
    code=$?
    chain=$(grep ' links seal ' "$dir/verify") said=$(tail -n 1 "$dir/verify")
}
# Seals as if it were later: the job leaves the last minute alone.
cat >"$dir/seal.lua" <<'END'
local now = tg.time.now
tg.time.now = function() return now() + 120 * 1000000 end
assert(require("chains.service").seal("ledger") == false)
END
seal() {
    "$TOLLGATE" lua "$dir/seal.lua" 2>>"$dir/seal.log" || cat "$dir/seal.log"
}
charge() { # EVENT_ID COMPANY
    post /v1/usage "$(event "$1" "{company: \"$2\"}")"
}

# --- sealed
verify
is "$code $chain" "0 0 links seal 0 entries, 0 wait" "an empty ledger has no chain"
for n in 1 2 3; do charge "a$n" "$alpha"; done
charge b1 "$beta"
verify
is "$code $chain" "0 0 links seal 0 entries, 4 wait" "what is young waits"
seal
verify
is "$code $chain" "0 2 links seal 4 entries, 0 wait" "then it is sealed, each company by itself"
charge a4 "$alpha"
seal
seal
verify --heads
is "$code $chain" "0 3 links seal 5 entries, 0 wait" "what comes later gets a link of its own"
is "$(awk '$1 == "head" { print $2, $3 }' "$dir/verify" | sort)" "$(printf '%s 2\n%s 1\n' "$alpha" "$beta" | sort)" "the end of each chain can be kept elsewhere"
head=$(awk -v co="$alpha" '$2 == co { print $4 }' "$dir/verify")
is "$(grep -c "\"hash\":\"$head\"" "$dir/seal.log")" 1 "and is in the log"
is "$("$TOLLGATE" ledger verify --json | jq -c '[.entries, .links, .sealed, .waiting, .differences]')" "[5,3,5,0,0]" "the figures as JSON"
ran() { [ "$(sql "SELECT COUNT(*) FROM jobs WHERE handler = 'chains.jobs:seal_ledger' AND state = 'done'")" -ge 1 ]; }
until_true 20 ran
ok $? "the server seals by itself"

# --- and found when it is tampered with
victim=$(sql "SELECT HEX(id) FROM ledger_entries WHERE company_id = (SELECT company_id FROM ledger_chain WHERE seq = 2) ORDER BY id LIMIT 1")
tampered() { # NAME SQL BACK: the chain, or a check besides, says so
    sql "$2"
    verify
    is "$(grep -c '^ledger_chain ' "$dir/verify") $code" "1 3" "$1"
    sql "$3"
    verify
    is $code 0 "… and put back, it is well again"
}
tampered "a changed posting is found" \
    "UPDATE ledger_postings SET amount = amount * 2 WHERE entry_id = UNHEX('$victim')" \
    "UPDATE ledger_postings SET amount = amount / 2 WHERE entry_id = UNHEX('$victim')"
tampered "a changed balance is" \
    "UPDATE ledger_postings SET balance_after = balance_after + 1 WHERE entry_id = UNHEX('$victim')" \
    "UPDATE ledger_postings SET balance_after = balance_after - 1 WHERE entry_id = UNHEX('$victim')"
tampered "a posting moved to another account is" \
    "UPDATE ledger_postings SET account = 'breakage' WHERE account = 'revenue' AND entry_id = UNHEX('$victim')" \
    "UPDATE ledger_postings SET account = 'revenue' WHERE account = 'breakage' AND entry_id = UNHEX('$victim')"
tampered "an entry that was taken away is" \
    "CREATE TABLE kept AS SELECT * FROM ledger_entries WHERE id = UNHEX('$victim'); DELETE FROM ledger_entries WHERE id = UNHEX('$victim')" \
    "INSERT INTO ledger_entries SELECT * FROM kept"
tampered "and one that was slipped in" \
    "INSERT INTO ledger_entries SELECT company_id, UNHEX(CONCAT(LEFT(HEX(id), 31), IF(RIGHT(HEX(id), 1) = '0', '1', '0'))), kind, operation_id, event_count, 'slipped', created_at FROM ledger_entries WHERE id = UNHEX('$victim')" \
    "DELETE FROM ledger_entries WHERE description = 'slipped'"
tampered "a draw that was added is" \
    "INSERT INTO credit_draws SELECT company_id, id, id, 1 FROM ledger_entries WHERE id = UNHEX('$victim')" \
    "DELETE FROM credit_draws"
sql "UPDATE ledger_chain SET seq = 3 WHERE seq = 2"
verify
is "$(grep -c 'link 2 should follow, and is missing' "$dir/verify") $code" "1 3" "and a link that is missing"
sql "UPDATE ledger_chain SET seq = 2 WHERE seq = 3; UPDATE ledger_chain SET hash = REVERSE(hash) WHERE seq = 1"
verify
is "$(grep -c '^ledger_chain ' "$dir/verify") $code" "3 3" "a link that was changed is not the one that its follower sealed"

# --- by right
server_sql() {
    local url=$TOLLGATE_DATABASE_URL user password socket
    user=${url#mysql://} && user=${user%%:*}
    password=${url#*://*:} && password=${password%%@*}
    socket=${url#*socket=} && socket=${socket%%&*}
    MYSQL_PWD=$password mariadb --no-defaults -u "$user" -S "$socket" "$database" -e "$1" 2>&1
}
like "$(server_sql 'UPDATE ledger_postings SET amount = 0')" 'denied' "the server itself could not change a posting"
like "$(server_sql 'DELETE FROM ledger_chain')" 'denied' "nor take a link away"
done_testing
