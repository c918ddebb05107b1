#!/bin/bash
# 41 - secrets: sealed under master keys that are replaced while it runs; and none is in a log, a metric, a problem
# document or the audit log, whatever somebody sends.
. tests/e2e/lib.sh
write_conf <<END
tollgate.access-log: $dir/access.log
tollgate.log-level: debug
END
MARK=Zq7SecretMarkZq7 STRAY=Zq7StrayMarkZq7

# --- a key ring
ring=$dir/ring
first=$("$TOLLGATE" secrets new-key "$ring")
like "$first $(stat -c %a "$ring")" '^[0-9a-f]{8} 600$' "new-key makes a ring that nobody else reads, and says the key's id"
ok $(grep -q "$first" "$ring" && echo 1 || echo 0) "which is no part of the key"
chmod 644 "$ring"
refused=$(TOLLGATE_MASTER_KEY_FILE=$ring "$TOLLGATE" serve --conf "$dir/h2o.conf" 2>&1 >/dev/null)
like "$? $refused" '^1 .*ring can be read by others: chmod 600 it' "a ring that others can read is refused"
chmod 600 "$ring"
make_database
make_platform
platform_key=$key
export TOLLGATE_MASTER_KEY_FILE=$ring TOLLGATE_MAIL_URL=dir:$mail
start_server || exit 1

# --- two who have secrets, and a signing key
make_person ada@example.com owner "correct horse $MARK"
ada=$person
make_person bob@example.com owner "battery staple $MARK"
bob=$person
enrol() { # EMAIL PASSWORD: their secret in $secret, a session in $session
    login "$1" "$2"
    key=$(field .token) session=$key
    post /v1/auth/totp ''
    secret=$(field .secret)
    early_in_step
    post /v1/auth/totp/confirm "{\"code\": \"$(code_at "$secret" -1)\"}"
    recovery=$(field '.recovery_codes[0]')
}
enrol ada@example.com "correct horse $MARK"
ada_secret=$secret ada_session=$session ada_recovery=$recovery
enrol bob@example.com "battery staple $MARK"
post /v1/realtime/token ''
jwt=$(field .token)
sealed_with() { # the ids of the keys that something is sealed under
    sql "SELECT DISTINCT LOWER(HEX(key_id)) FROM sealed_values ORDER BY 1" | paste -sd' '
}
is "$(sql "SELECT COUNT(*) FROM sealed_values") $(sealed_with)" "3 $first" "three secrets, sealed under the key"

# --- a second key
"$TOLLGATE" secrets rotate >"$dir/rotate.out"
is "$? $(cat "$dir/rotate.out")" "0 0 sealed anew" "there is nothing to rotate"
second=$("$TOLLGATE" secrets new-key "$ring")
stop_server
start_server || exit 1
signs_in() { # with ada's authenticator
    sql "UPDATE user_totp SET last_step = 0"
    login ada@example.com "correct horse $MARK"
    early_in_step
    post /v1/auth/login/totp "{\"ticket\": \"$(field .ticket)\", \"code\": \"$(code_at "$ada_secret" 0)\"}"
}
signs_in
is "$status $(sealed_with)" "200 $first" "with a newer key in the ring what the older has sealed opens"
# killed in the middle, where the last row is somebody else's for a moment
coproc locker { mariadb --defaults-extra-file="$dir/my.cnf" --batch --skip-column-names --unbuffered "$database" 2>&1; }
locker_in=${locker[1]}
echo "BEGIN; SELECT 'locked' FROM sealed_values ORDER BY owner_id DESC, name DESC LIMIT 1 FOR UPDATE;" >&"$locker_in"
read -r -t 10 <&"${locker[0]}"
"$TOLLGATE" secrets rotate >/dev/null 2>&1 &
rotate_pid=$!
two_are_new() {
    [ "$(sql "SELECT COUNT(*) FROM sealed_values WHERE key_id = UNHEX('$second')")" = 2 ]
}
until_true 20 two_are_new
ok $? "rotate seals it anew, beside the server, row by row"
kill -KILL "$rotate_pid"
wait "$rotate_pid" 2>/dev/null
nobody_waits() { # what the dead had sent is over, too
    [ "$(sql "SELECT COUNT(*) FROM information_schema.processlist WHERE db = '$database' AND info LIKE 'UPDATE sealed%'")" = 0 ]
}
until_true 20 nobody_waits
echo 'ROLLBACK;' >&"$locker_in"
exec {locker_in}>&-
wait "$locker_PID" 2>/dev/null
is "$("$TOLLGATE" secrets rotate)" "1 sealed anew" "killed, it goes on where it was"
is "$(sealed_with)" "$second" "everything, under the newest"
is "$("$TOLLGATE" secrets rotate --keys "$ring")" "0 sealed anew" "said again it has nothing to do"
signs_in
is "$status" 200 "nobody notices"
sed -i 1d "$ring"
stop_server
# the ring itself in the environment, where it does not stay
start_server TOLLGATE_MASTER_KEY="$(cat "$ring")" TOLLGATE_MASTER_KEY_FILE= || exit 1
signs_in
is "$status" 200 "the older key is not needed any more"
ok $(tr '\0' '\n' <"/proc/$server_pid/environ" | grep -qF "$(cat "$ring")" && echo 1 || echo 0) \
    "the key has gone from the environment of the process"
is "$(awk '/Max core file size/ { print $5, $6 }' "/proc/$server_pid/limits")" "0 0" "which leaves no core dump"

# --- what does not open
sql "UPDATE sealed_values a JOIN sealed_values b ON b.owner_id <> a.owner_id AND b.name = a.name
        SET a.sealed = b.sealed WHERE a.name = 'totp'
        AND a.owner_id = (SELECT id FROM users WHERE email = 'ada@example.com')"
signs_in
problem 503 secret_unreadable "another's secret, copied into somebody's row, is worth nothing"
is "$(jq -r 'select(.name == "secrets_value_unreadable") | .owner' "$dir/server.log" | tail -n 1)" "$ada" "the log names the row"
"$TOLLGATE" secrets new-key "$dir/other" >/dev/null
message=$("$TOLLGATE" secrets rotate --keys "$dir/other" 2>&1)
like "$? $message" '0 sealed anew; 3 cannot be opened with these keys' "a ring without the key changes nothing, and says so"
is "$(sealed_with)" "$second" "indeed"
stop_server
is "$server_code" 0 "the server ends with 0"

# --- what no log may have: a ring with a mark in it
printf '%s\n' "${MARK}AAAAAAAAAAAAAAAAAAAAAAAAAAA" >"$dir/marked"
chmod 600 "$dir/marked"
start_server TOLLGATE_MASTER_KEY="$(cat "$dir/marked"),$(cat "$ring")" || exit 1
key=$platform_key
curl -s -o "$dir/openapi.json" "http://127.0.0.1:$port/openapi.json"
node tests/contract/redaction.mjs "$dir/openapi.json" "http://127.0.0.1:$port" "$dir/key" "$MARK" "$STRAY" >"$dir/redaction" 2>&1
while IFS= read -r line; do
    case $line in
    "ok "*) ok 0 "${line#*- }" ;;
    "not ok "*) ok 1 "${line#*- }" ;;
    1..*) ;;
    *) echo "$line" ;;
    esac
done <"$dir/redaction"
like "$(tail -n 1 "$dir/redaction")" '^1\.\.[1-9]' "secrets went through every route"
login ada@example.com "correct horse $STRAY" # a wrong password
api GET /v1/me -H "Authorization: Bearer $ada_session"
curl -s "http://127.0.0.1:$port/metrics" >"$dir/metrics"
stop_server
finds_nothing() { # NAME FILE
    local found=
    for text in "$MARK" "$STRAY" "$platform_key" "$ada_secret" "$ada_session" "$ada_recovery" "$jwt" "$(cat "$ring")"; do
        found=$found$(grep -m 3 -F -- "$text" "$2" | cut -c 1-300)
    done
    is "$found" "" "no secret is in $1 ($(wc -l <"$2") lines)"
}
sql "SELECT * FROM audit_log" >"$dir/audit"
ok $([ "$(wc -l <"$dir/audit")" -gt 20 ] && [ "$(wc -l <"$dir/access.log")" -gt 500 ]; echo $?) "there is something to look through"
finds_nothing "the log" "$dir/server.log"
finds_nothing "the access log" "$dir/access.log"
finds_nothing "the metrics" "$dir/metrics"
# what was put into an ordinary field, a name perhaps, is data, there as in the row itself
sed "s/$STRAY//g" "$dir/audit" >"$dir/audit.proper"
finds_nothing "the audit log" "$dir/audit.proper"
sql "SELECT sealed FROM sealed_values" >"$dir/sealed"
finds_nothing "the sealed values" "$dir/sealed"
done_testing
