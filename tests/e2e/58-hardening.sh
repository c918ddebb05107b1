#!/bin/bash
# 58 - what makes a stolen or guessed password worth less: known ones are refused, a company demands a second factor,
# sessions of others are ended, letters wait sealed.
. tests/e2e/lib.sh
write_conf <<END
tollgate.public-url: https://console.example.com/
tollgate.hsts-subdomains: ON
END
fresh_server TOLLGATE_MAIL_URL="dir:$mail"
platform_key=$key
password="correct horse battery"
tries=(-sk -o /dev/null -D - "https://127.0.0.1:$tls_port/v1/hello")
is "$(curl "${tries[@]}" | tr -d '\r' | sed -n 's/^strict-transport-security: //Ip')" "max-age=31536000; includeSubDomains" "HSTS reaches as far as the operator says"

# --- a letter: a code and a link, sealed while it waits
make_company north && north=$id
mv "$mail" "$mail.away" 2>/dev/null
: >"$mail" # a folder that is none: the letter waits
post /v1/users "{\"email\": \"ada@example.com\", \"name\": \"Ada Okafor\", \"company\": \"$north\", \"roles\": [{\"role\": \"owner\", \"company\": \"$north\"}]}"
ada=$(field .id)
like "$(sql 'SELECT body FROM mails WHERE sent_at IS NULL')" '^sealed:[A-Za-z0-9_-]+$' "a letter waits sealed"
rm "$mail" && mkdir "$mail"
sql "UPDATE jobs SET run_at = UTC_TIMESTAMP(6) WHERE handler = 'mail.jobs:deliver'"
until_true 20 has_letter ada@example.com
text=$(sed '1,/^\r$/d' "$(grep -ls '^To: ada@example.com' "$mail"/*.eml)" | base64 -di | tr -d '\r')
code=$(grep -oE '^    [A-Za-z0-9_-]{43}$' <<<"$text" | tr -d ' ')
like "$text" "    https://console.example.com/password#$code" "what is sent has the code, and a link to it"
is "$(sql 'SELECT COUNT(*) FROM mails WHERE body IS NOT NULL')" 0 "then it is gone"

# --- passwords that nobody may have
choose() { # PASSWORD
    post /v1/auth/password "{\"code\": \"$code\", \"password\": \"$1\"}"
}
n=0
for bad in 123qweasdzxc Qwerty123456 1QAZ2WSX3EDC aaaaaaaaaaaa ababababababab OkaforTollgate1 ada.okafor2026; do
    choose "$bad"
    [ "$status $(field '.errors[0].pointer')" = "422 /password" ] && n=$((n + 1)) || echo "# $bad: $status $body"
done
is $n 7 "the most used, the monotonous and one's own name are refused"
choose "$password"
is "$status" 204 "and the code is still good for another"

# --- signed out by somebody else
login ada@example.com "$password" && first=$(field .token)
login ada@example.com "$password" && second=$(field .token)
key=$platform_key api DELETE "/v1/users/$ada/sessions"
is "$status" 204 "somebody who may do more signs Ada out"
for key in $first $second; do
    api GET /v1/me
    [ "$status" = 401 ] || echo "# $status"
done
is "$status" 401 "everywhere, at once"
api GET /v1/companies
key=$platform_key api GET "/v1/audit-log?object=$ada&action=users.end_sessions"
is "$(json '.data[0].after')" '{"ended":2}' "the log says how many that were"
login ada@example.com "$password" && key=$(field .token) mine=$key
api DELETE "/v1/users/$ada/sessions"
problem 403 denied "nobody does it to themselves"
api PUT /v1/auth/password -H 'Content-Type: application/json' -d "{\"password\": \"$password\", \"new_password\": \"qwertyqwerty\"}"
problem 422 invalid_input "a change refuses what is known, too" /new_password

login ada@example.com "$password" && other=$(field .token)
key=$mine api DELETE "/v1/companies/$north/sessions"
is "$status" 204 "an owner signs everybody out"
key=$other api GET /v1/me
is "$status" 401 "at once"
key=$mine api GET /v1/me
is "$status" 200 "but themselves"
make_person small@example.com supervisor "$password" "\"company\": \"$north\", \"roles\": [{\"role\": \"supervisor\", \"company\": \"$north\"}]"
key=$platform_key post /v1/api-keys "{\"name\": \"hr\", \"company\": \"$north\", \"permissions\": [\"users:*\"]}"
key=$(field .key) api DELETE "/v1/companies/$north/sessions"
problem 403 denied "who may not do everything does not"
sql "INSERT INTO sessions (company_id, id, user_id, secret_hash, address, user_agent, created_at, seen_at, expires_at, reauthenticated_at)
     SELECT s.company_id, UNHEX(CONCAT(LEFT(HEX(s.id), 12), LEFT(MD5(seq), 20))), s.user_id, UNHEX(SHA2(seq, 256)), '', '', s.created_at, s.seen_at,
            s.expires_at, s.reauthenticated_at
       FROM seq_1_to_60 JOIN (SELECT * FROM sessions WHERE user_id = (SELECT id FROM users WHERE email_folded = 'ada@example.com') LIMIT 1) s"
login ada@example.com "$password" && mine=$(field .token)
is "$(sql "SELECT COUNT(*) FROM sessions WHERE revoked_at IS NULL AND user_id = (SELECT id FROM users WHERE email_folded = 'ada@example.com')")" 50 \
    "nobody has more than fifty sessions: the oldest end"
key=$mine api GET /v1/me
is "$status" 200 "never the newest"

# --- a second factor that the company demands
login ada@example.com "$password" && other=$(field .token)
api GET /v1/companies
is "$status" 200 "without being asked for one Ada works"
key=$platform_key api PATCH "/v1/companies/$north" -H 'Content-Type: application/json' -d '{"settings": {"second_factor": "required"}}'
is "$status $(json .settings)" '200 {"second_factor":"required"}' "the company demands one"
key=$mine
refused() { api GET /v1/companies && [ "$status" = 403 ]; }
until_true 5 refused
problem 403 second_factor_required "then nothing is done without it"
post /v1/realtime/token ''
problem 403 second_factor_required "not even listening"
post /v1/rules/rollback '{}'
problem 403 second_factor_required "nor what no policy forbids"
api GET /v1/me
is "$status $(field .company.settings.second_factor)" "200 required" "but one sees why"
post /v1/auth/totp ''
secret=$(field .secret)
early_in_step
post /v1/auth/totp/confirm "{\"code\": \"$(code_at "$secret" 0)\"}"
is "$status" 200 "and sets it up"
works() { api GET /v1/companies && [ "$status" = 200 ]; }
until_true 5 works
ok $? "then everything goes on"
key=$other api GET /v1/me
is "$status" 401 "a session without it is over"
key=$platform_key api GET /v1/companies
is "$status" 200 "keys have no second factor, and need none"

# --- a key that is replaced goes on for a while
key=$platform_key
post /v1/api-keys "{\"name\": \"gateway\", \"company\": \"$north\", \"permissions\": [\"usage:*\", \"api_keys:*\"]}"
old=$(field .key) old_id=$(field .id)
key=$old post "/v1/api-keys/$old_id/rotate" '{"overlap_seconds": 3}' -H 'Idempotency-Key: once'
is "$status $(header cache-control) $(json '[.name, .company, .permissions, .expires_at]')" \
    "201 no-store [\"gateway\",\"$north\",[\"usage:*\",\"api_keys:*\"],null]" "a key replaces itself by one that may do the same"
new=$(field .key) new_id=$(field .id)
key=$old post "/v1/api-keys/$old_id/rotate" '{"overlap_seconds": 3}' -H 'Idempotency-Key: once'
is "$status $(field .id) $(json 'has("key")')" "201 $new_id false" "a repeat makes none, and shows nothing"
for key in $old $new; do
    api GET /v1/usage
    is "$status" 200 "both work"
done
ended() { key=$old api GET /v1/usage && [ "$status" = 401 ]; }
until_true 10 ended
is "$status" 401 "then the old one does not"
key=$new api GET /v1/usage
is "$status" 200 "the new one does"
key=$platform_key
post "/v1/api-keys/$old_id/rotate" '{}'
problem 409 key_over "what is over is not replaced"
post "/v1/api-keys/$new_id/rotate" '{"overlap_seconds": 0}'
newest=$(field .key) newest_id=$(field .id)
key=$new api GET /v1/usage
is "$status" 401 "without an overlap it is over at once"
key=$newest api DELETE "/v1/api-keys/$newest_id"
is "$status" 204 "and any key can end itself"
key=$platform_key post /v1/api-keys '{"name": "small", "permissions": ["api_keys:write", "api_keys:read"]}'
small=$(field .key)
key=$platform_key post /v1/api-keys '{"name": "large"}'
large_id=$(field .id)
key=$small post "/v1/api-keys/$large_id/rotate" '{}'
problem 403 denied "nobody gets a key by replacing one that may do more"
done_testing
