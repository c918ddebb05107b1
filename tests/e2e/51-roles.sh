#!/bin/bash
# 51 - roles: somebody of each role signs in and asks for every operation of the API document.
. tests/e2e/lib.sh
mail=$dir/mail
fresh_server TOLLGATE_MAIL_URL="dir:$mail"
platform_key=$key
curl -sf -o "$dir/openapi.json" "http://127.0.0.1:$port/openapi.json"
make_company below && below=$id
post /v1/roles '{"name": "night shift", "permissions": ["usage:*", "wallets:read"]}'
night=$(field .id)

: >"$dir/subjects"
subject() { # LABEL EMAIL ROLES [COMPANY]: signed in
    login "$2" "open sesame, please"
    jq -nc --arg who "$1" --arg token "$(field .token)" --argjson roles "$3" --arg company "${4:-}" \
        '{label: $who, token: $token, roles: $roles} + (if $company == "" then {} else {company: $company} end)' >>"$dir/subjects"
}
give() { # ROLES of $person
    key=$platform_key
    api PATCH "/v1/users/$person" -H 'Content-Type: application/json' -d "{\"roles\": $1}"
    [ "$status" = 200 ] || echo "# roles: $status $body"
}
api GET /v1/roles
for role in $(field '.built_in[].name'); do
    make_person "$role@example.com" "$role" "open sesame, please"
    subject "$role" "$role@example.com" "[\"$role\"]"
done
make_person several@example.com agent "open sesame, please"
give "[{\"role\": \"finance\"}, {\"role\": \"$night\"}]"
subject "finance and one of the company's own" several@example.com "[\"finance\", \"$night\"]"
make_person limited@example.com agent "open sesame, please"
give "[{\"role\": \"analyst\", \"company\": \"$below\"}]"
subject "analyst of a company below, there" limited@example.com '["analyst"]' "$below"
subject "analyst of a company below, above it" limited@example.com '[]'

run_node tests/contract/roles.mjs "$dir/openapi.json" "http://127.0.0.1:$port" "$dir/key" "$dir/subjects"
done_testing
