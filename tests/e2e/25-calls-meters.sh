#!/bin/bash
# 25 - a call of an AI agent: seconds by a deck, tokens and characters by the plan; held together, settled together.
. tests/e2e/lib.sh
fresh_server
printf 'prefix,per_minute,connect_fee,initial_s,increment_s\n1,0.06,0.01,1,1\n' >"$dir/deck.csv"
make_deck prices "$dir/deck.csv"
make_company agents "\"rate_deck\": \"$deck\", \"pricing\": {
    \"prices\": {\"llm.tokens.in\": {\"model\": \"per_unit\", \"price\": \"10\", \"per\": 1000000},
                 \"tts.characters\": {\"model\": \"per_unit\", \"price\": \"0.015\", \"per\": 1000}},
    \"expected\": {\"llm.tokens.in\": \"3000\"}}" && agents=$id
platform_key=$key
post /v1/api-keys "{\"name\": \"gateway\", \"company\": \"$agents\", \"permissions\": [\"calls:*\", \"wallets:read\", \"usage:*\"]}"
key=$(field .key)
wallet() { # [balance, held, available]
    api GET "/v1/wallets"
    json '.data[0] | [.balance.amount, .held.amount, .available.amount]'
}
post /v1/usage "$(event first '{meter: "tts.characters", quantity: "0"}')" # the wallet is made
sql "UPDATE wallets SET credit_limit = 0.25 - balance"

# --- money for all of it
meters='["call.seconds","llm.tokens.in","tts.characters"]'
post /v1/calls/authorize "{\"call_id\": \"ai-1\", \"to\": \"+12125550100\", \"agent_id\": \"a-7\", \"meters\": $meters}"
is "$(json '[.decision, .hold.amount, .max_seconds]')" '["allow","0.1",60]' "a minute: 0.07 of telephony, 0.03 of tokens"
is "$(wallet)" '["0","0.1","0.15"]' "both are held"
post /v1/calls/ai-1/renew '{"seq": 1, "elapsed_seconds": 60}'
is "$(json '[.decision, .max_seconds, .charged.amount]')" '["continue",120,"0.07"]' "the second minute; seconds are charged as they go by"
is "$(wallet)" '["-0.07","0.12","0.06"]' "tokens of both minutes are held for until the end"
post /v1/calls/authorize "{\"call_id\": \"ai-2\", \"to\": \"+12125550100\", \"meters\": $meters}"
is "$(json '[.decision, .max_seconds, .final]')" '["allow",33,true]' "another one gets as many seconds as there is money for with their tokens" # 0.01 + 33 × 0.0015
post /v1/calls/ai-2/settle '{"duration_ms": 0, "status": "no_answer", "usage": [{"meter": "llm.tokens.in", "quantity": "10"}]}'
is "$(json '[.charge.amount, .lines, .not_rated]')" '["0",[],null]' "what nobody answered costs nothing, of no meter"

# --- settled together
post /v1/calls/ai-1/settle '{"duration_ms": 100000, "status": "answered", "usage": [
    {"meter": "llm.tokens.in", "quantity": "5120", "provider_cost": {"amount": "0.02", "currency": "USD"}},
    {"meter": "tts.characters", "quantity": "1000"}, {"meter": "sms.segments", "quantity": "1"}]}'
is "$(json '[.charge.amount, [.lines[] | [.meter, .amount]]]')" \
    '["0.1762",[["call.seconds","0.01"],["call.seconds","0.1"],["llm.tokens.in","0.0512"],["tts.characters","0.015"]]]' \
    "every meter in its own unit"
is "$(json '[.not_rated[] | [.meter, .status]]')" '[["sms.segments","unrated"]]' "what has no price is said"
is "$(json '.overrun')" null "the hold was enough"
is "$(wallet)" '["-0.1762","0","0.0738"]' "and nothing is held"
api GET "/v1/calls/ai-1"
is "$(json '[.usage[] | [.meter, .amount.amount]] | sort')" \
    '[["call.seconds","0.11"],["llm.tokens.in","0.0512"],["sms.segments",null],["tts.characters","0.015"]]' "a row of usage a meter"
for meter in call.seconds llm.tokens.in tts.characters; do
    api GET "/v1/calls/ai-1"
    api GET "/v1/usage/$(field ".usage[] | select(.meter == \"$meter\") | .id")/explain"
    is "$status $(json '[.agrees, .replayed.same]')" '200 [true,true]' "the row of $meter can be explained alone"
done

# --- more than was expected
sql "UPDATE wallets SET credit_limit = 0.10 - balance"
post /v1/calls/authorize "{\"call_id\": \"ai-3\", \"to\": \"+12125550100\", \"meters\": $meters}"
post /v1/calls/ai-3/settle '{"duration_ms": 60000, "status": "answered", "usage": [{"meter": "llm.tokens.in", "quantity": "4000"}]}'
is "$(json '[.charge.amount, .overrun.amount, .wallet.available.amount]')" '["0.11","0.01","-0.01"]' "tokens beyond the hold are charged, and told"
post /v1/calls/authorize '{"call_id": "ai-4", "to": "+12125550100", "meters": ["llm.tokens.in"]}'
is "$(json '[.decision, .reason]')" '["deny","insufficient_funds"]' "then there is nothing for a talk without telephony"
sql "UPDATE wallets SET credit_limit = 0.10 - balance"
post /v1/calls/authorize '{"call_id": "ai-5", "to": "web", "meters": ["llm.tokens.in"]}'
is "$(json '[.decision, .hold.amount, .rate]')" '["allow","0.03",null]' "which needs no number and no deck"
post /v1/calls/ai-5/settle '{"duration_ms": 90000, "status": "answered", "usage": [{"meter": "llm.tokens.in", "quantity": "2000"}]}'
is "$(json '[.charge.amount, [.lines[].meter]]')" '["0.02",["llm.tokens.in"]]' "and no seconds"
post /v1/calls/authorize '{"call_id": "ai-6", "to": "+12125550100", "meters": []}'
problem 422 invalid_input "no meters at all are none" /meters
key=$platform_key
verify_ledger
is "$(grep -c '"level":"error"' "$dir/server.log")" 0 "nothing of it is an error in the server's log"
stop_server
done_testing
