#!/bin/bash
# 39 - approvals: what needs a second person waits for one, happens once, and is theirs who asked for it.
. tests/e2e/lib.sh
fresh_server TOLLGATE_MAIL_URL="dir:$dir/mail"
platform_key=$key

patch() { # PATH JSON
    api PATCH "$1" -H 'Content-Type: application/json' --data-binary "$2"
}
approve() { post "/v1/approvals/$1/approve" ''; }
refuse() { post "/v1/approvals/$1/refuse" ''; }
state() { # of a company
    sql "SELECT status FROM companies WHERE name = '$1'"
}
make_key() { # NAME PERMISSIONS: its text in $made
    post /v1/api-keys "{\"name\": \"$1\", \"permissions\": $2}"
    made=$(field .key) made_id=$(field .id)
}
suspend() { # NAME: makes it, asks for its suspension; the approval in $id
    make_company "$1" && company=$id
    patch "/v1/companies/$company" '{"status": "suspended"}'
    id=$(field .id)
}

# --- alone
make_company lonely && lonely=$id
patch "/v1/companies/$lonely" '{"status": "suspended"}'
is "$status $(state lonely)" "200 suspended" "a key that is alone suspends a company"
api GET "/v1/audit-log?object=$lonely&action=identity.change_company"
is "$(json '.data[0].after')" '{"review":"author_is_alone","status":"suspended"}' "and the log says that it was alone"
patch "/v1/companies/$lonely" '{"status": "active"}'
is "$status $(state lonely)" "200 active" "back needs nobody"

# --- two
make_key second '["companies:*", "approvals:*"]' && second=$made second_id=$made_id
api GET /v1/me
me=$(field .key.id)
make_company north && north=$id
patch "/v1/companies/$north" '{"status": "suspended", "name": "North"}'
is "$status $(json '[.operation, .flow, .object, .state, .proposer, .input, .result]') $(state north)" \
    "202 [\"identity.change_company\",\"company_suspend\",\"$north\",\"waiting\",\"$me\",{\"name\":\"North\",\"status\":\"suspended\"},null] active" \
    "with a second person it waits, and nothing has happened"
id=$(field .id)
is "$(header location)" "/v1/approvals/$id" "where, the answer says"
patch "/v1/companies/$north" '{"status": "suspended", "name": "North"}'
is "$status $(field .id)" "202 $id" "to ask again is to ask for the same"
patch "/v1/companies/$north" '{"country": "DE"}'
is "$status" 200 "what needs nobody goes on"
approve "$id"
problem 403 reviewer_is_author "nobody approves what they asked for"
make_key reader '["companies:read", "approvals:*"]' && reader=$made
key=$reader approve "$id"
problem 403 denied "nor who may not do it themselves"
is "$(state north)" active "still nothing has happened"
key=$second
api GET '/v1/approvals?state=waiting'
is "$(json '[.data[].id]')" "[\"$id\"]" "who may approve finds it"
api GET "/v1/approvals/$id"
is "$(field .state)" waiting "and looks at it"
approve "$id"
is "$status $(json '[.state, .decider, .result.status]') $(state North)" "200 [\"done\",\"$second_id\",\"suspended\"] suspended" "the second person approves: it is done"
approve "$id"
is "$status $(field .state) $(sql "SELECT COUNT(*) FROM audit_log WHERE action = 'approvals.approve' AND outcome = 'done'")" "200 done 1" "approving twice is approving once"
key=$platform_key
approve "$id"
problem 409 approval_over "for others it is over"
api GET "/v1/audit-log?object=$north&action=identity.change_company"
is "$(json '[.data[0].actor, .data[0].after.review]')" "[\"$me\",\"approved by $second_id\"]" "in the log it is theirs who asked"
api GET "/v1/audit-log?object=$id"
is "$(json '[.data[] | [.action, .actor]]')" "[[\"approvals.approve\",\"$second_id\"],[\"approvals.propose\",\"$me\"]]" "and who approved has their own entry"

# --- refused, taken back, too late
suspend east
key=$second refuse "$id"
is "$status $(json '[.state, .decider]') $(state east)" "200 [\"refused\",\"$second_id\"] active" "the second person refuses"
key=$second approve "$id"
problem 409 approval_over "and that is that"
suspend west
refuse "$id"
is "$status $(field .state)" "200 cancelled" "who asked takes it back"
suspend south
sql "UPDATE approvals SET expires_at = '2020-01-01' WHERE state = 'waiting'"
key=$second approve "$id"
problem 409 approval_over "after a week it is too late"
cat >"$dir/expire.lua" <<'END'
assert(require("approvals.jobs").expire())
END
"$TOLLGATE" lua "$dir/expire.lua" 2>"$dir/expire.log" || cat "$dir/expire.log"
api GET "/v1/approvals/$id"
is "$(field .state) $(state south)" "expired active" "a job says so"

# --- checked again
suspend gone
sql "UPDATE api_keys SET permissions = '[\"companies:read\"]' WHERE id = (SELECT MIN(id) FROM api_keys)"
key=$second approve "$id"
is "$status $(json '[.state, .result.type]') $(state gone)" '200 ["failed","proposer_may_not"] active' "who has lost the right meanwhile does nothing any more"
sql "UPDATE api_keys SET permissions = '[\"*\"]' WHERE id = (SELECT MIN(id) FROM api_keys)"

# --- at once, and with a server that dies
suspend race
for n in 1 2 3 4 5 6; do
    curl -s -o "$dir/race-$n" -X POST -H "Authorization: Bearer $second" "http://127.0.0.1:$port/v1/approvals/$id/approve" &
    pids[n]=$!
done
wait "${pids[@]}"
is "$(sql "SELECT COUNT(*) FROM audit_log WHERE object = '$company' AND action = 'identity.change_company'") $(state race)" \
    "1 suspended" "of six approvals at once one does it"
suspend killed
lock_tables companies
curl -s -m 5 -o "$dir/killed" -X POST -H "Authorization: Bearer $second" "http://127.0.0.1:$port/v1/approvals/$id/approve" &
asking=$!
until_true 5 waits_for_lock 1
kill_server
unlock_tables
wait $asking
start_server TOLLGATE_MAIL_URL="dir:$dir/mail"
api GET "/v1/approvals/$id"
before="$(field .state) $(state killed)"
[ "$before" = "waiting active" ] || [ "$before" = "done suspended" ]
ok $? "a server killed in between leaves both done or neither: $before"
key=$second approve "$id"
is "$(field .state) $(state killed)" "done suspended" "and it can be approved again"

# --- credit
key=$platform_key
make_company debtor && debtor=$id
api GET "/v1/wallets?company=$debtor"
wallet=$(field '.data[0].id')
limit() { # of the debtor's wallet
    sql "SELECT credit_limit + 0 FROM wallets w JOIN companies c ON c.id = w.company_id WHERE c.name = 'debtor'" | sed 's/\.\?0*$//'
}
make_key treasurer '["wallets:*", "approvals:*"]' && treasurer=$made
post "/v1/wallets/$wallet/credit-limit" '{"amount": "250.50"}'
is "$status $(json '[.operation, .flow, .input]') $(limit)" \
    '202 ["wallets.change_credit_limit","credit_limit",{"amount":"250.50"}] 0' "credit waits for a second person"
id=$(field .id)
key=$second approve "$id"
problem 403 denied "who has nothing to do with money does not give it"
key=$treasurer approve "$id"
is "$status $(json '[.state, .result.credit_limit.amount]') $(limit)" '200 ["done","250.5"] 250.5' "the treasurer does, to the cent"
api GET "/v1/audit-log?object=$wallet"
is "$(json '[.data[0].before, .data[0].after.credit_limit]')" '[{"credit_limit":"0"},"250.5"]' "and the log has both limits"
post /v1/api-keys "{\"name\": \"own\", \"company\": \"$debtor\"}"
debtor_key=$(field .key)
key=$debtor_key post "/v1/wallets/$wallet/credit-limit" '{"amount": "1000"}'
problem 403 denied "nobody lends to themselves"
post "/v1/wallets/$wallet/credit-limit" '{"amount": -1}'
problem 422 invalid_input "nor less than nothing" /amount

# --- rules
rule() { # NOTE: a bundle by the platform's key
    sed "s/^return {/-- $1\nreturn {/" lua/alerts/rules.lua >"$dir/alerts.lua"
    jq -nc --rawfile s "$dir/alerts.lua" '{files: [{path: "alerts/rules.lua", source: $s}]}' >"$dir/bundle.json"
    post /v1/rules/bundles "@$dir/bundle.json"
    bundle=$(field .id)
}
activate() {
    api PUT /v1/rules/active -H 'Content-Type: application/json' -d "{\"bundle\": \"$bundle\", \"if_revision\": $1}"
}
make_key reviewer '["rules:*", "approvals:*"]' && reviewer=$made reviewer_id=$made_id
rule one
activate 0
is "$status $(json '[.operation, .object, .state]')" "202 [\"rules.activate\",\"$bundle\",\"waiting\"]" "rules wait for somebody else than their author"
id=$(field .id)
cli rules activate "$bundle" >"$dir/out" 2>"$dir/err"
is "$? $(grep -o 'apv_.*' "$dir/err")" "3 $id" "from the command line, too"
key=$second approve "$id"
problem 403 denied "who may not activate rules does not approve it"
key=$reviewer approve "$id"
is "$status $(json '[.state, .result.revision]')" '200 ["done",1]' "approved, they decide"
api GET /v1/rules/activations
is "$(json '.data[0] | [.set_by, .detail]')" "[\"$me\",\"approved by $reviewer_id\"]" "the history names both"
rule two
activate 1
id=$(field .id)
key=$reviewer post /v1/rules/rollback '{}'
key=$reviewer approve "$id"
is "$status $(json '[.state, .result.type]')" '200 ["failed","revision_moved"]' "what has moved meanwhile is not overwritten"

# --- people
sign_in() { # EMAIL
    post /v1/auth/login "{\"email\": \"$1\", \"password\": \"correct horse battery\"}"
    key=$(field .token)
}
make_company agency && agency=$id
post /v1/users "{\"email\": \"ada@example.com\", \"name\": \"Ada\", \"company\": \"$agency\", \"roles\": [{\"role\": \"owner\"}]}"
has_letter() { grep -ls '^To: ada@example.com' "$dir/mail"/*.eml; }
until_true 20 has_letter
letter=$(sed '1,/^\r$/d' "$(has_letter | head -n 1)" | base64 -di | grep -oE '^    [A-Za-z0-9_-]{43}' | tr -d ' ')
post /v1/auth/password "{\"code\": \"$letter\", \"password\": \"correct horse battery\"}"
sign_in ada@example.com
make_company client && client=$id
api GET "/v1/wallets?company=$client"
post "/v1/wallets/$(field '.data[0].id')/credit-limit" '{"amount": "5"}'
is "$status $(field .credit_limit.amount)" "200 5" "who is alone lends at once"
sql "UPDATE sessions SET reauthenticated_at = '2020-01-01'"
patch "/v1/companies/$client" '{"status": "suspended"}'
problem 403 reauthentication_required "a lone person with an old session gives the password again"
post /v1/auth/reauthenticate '{"password": "correct horse battery"}'
patch "/v1/companies/$client" '{"status": "suspended"}'
is "$status $(state client)" "200 suspended" "then it is done"
key=$platform_key
is "$(grep -c '"level":"error"' "$dir/server.log")" 0 "the server has logged no error"
done_testing
