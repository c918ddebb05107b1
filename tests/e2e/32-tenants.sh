# 32 - tenants: nobody sees or touches what belongs to a company that is not theirs or below theirs.
. tests/e2e/lib.sh
fresh_server
cat >"$dir/deck.csv" <<END
prefix,name,per_minute,connect_fee,initial_s,increment_s,effective_from,effective_to
1,North America,0.0120,0,60,60,2026-01-01T00:00:00Z,
END
make_deck prices "$dir/deck.csv"
platform_deck=$deck platform_key=$key
# platform → left → left-child, platform → right → right-child
for side in left right; do
    make_company "$side" "\"external_ref\": \"$side\", \"rate_deck\": \"$platform_deck\"" && declare "$side=$id"
    make_company "$side-child" "\"external_ref\": \"$side-child\", \"parent\": \"$id\"" && declare "${side}_child=$id"
    post /v1/api-keys "{\"name\": \"$side\", \"company\": \"${!side}\"}"
    declare "${side}_key=$(field .key)" "${side}_key_id=$(field .id)"
    key=$(field .key) make_deck "$side prices" "$dir/deck.csv" && declare "${side}_deck=$deck"
    post /v1/usage "[$(event "$side-1" "{company: \"${!side}\"}")]"
    is "$(json '[.accepted, .outcomes.rated]')" '[1,1]' "the platform's key reports for $side"
    api GET "/v1/usage?company=${!side}"
    declare "${side}_event=$(field '.data[0].id')"
    api GET "/v1/wallets?company=${!side}"
    declare "${side}_wallet=$(field '.data[0].id')"
done

# --- every route with an id, with the ids of the sibling, of the sibling's child and of the company above
key=$left_key
for path in companies/$right companies/$right_child companies/$platform rate-decks/$right_deck rate-decks/$right_deck/lookup?number=12125550100 \
    rate-decks/$platform_deck usage/$right_event/explain wallets/$right_wallet wallets/$right_wallet/entries; do
    api GET "/v1/$path"
    problem 404 not_found "GET ${path%%/*}${path#"${path%_*}"}"
done
api PATCH "/v1/companies/$right" -H 'Content-Type: application/json' -d '{"name": "taken"}'
problem 404 not_found "PATCH a sibling"
api PATCH "/v1/companies/$platform" -H 'Content-Type: application/json' -d '{"name": "taken"}'
problem 404 not_found "PATCH the company above"
api PUT "/v1/rate-decks/$right_deck/rates" -H 'Content-Type: text/csv' --data-binary "@$dir/deck.csv"
problem 404 not_found "PUT rates of a sibling's deck"
api DELETE "/v1/api-keys/$right_key_id"
problem 404 not_found "DELETE a sibling's key"
post /v1/companies "{\"name\": \"cuckoo\", \"parent\": \"$right\"}"
problem 422 invalid_input "a company below a sibling" /parent
post /v1/companies "{\"name\": \"cuckoo\", \"rate_deck\": \"$right_deck\"}"
problem 422 invalid_input "a company on a sibling's deck" /rate_deck
post /v1/api-keys "{\"name\": \"cuckoo\", \"company\": \"$right\"}"
problem 422 invalid_input "a key of a sibling" /company
post /v1/api-keys "{\"name\": \"cuckoo\", \"company\": \"$platform\"}"
problem 422 invalid_input "a key of the company above" /company
for field in status rate_deck pricing; do
    case $field in status) value='"active"' ;; rate_deck) value="\"$left_deck\"" ;; *) value='{"max_charge": "0"}' ;; esac
    api PATCH "/v1/companies/$left" -H 'Content-Type: application/json' -d "{\"$field\": $value}"
    problem 403 denied "a company does not change its own $field"
done

# --- lists show own and below, and a filter by somebody else's id finds nothing
own() { # PATH FILTER WANTED NAME
    api GET "$1"
    is "$status $(jq -r "[.data[] | $2] | unique | join(\" \")" <<<"$body")" "200 $3" "$4"
}
own /v1/companies .name 'left left-child' "companies: own and below"
own /v1/rate-decks .name 'left prices' "rate decks: own"
own /v1/usage .event_id left-1 "usage: own and below"
own /v1/wallets .company "$(printf '%s\n' "$left" "$left_child" | sort | paste -sd' ')" "wallets: own and below"
own /v1/api-keys .company "$left" "keys: own and below"
for list in usage wallets api-keys; do
    own "/v1/$list?company=$right" .id '' "$list of a sibling: none"
done
api GET "/v1/usage/summary?from=2026-07-01T00:00:00Z&to=2026-08-01T00:00:00Z"
is "$(json '[.data[].name]')" '["left"]' "the summary: own and below"
api GET "/v1/usage/summary?from=2026-07-01T00:00:00Z&to=2026-08-01T00:00:00Z&company=$right"
is "$(json '.data')" '[]' "the summary of a sibling is empty"
api GET '/v1/usage?limit=1' && cursor=$(jq -rn --arg co "$right" '[$co, 9999999999999999, "usg_7zzzzzzzzzzzzzzzzzzzzzzzzz"] | tojson | @base64' | tr '+/' '-_' | tr -d =)
api GET "/v1/usage?cursor=$cursor"
is "$(jq -r '.data[]?.event_id' <<<"$body" | grep -c right)" 0 "a made-up cursor grants nothing"

# --- usage for others
post /v1/usage "[$(event own), $(event below "{company: \"$left_child\"}"), $(event sibling "{company: \"$right\"}"),
    $(event above "{company: \"$platform\"}"), $(event nephew "{company: \"$right_child\"}")]"
is "$status $(json '[.accepted, (.rejected[] | [.event_id, .reason])]')" \
    '200 [2,["sibling","unknown_company"],["above","unknown_company"],["nephew","unknown_company"]]' "usage for foreign companies is rejected, the rest taken"
is "$(sql "SELECT COUNT(*) FROM usage_events WHERE event_id IN ('sibling', 'above', 'nephew')")" 0 "and nothing of it is stored"
post /v1/usage "[$(event right-1)]"
is "$(json '[.accepted, .duplicates]')" '[1,0]' "another company's event_id is no duplicate of ours"

# --- the same Idempotency-Key in two companies: two requests
for side in left right; do
    side_key=${side}_key
    key=${!side_key} post /v1/companies "{\"name\": \"keyed\"}" -H 'Idempotency-Key: same'
    is "$status $(field .parent)" "201 ${!side}" "Idempotency-Key of $side is its own"
done

# --- a suspended company, and one that was never there
key=$platform_key
api PATCH "/v1/companies/$right" -H 'Content-Type: application/json' -d '{"status": "suspended"}'
is "$status" 200 "the platform suspends a company"
key=$right_key
is_denied() { api GET /v1/me && [ "$status" = 403 ]; }
until_true 15 is_denied
problem 403 denied "its key is denied within seconds"
key=$platform_key
own /v1/companies .name "E2E platform keyed left left-child right right-child" "the platform sees all"
is "$(grep -c '"level":"error"' "$dir/server.log")" 0 "the server has logged no error"
stop_server
is "$server_code" 0 "the server ends with 0"
done_testing
