# 35 - prices without a deck: meters, costs that pass on, a price pack; what was charged is explained to the last digit.
. tests/e2e/lib.sh
fresh_server
make_company agency '"pricing": {"prices": {
    "llm.tokens.in": {"model": "per_unit", "price": "0.15", "per": 1000000},
    "tts.characters": {"model": "package", "price": "0.30", "size": 1000},
    "stt.seconds": {"model": "percentage", "rate": "120", "of": "cost"}}}' && agency=$id
make_company clinic '"pricing": {"pack": "retell", "pack_options": {"per_minute": {"voice": "0.07", "llm": "0.006"}}}' &&
    clinic=$id
usage() { # BODY: the outcomes that are not 0 in $outcomes
    post /v1/usage "$@"
    outcomes=$(json '.outcomes | with_entries(select(.value > 0))')
}
of() { # COMPANY EVENT_ID [JQ OBJECT]
    event "$2" "{company: \"$1\"} + ${3:-{\}}"
}
find_row() { # EVENT_ID: its row in $id
    api GET "/v1/usage?event_id=$1"
    id=$(field '.data[0].id')
}

usage "[$(of "$agency" in '{meter: "llm.tokens.in", quantity: "12480", properties: {model: "m", share: 0.5}}'),
    $(of "$agency" tts '{meter: "tts.characters", quantity: "1001"}'),
    $(of "$agency" stt '{meter: "stt.seconds", quantity: "84", provider_cost: {amount: "0.0105", currency: "USD"}}'),
    $(of "$agency" out '{meter: "llm.tokens.out", quantity: "1932"}')]"
is "$outcomes" '{"rated":3,"unrated":1}' "meters with a price are rated, one without is not"
api GET "/v1/usage?company=$agency&limit=10"
is "$(json '[.data[] | {(.event_id): .amount.amount}] | add | [.in, .tts, .stt, .out]')" '["0.001872","0.6","0.0126",null]' \
    "each by its model"
find_row in
api GET "/v1/usage/$id/explain"
is "$(json '[.arithmetic[0], .agrees]')" '["llm.tokens.in: 12480 × 0.15 ÷ 1000000 = 0.001872",true]' "and explained"
usage "$(of "$agency" free '{meter: "stt.seconds", quantity: "84"}')"
is "$outcomes" '{"failed":1}' "a price of a cost that is not there is parked, not guessed"

usage "[$(of "$clinic" long '{quantity: "60", properties: {to: "+12125550100", prompt_tokens: 4200}}'),
    $(of "$clinic" short '{quantity: "6", properties: {to: "+12125550100", dynamic_opening: true}}')]"
is "$outcomes" '{"rated":2}' "a price pack needs no deck"
api GET "/v1/usage?company=$clinic&limit=10"
is "$(json '[.data[] | {(.event_id): .amount.amount}] | add | [.long, .short]')" '["0.0912","0.012667"]' \
    "and reads what its mechanics ask for: 72 s and 10 s"

change() { # PRICING
    api PATCH "/v1/companies/$agency" -H 'Content-Type: application/json' -d "{\"pricing\": $1}"
}
change '{"prices": {"sms": {"model": "commitment"}}}'
problem 422 invalid_input "a model that is charged at a period's end is not taken from a company" /pricing/prices/sms/model
change '{"pack": "acme"}'
problem 422 invalid_input "nor a pack that there is not" /pricing/pack

# --- prices that remember the month
change '{"prices": {"sms": {"model": "graduated", "tiers": [{"up_to": "1000", "price": "0.01"}, {"price": "0.008"}]},
    "mms": {"model": "included", "quantity": "10", "over": {"model": "per_unit", "price": "0.20"}}}}'
is "$status" 200 "a company may have prices that remember"
usage "[$(of "$agency" sms-1 '{meter: "sms", quantity: "900"}'), $(of "$agency" mms-1 '{meter: "mms", quantity: "8"}')]"
usage "[$(of "$agency" sms-2 '{meter: "sms", quantity: "300"}'), $(of "$agency" mms-2 '{meter: "mms", quantity: "3"}')]"
replayed() { # EVENT_ID
    find_row "$1"
    api GET "/v1/usage/$id/explain"
    json '[.total.amount, .replayed.total.amount, .agrees]'
}
is "$(replayed sms-1)" '["9","9",true]' "the first nine hundred"
is "$(replayed sms-2)" '["2.6","2.6",true]' "of the next a hundred at the first price, and explained so"
is "$(replayed mms-2)" '["0.2","0.2",true]' "of three messages two were included"

verify_ledger
stop_server
is "$server_code" 0 "the server ends with 0"
done_testing
