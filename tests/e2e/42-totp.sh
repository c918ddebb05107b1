#!/bin/bash
# 42 - proving more than a password: the second factor, its recovery codes, and the password once more before something
# dangerous.
. tests/e2e/lib.sh
fresh_server TOLLGATE_MAIL_URL="dir:$mail"
platform_key=$key

second_step() { # TICKET MEMBER VALUE
    post /v1/auth/login/totp "{\"ticket\": \"$1\", \"$2\": \"$3\"}"
}
forget_steps() { # as if half a minute had passed
    sql "UPDATE user_totp SET last_step = 0"
}

make_person ada@example.com owner "correct horse battery"
ada=$person
login ada@example.com "correct horse battery"
is "$status $(json '[.mfa_required, has("ticket")]')" '200 [false,false]' "without a second factor the password signs in"
key=$(field .token) first=$key
api GET /v1/me
is "$status $(json '[.key,.user.id,.user.totp_enabled,.user.recovery_codes_left]')" "200 [null,\"$ada\",false,0]" \
    "whoever has signed in sees themselves"

# --- begun and confirmed
post /v1/auth/totp/confirm '{"code": "000000"}'
problem 409 totp_not_begun "what was not begun is not confirmed"
post /v1/auth/totp ''
is "$status $(header cache-control)" "200 no-store" "a second factor is begun"
post /v1/auth/totp ''
secret=$(field .secret)
is "${#secret}" 32 "begun again, with another secret of 160 bits"
like "$(field .uri)" "^otpauth://totp/Tollgate:ada%40example\.com\?secret=$secret&issuer=Tollgate&" "for an authenticator"
login ada@example.com "correct horse battery"
is "$(field .mfa_required)" false "until it is confirmed it is not asked for"
early_in_step
post /v1/auth/totp/confirm "{\"code\": \"$(code_at "$secret" 5)\"}"
problem 422 invalid_input "a code of another time does not confirm" /code
post /v1/auth/totp/confirm "{\"code\": \"$(code_at "$secret" -1)\"}"
is "$status $(json '.recovery_codes | length')" "200 10" "the code of a moment ago does, and there are ten recovery codes"
recovery=$(field '.recovery_codes[0]') recovery_2=$(field '.recovery_codes[1]')
post /v1/auth/totp ''
problem 409 totp_on "it is not begun while it is on"
api GET /v1/me
is "$(json '[.user.totp_enabled,.user.recovery_codes_left]')" '[true,10]' "which one sees"
is "$(sql "SELECT COUNT(*) FROM sealed_values WHERE name = 'totp' AND LENGTH(sealed) = 20 + 33")" 1 "the secret is kept sealed"

# --- two steps
login ada@example.com "correct horse battery"
ticket=$(field .ticket)
is "$status $(json 'keys')" '200 ["mfa_required","ticket"]' "the password alone gives a ticket and nothing else"
key=$ticket
api GET /v1/me
is "$status" 401 "which is no session"
early_in_step
code=$(code_at "$secret" 0)
second_step "$ticket" code "$(code_at "$secret" 5)"
problem 401 wrong_code "a wrong code does not sign in"
second_step "$ticket" code "$code"
is "$status $(field .user.id)" "200 $ada" "the right one does"
second=$(field .token)
second_step "$ticket" code "$code"
problem 401 wrong_code "once"
second_step "$ticket" code "$(code_at "$secret" -1)"
problem 401 wrong_code "and none of before it"
second_step "${ticket:0:40}A${ticket:41}" code "$code"
problem 401 wrong_ticket "a ticket that was changed is none"
post /v1/auth/login/totp "{\"ticket\": \"$ticket\"}"
problem 422 invalid_input "a code must be given"
post /v1/auth/login/totp "{\"ticket\": \"$ticket\", \"code\": \"$code\", \"recovery_code\": \"$recovery\"}"
problem 422 invalid_input "one"
second_step "$ticket" recovery_code "${recovery^^}"
is "$status" 200 "a recovery code signs in, however it is written"
second_step "$ticket" recovery_code "$recovery"
problem 401 wrong_code "once"
key=$first
api GET /v1/me
is "$(field .user.recovery_codes_left)" 9 "one less is left"
is "$(sql "SELECT COUNT(*) FROM user_recovery_codes WHERE hash = UNHEX(SHA2('$recovery_2', 256))")" 0 "they are not in the database"

# --- guessing at codes; of forty at once none gets through twice
forget_steps
early_in_step
code=$(code_at "$secret" 0)
for n in $(seq 20); do
    curl -s -o /dev/null -w '%{http_code}\n' -H 'Content-Type: application/json' \
        -d "{\"ticket\": \"$ticket\", \"code\": \"$code\"}" "http://127.0.0.1:$port/v1/auth/login/totp" &
done >"$dir/codes"
wait $(jobs -p | grep -v "^$server_pid$")
is "$(grep -c 200 "$dir/codes")" 1 "twenty at once with the same code: one gets in"
sql "DELETE FROM login_failures"
for n in 1 2 3 4 5; do second_step "$ticket" code 000000; done
second_step "$ticket" code 000000
problem 429 too_many_attempts "whoever guesses at codes waits"
sql "DELETE FROM login_failures"

# --- a ticket ends with the password
key=$second
api PUT /v1/auth/password -H 'Content-Type: application/json' -d '{"password": "correct horse battery", "new_password": "a longer one than before"}'
second_step "$ticket" recovery_code "$recovery_2"
problem 401 wrong_ticket "a ticket of the old password is worth nothing"

# --- before something dangerous: every route that the document marks
age() { # the password was given ten minutes ago
    sql "UPDATE sessions SET reauthenticated_at = reauthenticated_at - INTERVAL 10 MINUTE"
}
curl -s -o "$dir/openapi.json" "http://127.0.0.1:$port/openapi.json"
jq -r '.paths | to_entries[] | .key as $path | .value | to_entries[] | select(.value["x-step-up"])
    | [.value.parameters[] | select(.in == "path") | (.schema.pattern // "^x_")[1:] | split("_")[0] + "_01h2xcejqtf2nbrexx3vqjhp41"] as $ids
    | "\(.key | ascii_upcase) \($path | sub("\\{.*\\}"; $ids[0] // ""))"' "$dir/openapi.json" >"$dir/marked"
age
while read -r method path; do
    api "$method" "$path" -H 'Content-Type: application/json' -d '{}'
    problem 403 reauthentication_required "$method $path asks for the password once more"
done <"$dir/marked"
ok $(($(wc -l <"$dir/marked") >= 9 ? 0 : 1)) "all $(wc -l <"$dir/marked") of them"
key=$platform_key
post /v1/api-keys '{"name": "of a machine"}'
is "$status" 201 "a key is no person and is not asked"
key=$second
post /v1/auth/reauthenticate '{"password": "a longer one than before"}'
post /v1/roles '{"name": "fresh", "permissions": ["usage:read"]}'
is "$status" 201 "after the password it goes on"
age
forget_steps
early_in_step
post /v1/auth/reauthenticate "{\"code\": \"$(code_at "$secret" 0)\"}"
is "$status" 200 "a code of the authenticator will do"
post /v1/auth/reauthenticate "{\"code\": \"$(code_at "$secret" 0)\"}"
problem 422 invalid_input "but not twice" /code
post /v1/roles '{"name": "fresh too", "permissions": ["usage:read"]}'
is "$status" 201 "and goes on, too"

# --- other codes, and off again
post /v1/auth/totp/recovery-codes ''
is "$status $(json '.recovery_codes | length')" "200 10" "fresh recovery codes"
fresh=$(field '.recovery_codes[9]')
login ada@example.com "a longer one than before"
ticket=$(field .ticket)
second_step "$ticket" recovery_code "$recovery_2"
problem 401 wrong_code "the old ones are worth nothing"
second_step "$ticket" recovery_code "$fresh"
is "$status" 200 "the fresh ones sign in"
post /v1/auth/totp/disable '{"password": "not this one"}'
problem 422 invalid_input "without the password it stays on" /password
post /v1/auth/totp/disable '{"password": "a longer one than before"}'
is "$status $(sql "SELECT COUNT(*) FROM sealed_values WHERE name = 'totp'")" "204 0" "it is off, and its secret forgotten"
login ada@example.com "a longer one than before"
is "$(field .mfa_required)" false "the password is enough again"
post /v1/auth/totp/disable '{"password": "a longer one than before"}'
problem 409 totp_off "what is off is not turned off"

# --- lost, with every recovery code
post /v1/auth/totp ''
secret=$(field .secret)
early_in_step
post /v1/auth/totp/confirm "{\"code\": \"$(code_at "$secret" 0)\"}"
api DELETE "/v1/users/$ada/totp"
problem 403 denied "nobody takes their own second factor away like that"
key=$platform_key
api DELETE "/v1/users/$ada/totp"
is "$status" 204 "somebody who may do as much does it for them"
login ada@example.com "a longer one than before"
is "$(field .mfa_required)" false "and they get in"
third=$(field .token)
key=$second api GET /v1/me
is "$status" 401 "what was signed in with it is over"
is "$(sql "SELECT COUNT(*) FROM audit_log WHERE action = 'totp.take_away' AND outcome = 'done'")" 1 "which is recorded"
api DELETE "/v1/users/$ada/totp"
problem 409 totp_off "once"
post /v1/auth/totp ''
problem 403 denied "a key has no second factor"

# --- realtime tokens
key=$third
post /v1/realtime/token ''
token=$(field .token)
is "$status $(header cache-control)" "200 no-store" "a token for realtime"
key=
api GET /.well-known/jwks.json
is "$status $(json '[.keys[] | [.kty, .crv, .alg]]')" '200 [["OKP","Ed25519","EdDSA"]]' "the key it is signed with is public"
node - "$token" "$body" <<'END' >"$dir/claims" 2>&1
const crypto = require("crypto");
const [, , token, jwks] = process.argv;
const [head, claims, signature] = token.split(".");
const header = JSON.parse(Buffer.from(head, "base64url"));
const jwk = JSON.parse(jwks).keys.find((k) => k.kid === header.kid);
const key = crypto.createPublicKey({ key: jwk, format: "jwk" });
const good = crypto.verify(null, Buffer.from(`${head}.${claims}`), key, Buffer.from(signature, "base64url"));
const c = JSON.parse(Buffer.from(claims, "base64url"));
console.log(good, header.alg, c.sub, c.aud, c.exp - c.iat, /^ses_/.test(c.sid));
END
is "$(cat "$dir/claims")" "true EdDSA $ada tollgate:realtime 300 true" "which others can check"
sql "UPDATE signing_keys SET signs_from = signs_from - INTERVAL 30 DAY; DELETE FROM jobs WHERE unique_key = 'cron:realtime.rotate'; UPDATE cron SET next_run_at = UTC_TIMESTAMP(6) WHERE name = 'realtime.rotate'"
two_keys() {
    [ "$(sql "SELECT COUNT(*) FROM signing_keys")" = 2 ]
}
until_true 20 two_keys
ok $? "after a month the next key is made"
key=$third
post /v1/realtime/token ''
kid() {
    cut -d. -f1 <<<"$1" | python3 -c 'import base64, json, sys; print(json.loads(base64.urlsafe_b64decode(sys.stdin.read().strip() + "=="))["kid"])'
}
is "$(kid "$(field .token)")" "$(kid "$token")" "shown, it does not sign yet"
sql "UPDATE signing_keys SET signs_from = UTC_TIMESTAMP(6) ORDER BY signs_from DESC LIMIT 1"
post /v1/realtime/token ''
ok $([ "$(kid "$(field .token)")" != "$(kid "$token")" ]; echo $?) "an hour later it does"
api GET /.well-known/jwks.json
is "$(json '.keys | length')" 2 "the one before still verifies"
stop_server
is "$server_code" 0 "the server ends with 0"

# --- without a master key
start_server TOLLGATE_MAIL_URL="dir:$mail" TOLLGATE_MASTER_KEY_FILE=
key=$platform_key
api GET /v1/me
is "$status" 200 "without a master key the rest serves"
post /v1/realtime/token ''
problem 503 master_key_missing "what needs it says so"
login ada@example.com "a longer one than before"
key=$(field .token)
post /v1/auth/totp ''
problem 503 master_key_missing "no second factor is begun that could not be kept"
stop_server
done_testing
