#!/bin/bash
# 43 - a browser's session in a cookie, what protects it, and acting in a company below one's own.
. tests/e2e/lib.sh
mail=$dir/mail
fresh_server TOLLGATE_MAIL_URL="dir:$mail"
platform_key=$key

letter_is_there() { grep -qs '^To: ada@example.com' "$mail"/*.eml; }
make_company north && north=$id
make_company south && south=$id
post /v1/users "{\"email\": \"ada@example.com\", \"name\": \"Ada\", \"company\": \"$north\", \"roles\": [{\"role\": \"owner\"}]}"
ada=$(field .id)
until_true 20 letter_is_there
code=$(cat "$mail"/*.eml | sed '1,/^\r$/d' | base64 -di | grep -oE '^    [A-Za-z0-9_-]{43}' | tr -d ' ')
post /v1/auth/password "{\"code\": \"$code\", \"password\": \"correct horse battery\"}"
is "$status" 204 "Ada has a password"

# --- a browser: curl with a jar of cookies, and no Authorization
browser() { # METHOD PATH [curl arguments…]
    local method=$1 path=$2
    shift 2
    read -r status content_type < <(curl -s -b "$dir/jar" -c "$dir/jar" -D "$headers" -o "$dir/body" \
        -w '%{http_code} %{content_type}\n' -X "$method" "$@" "http://127.0.0.1:$port$path")
    body=$(cat "$dir/body")
}
sign_in='{"email": "ada@example.com", "password": "correct horse battery", "cookie": true}'
browser POST /v1/auth/login -H 'Content-Type: application/json' -d "$sign_in" -H 'Sec-Fetch-Site: cross-site'
problem 403 denied "a page of another origin signs nobody in"
browser POST /v1/auth/login -H 'Content-Type: application/json' -d "$sign_in"
is "$status $(json '[.token, .user.id]')" "200 [null,\"$ada\"]" "signed in by cookie: the token is not in the answer"
like "$(header set-cookie)" '^tollgate=tgs_[^;]+; Path=/; Max-Age=259[0-9]+; HttpOnly; SameSite=Lax$' "but in a cookie that no script reads"
csrf=$(field .csrf)
browser GET /v1/me
is "$status $(json '[.user.id, .key, .csrf]')" "200 [\"$ada\",null,\"$csrf\"]" "which says who asks, and what the page must repeat"
browser POST /v1/roles -H 'Content-Type: application/json' -d '{"name": "x", "permissions": ["usage:read"]}'
problem 403 csrf "the cookie alone changes nothing"
browser POST /v1/roles -H 'Content-Type: application/json' -d '{"name": "x", "permissions": ["usage:read"]}' -H "X-CSRF-Token: $(tr 0-9a-f 1-9a-f0 <<<"$csrf")"
problem 403 csrf "nor with another token"
browser POST /v1/roles -H 'Content-Type: application/json' -d '{"name": "x", "permissions": ["usage:read"]}' -H "X-CSRF-Token: $csrf"
is "$status" 201 "with it, it does"
browser POST /v1/api-keys -H 'Content-Type: application/json' -d '{"name": "mine", "permissions": ["usage:read"]}' -H "X-CSRF-Token: $csrf"
like "$status $(field .key)" '^201 tgk_' "a person makes a key"
browser GET /v1/me -H "Authorization: Bearer nonsense"
is "$status" 401 "a request with Authorization has no cookie"
browser GET /v1/me -H "Authorization: Bearer $platform_key"
is "$(field .key.company)" "$platform" "and is whose key it is"

# --- over TLS the cookie is one that no other host can set
tls() { curl -sk -D "$headers" -o "$dir/body" -w '%{http_code}' "$@"; }
status=$(tls -H 'Content-Type: application/json' -d "$sign_in" "https://127.0.0.1:$tls_port/v1/auth/login")
like "$status $(header set-cookie)" '^200 __Host-tollgate=.*; HttpOnly; SameSite=Lax; Secure$' "__Host- and Secure"
session=$(header set-cookie | sed 's/^[^=]*=//; s/;.*//')
is "$(tls -H "Cookie: __Host-tollgate=$session" "https://127.0.0.1:$tls_port/v1/me")" 200 "it signs in"
is "$(tls -H "Cookie: tollgate=$session" "https://127.0.0.1:$tls_port/v1/me")" 401 "under the other name it does not"
is "$(tls --http1.1 -H "Cookie: a=b" -H "Cookie: __Host-tollgate=$session" "https://127.0.0.1:$tls_port/v1/me")" 200 "also behind others"

# --- headers that every answer of the API has
is "$(header x-content-type-options) $(header x-frame-options)" "nosniff DENY" "no sniffing, no frames"
like "$(header strict-transport-security)" '^max-age=[0-9]+' "over TLS: HSTS"
like "$(header content-security-policy)" "default-src 'none'.*frame-ancestors 'none'" "an answer is no page"
is "$(header referrer-policy)" no-referrer "and sends nobody anywhere"
api GET /v1/nothing
is "$(header x-content-type-options) $(header strict-transport-security)" "nosniff " "without TLS there is no HSTS"

# --- acting in a company below
key=$platform_key
api GET /v1/me -H "Tollgate-Company: $north"
is "$status $(json '[.company.id, .key.company]')" "200 [\"$north\",\"$platform\"]" "the platform's key acts in a company"
post /v1/companies '{"name": "below north"}' -H "Tollgate-Company: $north"
is "$status $(field .parent)" "201 $north" "what it makes is made there"
below=$(field .id)
api GET /v1/companies -H "Tollgate-Company: $north"
is "$(json '[.data[].id] | sort')" "$(jq -nc --arg a "$north" --arg b "$below" '[$a, $b] | sort')" "it sees that company and what is below"
api GET "/v1/companies/$south" -H "Tollgate-Company: $north"
problem 404 not_found "and nothing beside"
api GET "/v1/companies/$south"
is "$status" 200 "without the header it is itself again"
post /v1/api-keys '{"name": "k"}' -H "Tollgate-Company: $north"
is "$status $(field .company)" "201 $north" "keys are made there, too"
post /v1/auth/login '{"email": "ada@example.com", "password": "correct horse battery"}'
key=$(field .token)
api GET /v1/me -H "Tollgate-Company: $below"
is "$status $(field .company.id)" "200 $below" "a person acts below, by the roles held above"
api GET /v1/sessions -H "Tollgate-Company: $below"
is "$status $(json '[.data[].is_this] | any')" "200 true" "and keeps their sessions"
for other in "$south" "$platform" co_x; do
    api GET /v1/me -H "Tollgate-Company: $other"
    problem 403 acting_company "not beside, not above: $other"
    api GET /v1/me -H "Tollgate-Company: $other"
    problem 403 acting_company "nor when it was asked before"
done
post /v1/auth/logout '{}' -H "Tollgate-Company: $below"
is "$status" 204 "and signs out from there"
api GET /v1/me
is "$status" 401 "everywhere"

# --- two who edit the same thing
key=$platform_key
api GET "/v1/companies/$north"
etag=$(header etag)
edit() { # PATH JSON ETAG
    api PATCH "$1" -H 'Content-Type: application/json' -d "$2" -H "If-Match: $3"
}
edit "/v1/companies/$north" '{"name": "north one"}' "$etag"
is "$status $(field .name)" "200 north one" "the first changes what was read"
newer=$(header etag)
edit "/v1/companies/$north" '{"name": "north two"}' "$etag"
problem 412 precondition_failed "the second is told that it has changed"
api GET "/v1/companies/$north"
is "$(field .name) $(header etag)" "north one $newer" "and has changed nothing"
post /v1/roles '{"name": "edited", "permissions": ["usage:read"]}'
role=$(field .id)
for path in "/v1/users/$ada" "/v1/roles/$role"; do
    api GET "$path"
    etag=$(header etag)
    edit "$path" '{"name": "one"}' "$etag"
    is "$status" 200 "${path%/*}: the first"
    edit "$path" '{"name": "two"}' "$etag"
    problem 412 precondition_failed "… the second"
    edit "$path" '{"name": "three"}' '*'
    is "$status" 200 "… and who does not mind"
done

# --- signing out
browser POST /v1/auth/logout -H "X-CSRF-Token: $csrf"
like "$status $(header set-cookie)" '^204 tollgate=; Path=/; Max-Age=0;' "the browser forgets its cookie"
ok $(grep -q 'tollgate.*tgs_' "$dir/jar" && echo 1 || echo 0) "its jar is empty"
ok $(grep -qE 'tgs_[0-9a-z]{26}_|'"$csrf" "$dir/server.log" && echo 1 || echo 0) "neither token nor proof is in the log"
stop_server
is "$server_code" 0 "the server ends with 0"
done_testing
