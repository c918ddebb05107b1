#!/bin/bash
# 29 - Vapi and Retell ask and tell in their own words: a call let in with its money held, charged exactly; refused,
# forged, old, repeated and hostile requests; calls that were never asked for.
. tests/e2e/lib.sh
fresh_server
cat >"$dir/deck.csv" <<END
prefix,name,per_minute,connect_fee,initial_s,increment_s,blocked
1,North America,0.06,0,1,1,
1900,premium,1,0,60,60,true
END
make_deck prices "$dir/deck.csv"
pricing='"pricing": {"prices": {
    "llm.tokens.in": {"model": "per_unit", "price": "10", "per": 1000000},
    "llm.tokens.out": {"model": "per_unit", "price": "40", "per": 1000000},
    "tts.characters": {"model": "per_unit", "price": "0.015", "per": 1000},
    "telephony.minutes": {"model": "percentage", "rate": "110", "of": "cost"},
    "stt.minutes": {"model": "percentage", "rate": "100", "of": "cost"},
    "retell.product.elevenlabs_tts": {"model": "percentage", "rate": "150", "of": "cost"},
    "retell.product.gpt_4o_mini": {"model": "per_unit", "price": "0.001"}}}'
make_company agency "\"rate_deck\": \"$deck\", $pricing" && agency=$id
make_company other "\"rate_deck\": \"$deck\"" && other=$id
platform_key=$key
admin_of() { # COMPANY: a key of everything
    key=$platform_key post /v1/api-keys "{\"name\": \"admin\", \"company\": \"$1\"}"
    field .key
}
agency_key=$(admin_of "$agency")
other_key=$(admin_of "$other")
key=$agency_key
fixtures=tests/fixtures/voice
of_agency="company_id = (SELECT id FROM companies WHERE name = 'agency')"
money() { # AMOUNT: what it may spend in all
    sql "UPDATE wallets SET credit_limit = $1 - balance WHERE $of_agency"
}
wallet() { # [balance, held, available]
    api GET /v1/wallets
    json '.data[0] | [.balance.amount, .held.amount, .available.amount]'
}
sums() {
    sql "SELECT balance, held, open_calls FROM wallets; SELECT COUNT(*) FROM ledger_entries; SELECT COUNT(*) FROM usage_events"
}

# --- endpoints
SECRET=vapi-secret-0123456789
post /v1/voice-endpoints "{\"provider\": \"vapi\", \"name\": \"desk\", \"secret\": \"$SECRET\", \"agent_id\": \"asst-1\",
    \"max_minutes\": 15, \"reject_message\": \"We are closed.\"}"
is "$status $(json '[.company, .provider, .authentication, .charge_seconds, .max_minutes, .when_busy, .meters]')" \
    "201 [\"$agency\",\"vapi\",\"secret\",true,15,\"reject\",null]" "an endpoint for Vapi"
ok $(grep -qF "$SECRET" "$dir/body" && echo 1 || echo 0) "whose secret is not shown"
vapi=$(field .id)
is "$(field .webhook)" "/webhooks/vapi/$vapi" "it says its path"
is "$(header location)" "/v1/voice-endpoints/$vapi" "and where it is"

# What Vapi sends: FILE JQ-FILTER [curl arguments…], with the secret unless $secret says another
secret=$SECRET
tell_vapi() {
    local file=$1 filter=$2
    shift 2
    jq -c "$filter" "$fixtures/vapi-$file.json" >"$dir/message"
    key='' api POST "/webhooks/vapi/${to_endpoint:-$vapi}" -H 'Authorization:' -H 'Content-Type: application/json' \
        -H "X-Vapi-Secret: $secret" --data-binary "@$dir/message" "$@"
}
named() { # CALL: a filter that names the call
    echo ".message.call.id = \"$1\""
}
over() { # CALL [SECONDS]: and one that lets it end now
    echo "$(named "$1") | .message.startedAt = (now - ${2:-83.4} | todate | sub(\"Z\"; \".000Z\")) |
        .message.endedAt = ((.message.startedAt | sub(\"[.]000Z\"; \"Z\") | fromdate) + ${2:-83.4} |
            (floor | todate | sub(\"Z\"; \"\")) + (if . == floor then \".000Z\" else \".400Z\" end))"
}

# --- a recorded call of Vapi, to its exact charge
tell_vapi assistant-request "$(named v-0)"
is "$status $(json .)" '200 {"error":"We are closed."}' "without money the caller hears why"
is "$(sums | tail -n 1)" 0 "and nothing is kept of it"
post /v1/usage "$(event first '{meter: "sms.segments", quantity: "0"}')" # the wallet is made
money 10
tell_vapi assistant-request "$(named v-1)"
is "$status $(json .)" '200 {"assistantId":"asst-1","assistantOverrides":{"maxDurationSeconds":900}}' \
    "with it the assistant takes the call, for as long as was asked for"
is "$(wallet)" '["0","0.9","9.1"]' "a quarter of an hour is held"
before=$(sums)
tell_vapi assistant-request "$(named v-1)"
is "$status $(json '.assistantOverrides.maxDurationSeconds') $(sums)" "200 900 $before" "asked again, it answers the same, and holds once"
tell_vapi status-update "$(named v-1)"
is "$status $(wallet)" '204 ["0","0.9","9.1"]' "it is answered: nothing is to be said"
api GET /v1/calls/v-1
is "$(json '[.state, .seq, .direction, .from, .to, .agent_id, .granted_seconds]')" \
    '["open",1,"inbound","+12125550187","+12125550100","asst-1",900]' "the call is live"
tell_vapi end-of-call-report "$(over v-1)"
is "$status $body" "204 " "its report is taken"
# 84 s × 0.06/60; 5120 × 10/10⁶; 640 × 40/10⁶; 1245 × 0.015/1000; 0.0109 × 1.1; 0.0139
# 0.084       + 0.0512        + 0.0256      + 0.018675         + 0.01199      + 0.0139 = 0.205365
api GET /v1/calls/v-1
is "$(json '[.state, .status, .duration_ms, .charge.amount, .held.amount]')" '["settled","answered",83400,"0.205365","0"]' \
    "and ends in its exact charge"
is "$(json '[.usage[] | [.meter, .quantity, .amount.amount, .provider_cost.amount]] | sort')" \
    '[["call.seconds","83.4","0.084",null],["llm.analysis.tokens.in","410",null,"0.0025"],["llm.analysis.tokens.out","66",null,null],["llm.tokens.in","5120","0.0512","0.0027"],["llm.tokens.out","640","0.0256",null],["stt.minutes","1.413333333333","0.0139","0.0139"],["telephony.minutes","1.39","0.01199","0.0109"],["tts.characters","1245","0.018675","0.0403"],["vapi.minutes","1.39",null,"0.0695"]]' \
    "meter by meter, with what Vapi took"
is "$(wallet)" '["-0.205365","0","9.794635"]' "nothing is held any more"
before=$(sums)
tell_vapi end-of-call-report "$(over v-1)"
is "$status $(sums)" "204 $before" "told twice, it is charged once"
tell_vapi assistant-request "$(named v-1)"
is "$(sums)" "$before" "and an old question changes nothing"
stop_server
done_testing
