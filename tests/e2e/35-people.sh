#!/bin/bash
# 35 - people: invited by a letter, signed in, given roles, held to them, signed out.
. tests/e2e/lib.sh
mail=$dir/mail
fresh_server TOLLGATE_MAIL_URL="dir:$mail"
platform_key=$key

# The newest letter to somebody, decoded; waits for it.
letter() { # ADDRESS HOW-MANY
    until_true 20 letters_are "$1" "$2" || echo "# no letter to $1"
    file=$(grep -ls "^To: $1" "$mail"/*.eml | sort | tail -n 1)
    sed '1,/^\r$/d' "$file" | base64 -di | tr -d '\r'
}
letters_are() {
    [ "$(grep -ls "^To: $1" "$mail"/*.eml 2>/dev/null | wc -l)" -ge "$2" ]
}
code_of() {
    grep -oE '^    [A-Za-z0-9_-]{43}$' <<<"$1" | tr -d ' '
}
login() { # EMAIL PASSWORD
    post /v1/auth/login "{\"email\": \"$1\", \"password\": \"$2\"}"
}

make_company north && north=$id
make_company south && south=$id

# --- an invitation
post /v1/users "{\"email\": \"Ada@Example.com\", \"name\": \"Ada\", \"company\": \"$north\", \"roles\": [{\"role\": \"analyst\"}]}"
is "$status $(json '[.status,.email,.roles[0].role]')" '201 ["invited","Ada@Example.com","analyst"]' "somebody is invited, with a role"
ada=$(field .id)
post /v1/users '{"email": "ada@example.COM", "name": "Other"}'
problem 409 email_taken "an address is one person's, whatever its case"
post /v1/users '{"email": "nonsense", "name": "X", "roles": [{"role": "emperor"}]}'
problem 422 invalid_input "what is no address and no role is refused" /email
login ada@example.com "whatever it may be"
problem 401 wrong_credentials "who was only invited does not sign in"
text=$(letter Ada@Example.com 1)
code=$(code_of "$text")
like "$text" 'Hello Ada,.*works once' "the letter greets by name"
is "${#code}" 43 "and has a code"
is "$(sql "SELECT COUNT(*) FROM mails WHERE body IS NOT NULL")" 0 "which is kept nowhere once it is sent"
is "$(sql "SELECT COUNT(*) FROM user_links WHERE hash = UNHEX(SHA2('$code', 256))")" 0 "nor is the code itself in the database"
post /v1/auth/password "{\"code\": \"$code\", \"password\": \"short\"}"
problem 422 invalid_input "a short password is refused" /password
post /v1/auth/password "{\"code\": \"$code\", \"password\": \"correct horse battery\"}"
is "$status" 204 "the code chooses a password"
post /v1/auth/password "{\"code\": \"$code\", \"password\": \"another one, longer\"}"
problem 422 link_not_valid "once"

# --- signing in
login ADA@example.com "correct horse battery"
is "$status $(field .user.id)" "200 $ada" "the password signs in, whatever the case of the address"
first=$(field .token)
is "$(header cache-control)" no-store "and nobody keeps the answer"
is "$(sql "SELECT COUNT(*) FROM sessions WHERE secret_hash = UNHEX(SHA2('$first', 256))")" 0 "the token is not in the database"
login ada@example.com "correct horse batterz"
problem 401 wrong_credentials "a wrong password does not"
key=$first
api GET "/v1/companies/$north"
is "$status" 200 "an analyst reads"
api GET "/v1/companies/$south"
problem 404 not_found "their own company and below only"
post /v1/companies '{"name": "x"}'
is "$status" 403 "and changes nothing"
post /v1/permissions/check '{"permission": "companies:write"}'
is "$status $(json '[.allowed,.because[0].role,.because[0].gives]')" '200 [false,"analyst",false]' "which is explained"
post /v1/permissions/check "{\"permission\": \"usage:read\", \"actor\": \"$ada\"}"
is "$(field .allowed)" true "reading usage they may"

# --- roles: given, taken and made, by who has them
key=$platform_key
post /v1/roles "{\"name\": \"night shift\", \"permissions\": [\"usage:*\"], \"company\": \"$north\"}"
role=$(field .id)
is "$status $(json .permissions)" '201 ["usage:*"]' "a company has a role of its own"
api PATCH "/v1/users/$ada" -H 'Content-Type: application/json' -d "{\"roles\": [{\"role\": \"$role\"}, {\"role\": \"owner\"}]}"
is "$status $(json '[.roles[].role] | length')" '200 2' "and somebody gets it"
key=$first
reads() {
    api GET /v1/users
    [ "$status" = "$1" ]
}
reads 200
ok $? "an owner sees the people"
post /v1/users '{"email": "bob@example.com", "name": "Bob", "roles": [{"role": "owner"}]}'
is "$status" 201 "and makes another owner"
bob=$(field .id)
post /v1/users "{\"email\": \"eve@example.com\", \"name\": \"Eve\", \"company\": \"$south\"}"
problem 422 invalid_input "not in a company beside" /company
post /v1/users "{\"email\": \"eve@example.com\", \"name\": \"Eve\", \"roles\": [{\"role\": \"agent\", \"company\": \"$south\"}]}"
is "$status" 422 "nor with a role there: $(field .detail)"
api PATCH "/v1/users/$ada" -H 'Content-Type: application/json' -d '{"roles": []}'
is "$status" 403 "nobody changes their own roles"
api DELETE "/v1/roles/$role"
problem 409 role_in_use "a role that somebody has stays"
key=$platform_key
api PATCH "/v1/users/$ada" -H 'Content-Type: application/json' -d '{"roles": [{"role": "supervisor"}]}'
key=$first
post /v1/users '{"email": "carol@example.com", "name": "Carol"}'
is "$status" 403 "what was taken away is gone at once"
api PATCH "/v1/users/$bob" -H 'Content-Type: application/json' -d '{"status": "disabled"}'
is "$status" 403 "a supervisor changes nobody"
key=$platform_key
post /v1/api-keys "{\"name\": \"limited\", \"company\": \"$north\", \"permissions\": [\"users:write\", \"users:read\", \"roles:write\"]}"
limited=$(field .key)
key=$limited
post /v1/users '{"email": "eve@example.com", "name": "Eve", "roles": [{"role": "owner"}]}'
problem 403 denied "who may only invite gives nobody more"
post /v1/roles '{"name": "all", "permissions": ["*"]}'
problem 403 denied "nor makes a role that does"
api PATCH "/v1/users/$bob" -H 'Content-Type: application/json' -d '{"status": "disabled"}'
problem 403 denied "nor disables somebody who may do more"

# --- sessions
key=$platform_key
login ada@example.com "correct horse battery"
second=$(field .token) second_id=$(field .session)
key=$first
api GET /v1/sessions
is "$(json '[.data[].is_this] | sort')" '[false,true]' "both sessions are listed, and which is this one"
api DELETE "/v1/sessions/$second_id"
is "$status" 204 "one ends the other"
key=$second
api GET /v1/me
is "$status" 401 "which is over at once"
key=$first
post /v1/auth/reauthenticate '{"password": "wrong one here"}'
problem 422 invalid_input "the wrong password proves nothing" /password
post /v1/auth/reauthenticate '{"password": "correct horse battery"}'
is "$status" 200 "the right one does, for some minutes"
api PUT /v1/auth/password -H 'Content-Type: application/json' -d '{"password": "correct horse battery", "new_password": "a longer one than before"}'
is "$status" 204 "a new password"
login ada@example.com "correct horse battery"
is "$status" 401 "the old one is dead"
post /v1/auth/logout '{}'
is "$status" 204 "signed out"
key=$platform_key
post /v1/auth/logout '{}'
problem 403 denied "a key has no session to leave"

# --- a reset: nobody learns who is here
post /v1/auth/reset '{"email": "nobody@example.com"}'
answer="$status $body"
post /v1/auth/reset '{"email": "ada@example.com"}'
is "$status $body" "$answer" "asking for a reset tells nothing"
code=$(code_of "$(letter Ada@Example.com 2)")
post /v1/auth/password "{\"code\": \"$code\", \"password\": \"the third of them all\"}"
is "$status" 204 "the letter's code sets a new password"
is "$(ls "$mail" | wc -l)" "$(grep -ls '^To: \(Ada\|bob\|carol\)@' "$mail"/*.eml | wc -l)" "nobody else got a letter"

# --- guessing
for n in 1 2 3 4 5; do login ada@example.com "guess number $n ..."; done
login ada@example.com "guess number 6 ..."
problem 429 too_many_attempts "after some guesses one waits"
like "$(header retry-after)" '^[0-9]+$' "and is told how long"
login bob@example.com "guess number 1 ..."
is "$status" 401 "others do not, not even from there"
until_true 20 eval 'login ada@example.com "the third of them all"; [ "$status" = 200 ]'
ok $? "the right password gets in when the wait is over"
# a hundred at once are a hundred
for n in $(seq 40); do
    curl -s -o /dev/null -w '%{http_code}\n' -H 'Content-Type: application/json' -d '{"email":"bob@example.com","password":"x y z"}' \
        "http://127.0.0.1:$port/v1/auth/login" &
done >"$dir/guesses"
wait $(jobs -p | grep -v "^$server_pid$")
ok $(($(grep -c 401 "$dir/guesses") <= 5 ? 0 : 1)) "of forty guesses at once no more than five were looked at ($(sort "$dir/guesses" | uniq -c | tr -s ' \n' ' '))"

# --- disabled: signed out, and no way back in
key=$platform_key
login ada@example.com "the third of them all"
token=$(field .token)
api PATCH "/v1/users/$ada" -H 'Content-Type: application/json' -d '{"status": "disabled"}'
is "$status $(field .status)" '200 disabled' "somebody is disabled"
key=$token
api GET /v1/me
is "$status" 401 "and signed out at once"
login ada@example.com "the third of them all"
is "$status" 401 "and does not get in again"
ok $(grep -qE 'correct horse|third of them|tgs_[0-9a-z]{26}_|"code"' "$dir/server.log" && echo 1 || echo 0) "no password, token or code is in the log"
stop_server
is "$server_code" 0 "the server ends with 0"
done_testing
