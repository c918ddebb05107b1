#!/bin/bash
# 38 - the audit log: every write and every refusal, by whom; sealed, and what is tampered with is found.
. tests/e2e/lib.sh
fresh_server TOLLGATE_MAIL_URL="dir:$dir/mail"
platform_key=$key

entries() { # QUERY JQ: of the log
    api GET "/v1/audit-log?$1"
    json "$2"
}
verify() { # what it says last in $said, its exit code in $code
    "$TOLLGATE" audit verify "$@" >"$dir/verify" 2>"$dir/verify.err"
    code=$?
    said=$(tail -n 1 "$dir/verify")
}
# Seals as if it were later: the job leaves the last minute alone.
cat >"$dir/seal.lua" <<'END'
local now = tg.time.now
tg.time.now = function() return now() + 120 * 1000000 end
assert(require("chains.service").seal("audit") == false)
END
seal() {
    "$TOLLGATE" lua "$dir/seal.lua" 2>>"$dir/seal.log" || cat "$dir/seal.log"
}

# --- what was done
make_company north && north=$id
request=$(header x-request-id)
is "$(entries "object=$north" '[.data[0] | .action, .outcome, .company, .request_id, .after.name, .address]')" \
    "[\"identity.create_company\",\"done\",\"$platform\",\"$request\",\"north\",\"127.0.0.1\"]" "a write says what, where from and for which request"
me=$(entries "object=$north" '.data[0].actor' | tr -d '"')
like "$me" '^key_' "and who"
api PATCH "/v1/companies/$north" -H 'Content-Type: application/json' -d '{"name": "North Ltd"}'
is "$(entries "object=$north&action=identity.change_company" '[.data[0].before, .data[0].after]')" \
    '[{"name":"north"},{"name":"North Ltd"}]' "a change says what was, what is, and nothing else"
post /v1/api-keys "{\"name\": \"north's\", \"company\": \"$north\", \"permissions\": [\"companies:read\", \"audit:read\"]}"
north_key=$(field .key) north_id=$(field .id)
is "$(entries "object=$north_id" '.data | length')" 1 "a key that is made is there"
is "$(sql "SELECT COUNT(*) FROM audit_log WHERE CONCAT(COALESCE(before_state, ''), COALESCE(after_state, '')) LIKE '%$north_key%'")" 0 \
    "its text is not"
rows_before=$(sql 'SELECT COUNT(*) FROM audit_log')
post /v1/companies '{"name": "once", "external_ref": "r1"}' -H 'Idempotency-Key: one'
post /v1/companies '{"name": "once", "external_ref": "r1"}' -H 'Idempotency-Key: one'
post /v1/companies '{"name": "once", "external_ref": "r1"}'
is "$(sql 'SELECT COUNT(*) FROM audit_log')" $((rows_before + 1)) "a repeat that changes nothing leaves nothing"
post /v1/companies '{"name": "nobody", "currency": "XXX"}'
is "$(sql 'SELECT COUNT(*) FROM audit_log')" $((rows_before + 1)) "nor does what could not be done"

# --- who signs in, and who does not
post /v1/users '{"email": "ada@example.com", "name": "Ada", "roles": [{"role": "auditor"}]}'
ada=$(field .id)
has_letter() { grep -ls '^To: ada@example.com' "$dir/mail"/*.eml; }
until_true 20 has_letter
letter=$(sed '1,/^\r$/d' "$(has_letter | head -n 1)" | base64 -di | grep -oE '^    [A-Za-z0-9_-]{43}' | tr -d ' ')
post /v1/auth/password "{\"code\": \"$letter\", \"password\": \"correct horse battery\"}"
post /v1/auth/login '{"email": "ada@example.com", "password": "wrong horse"}'
post /v1/auth/login '{"email": "ada@example.com", "password": "correct horse battery"}'
token=$(field .token) session=$(field .session)
is "$(entries "object=$session" '[.data[0].action, .data[0].actor]')" "[\"sessions.login\",\"$ada\"]" "who signs in is named"
failed() { [ "$(entries 'object=ada@example.com' '[.data[0].action, .data[0].outcome]')" = '["sessions.login","refused"]' ]; }
until_true 5 failed
ok $? "who tries is, too: by the address that was tried"
key=$token
post /v1/auth/reauthenticate '{"password": "correct horse battery"}'
is "$(entries "actor=$ada&action=sessions.reauthenticate" '.data[0].session')" "\"$session\"" "what is done in a session names it"

# --- what was refused
api PATCH "/v1/companies/$north" -H 'Content-Type: application/json' -d '{"name": "x"}'
is "$status" 403 "an auditor changes nothing"
refused() { [ "$(entries "actor=$ada&outcome=refused" '[.data[0].action, .data[0].after.status]')" = '["identity.change_company",403]' ]; }
until_true 5 refused
ok $? "and that it was tried is in the log"
key=nonsense
api GET /v1/companies
key=$platform_key
stranger() { [ "$(entries 'outcome=refused&action=identity.companies' '[.data[0].actor, .data[0].after.status]')" = '[null,401]' ]; }
until_true 5 stranger
ok $? "so is a stranger's attempt"
for n in $(seq 60); do echo "url = http://127.0.0.1:$port/v1/companies"; echo "output = /dev/null"; done >"$dir/flood"
curl -s -K "$dir/flood"
count=$(sql "SELECT COUNT(*) FROM audit_log WHERE outcome = 'refused' AND actor = ''")
[ "$count" -lt 45 ]
ok $? "of a flood a part is kept: $count"

# --- who sees what
key=$north_key
is "$(entries '' '.data | length')" 0 "a company sees nothing of the company above"
api GET "/v1/companies/$north"
key=$platform_key
page=$(entries 'limit=2' '[(.data | length), (.next_cursor != null)]')
is "$page" '[2,true]' "the log comes in pages"
first=$(field '.data[1].id')
is "$(entries "limit=2&cursor=$(field .next_cursor)" '.data[0].id < "'"$first"'"')" true "each older than the one before"
api GET "/v1/audit-log/$first"
is "$(field .id)" "$first" "one entry is found by its id"
is "$(entries "from=2030-01-01T00:00:00Z" '.data | length') $(entries "to=2020-01-01T00:00:00Z" '.data | length')" "0 0" "and entries by when they were made"

# --- out of here
api GET "/v1/audit-log/export?format=csv&limit=2"
is "$content_type $(head -n 1 "$dir/body" | tr -d '\r')" \
    "text/csv; charset=utf-8 id,company,at,actor,session,address,request_id,action,object,outcome,before,after" "the log as CSV"
api GET "/v1/audit-log/export?format=jsonl&limit=3"
is "$(wc -l <"$dir/body") $(jq -s 'length' "$dir/body")" "3 3" "or as JSON, a line each"
next=$(header next-cursor)
api GET "/v1/audit-log/export?format=jsonl&limit=3&cursor=$next"
is "$(jq -rs '.[0].id != null' "$dir/body")" true "its next part follows by Next-Cursor"

# --- sealed
verify
is "${said##*rows, }" "$(sql 'SELECT COUNT(*) FROM audit_log') waiting: 0 differences" "what is young waits"
seal
n=$(sql 'SELECT COUNT(*) FROM audit_log')
verify
is "$said $code" "1 companies, 1 links, $n rows, 0 waiting: 0 differences 0" "then it is sealed, and all is well"
make_company later
seal
verify
is "$said" "1 companies, 2 links, $((n + 1)) rows, 0 waiting: 0 differences" "what comes later gets a seal of its own"
verify --heads
is "$(awk '$1 == "head" { print $2, $3 }' "$dir/verify")" "$platform 2" "the end of the chain can be kept elsewhere"
is "$(sql "SELECT COUNT(*) FROM audit_chain")" 2 "two links"

# --- and found when it is tampered with
victim=$(sql "SELECT HEX(id) FROM audit_log WHERE action = 'identity.create_company' ORDER BY id LIMIT 1")
tampered() { # NAME SQL BACK
    sql "$2"
    verify
    is "${said##*: } $code" "1 differences 3" "$1"
    sql "$3"
    verify
    is $code 0 "… and put back, it is well again"
}
tampered "a changed name is found" "UPDATE audit_log SET after_state = REPLACE(after_state, 'north', 'south') WHERE id = UNHEX('$victim')" \
    "UPDATE audit_log SET after_state = REPLACE(after_state, 'south', 'north') WHERE id = UNHEX('$victim')"
tampered "so is a row that was taken away" "CREATE TABLE kept AS SELECT * FROM audit_log WHERE id = UNHEX('$victim'); DELETE FROM audit_log WHERE id = UNHEX('$victim')" \
    "INSERT INTO audit_log SELECT * FROM kept"
tampered "and one that was slipped in" "INSERT INTO audit_log SELECT company_id, UNHEX(CONCAT(LEFT(HEX(id), 31), IF(RIGHT(HEX(id), 1) = '0', '1', '0'))), at, actor, session_id, address, request_id, action, 'slipped', outcome, before_state, after_state FROM audit_log WHERE id = UNHEX('$victim')" \
    "DELETE FROM audit_log WHERE object = 'slipped'"
sql "UPDATE audit_chain SET hash = REVERSE(hash) WHERE seq = 1"
verify
is "$(grep -c ' link ' "$dir/verify") $code" "2 3" "a link that was changed is not the one that its follower sealed"

# --- by right
server_sql() {
    local url=$TOLLGATE_DATABASE_URL user password socket
    user=${url#mysql://} && user=${user%%:*}
    password=${url#*://*:} && password=${password%%@*}
    socket=${url#*socket=} && socket=${socket%%&*}
    MYSQL_PWD=$password mariadb --no-defaults -u "$user" -S "$socket" "$database" -e "$1" 2>&1
}
like "$(server_sql 'UPDATE audit_log SET actor = ""')" 'denied' "the server itself could not change a row"
like "$(server_sql 'DELETE FROM audit_chain')" 'denied' "nor take a link away"
is "$(grep -c audit_forgotten "$dir/server.log")" 0 "no write was forgotten"
done_testing
