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
sign_in() { # LABEL EMAIL ROLES [COMPANY]
    login "$2" "open sesame, please"
    jq -nc --arg who "$1" --arg token "$(field .token)" --argjson roles "$3" --arg company "${4:-}" \
        '{label: $who, token: $token, roles: $roles} + (if $company == "" then {} else {company: $company} end)' >>"$dir/subjects"
}
subject() { # LABEL EMAIL ROLES [COMPANY]: their first time
    accept_invitation "$2" "open sesame, please"
    sign_in "$@"
}
give() { # ROLES of $person
    key=$platform_key
    api PATCH "/v1/users/$person" -H 'Content-Type: application/json' -d "{\"roles\": $1}"
    [ "$status" = 200 ] || echo "# roles: $status $body"
}
# all are invited before the first letter is waited for
api GET /v1/roles
roles=$(field '.built_in[].name')
for role in $roles; do invite_person "$role@example.com" "$role"; done
invite_person several@example.com agent
give "[{\"role\": \"finance\"}, {\"role\": \"$night\"}]"
invite_person limited@example.com agent
give "[{\"role\": \"analyst\", \"company\": \"$below\"}]"
for role in $roles; do
    subject "$role" "$role@example.com" "[\"$role\"]"
done
subject "finance and one of the company's own" several@example.com "[\"finance\", \"$night\"]"
subject "analyst of a company below, there" limited@example.com '["analyst"]' "$below"
sign_in "analyst of a company below, above it" limited@example.com '[]'

run_node tests/contract/roles.mjs "$dir/openapi.json" "http://127.0.0.1:$port" "$dir/key" "$dir/subjects"
done_testing
