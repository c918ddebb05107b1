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

# --- reasons to refuse
speaks() { # WHAT NAME: the last answer says it to the caller
    is "$status $(json .)" "200 $1" "$2"
}
tell_vapi assistant-request "$(named v-2) | .message.phoneNumber.number = \"+19005550100\""
speaks '{"error":"We are closed."}' "a number that nobody may be called at"
money 0.005
tell_vapi assistant-request "$(named v-3)"
speaks '{"error":"We are closed."}' "money for less than the shortest call that Vapi can end"
is "$(wallet)" '["-0.205365","0","0.005"]' "is given back at once"
money 0.033
tell_vapi assistant-request "$(named v-4)"
is "$(json .assistantOverrides)" '{"maxDurationSeconds":33}' "money for 33 seconds: then Vapi ends the call"
tell_vapi end-of-call-report "$(over v-4) | .message.costs = []"
api GET /v1/calls/v-4
is "$(json '[.charge.amount, .overrun.amount]')" '["0.084","0.051"]' "if it does not, that is an overrun"
money 10
key=$platform_key api PATCH "/v1/companies/$agency" -H 'Content-Type: application/json' -d '{"limits": {"concurrent_calls": 0}}'
tell_vapi assistant-request "$(named v-5)"
speaks '{"error":"We are closed."}' "no line is free"
key=$platform_key api PATCH "/v1/companies/$agency" -H 'Content-Type: application/json' -d '{"limits": null}'
change() { # ENDPOINT JSON MEMBERS
    key=$agency_key api PUT "/v1/voice-endpoints/$1" -H 'Content-Type: application/json' -d "{\"name\": \"desk\", $2}"
    [ "$status" = 200 ] || echo "# $status $body"
}
change "$vapi" '"agent_id": "asst-1", "reject_forward_to": "+12125550199"'
money 0
tell_vapi assistant-request "$(named v-6)"
speaks '{"destination":{"phoneNumber":"+12125550199","type":"number"}}' "who may not call is sent to another number"
money 10
change "$vapi" '"max_minutes": 15'
tell_vapi assistant-request "$(named v-7)"
like "$status $(field .error)" '^200 We are sorry' "an endpoint without an assistant takes no call"
tell_vapi end-of-call-report "$(named v-7) | .message.endedReason = \"assistant-request-returned-error\" | .message.costs = [] |
    del(.message.startedAt)"
is "$status $(sql "SELECT COUNT(*) FROM usage_events WHERE call_id = 'v-7'")" "204 0" "and what was refused costs nothing"
change "$vapi" '"agent_id": "asst-1", "max_minutes": 15, "reject_message": "We are closed."'

# --- who is it?
forged() { # NAME
    problem 403 bad_signature "$1"
}
before=$(sums)
secret=vapi-secret-0123456788 tell_vapi end-of-call-report "$(over v-8)"
forged "another secret"
secret= tell_vapi end-of-call-report "$(over v-8)"
forged "no secret"
secret=$SECRET$SECRET tell_vapi end-of-call-report "$(over v-8)"
forged "a longer one"
to_endpoint=voi_01h455vb4pex5vsknk084sn02q tell_vapi assistant-request "$(named v-8)"
problem 404 not_found "an endpoint that there is not"
to_endpoint=none tell_vapi assistant-request "$(named v-8)"
problem 404 not_found "or that is none"
key='' api POST "/webhooks/retell/$vapi" -H 'Authorization:' -H "X-Vapi-Secret: $SECRET" -d '{}'
problem 404 not_found "another provider's"
is "$(sums)" "$before" "nothing comes of any of it"
is "$(sql "SELECT COUNT(*) FROM audit_log WHERE action = 'voice.vapi' AND outcome <> 'done'") " "3 " "what was forged is in the audit log"
secret=x tell_vapi assistant-request "$(named v-8)" -H "Authorization: Bearer $SECRET"
forged "what is in X-Vapi-Secret is what counts"
jq -c "$(named v-8)" $fixtures/vapi-assistant-request.json >"$dir/message"
key=$SECRET api POST "/webhooks/vapi/$vapi" -H 'Content-Type: application/json' --data-binary "@$dir/message"
is "$status $(field .assistantId)" "200 asst-1" "without it a bearer token is as good"
tell_vapi end-of-call-report "$(over v-8) | del(.message.startedAt) | .message.endedReason = \"customer-busy\""
api GET /v1/calls/v-8
is "$(json '[.state, .status, .charge.amount]')" '["settled","busy","0"]' "nobody was talked to"

# --- signed by Vapi
post /v1/voice-endpoints "{\"provider\": \"vapi\", \"name\": \"signed\", \"secret\": \"$SECRET\", \"agent_id\": \"asst-2\",
    \"authentication\": \"hmac\"}"
signed=$(field .id)
hmac() { # KEY <BYTES
    openssl dgst -sha256 -hmac "$1" -r | cut -d' ' -f1
}
tell_signed() { # CALL TIMESTAMP [KEY [BYTES added after signing]]
    jq -c "$(named "$1")" $fixtures/vapi-assistant-request.json | tr -d '\n' >"$dir/message"
    signature=$({ printf '%s.' "$2" && cat "$dir/message"; } | hmac "${3:-$SECRET}")
    printf '%s' "${4:-}" >>"$dir/message"
    key='' api POST "/webhooks/vapi/$signed" -H 'Authorization:' -H "X-Signature: $signature" -H "X-Timestamp: $2" \
        -H 'Content-Type: application/json' --data-binary "@$dir/message"
}
now=$(date +%s)
tell_signed h-1 "$now"
is "$status $(field .assistantId)" "200 asst-2" "signed over its bytes and the time"
tell_signed h-1 "${now}000"
is "$status $(field .assistantId)" "200 asst-2" "which may be in milliseconds"
tell_signed h-2 "$now" another-key
forged "signed with another key"
tell_signed h-2 "$now" "$SECRET" ' '
forged "a byte more than was signed"
tell_signed h-2 $((now - 301))
forged "five minutes ago"
tell_signed h-2 $((now + 400))
forged "in five minutes"
tell_signed h-2 "soon"
forged "at no time"
to_endpoint=$signed tell_vapi assistant-request "$(named h-2)"
forged "a secret is no signature"

post /v1/calls/h-1/settle '{"duration_ms": 0, "status": "failed"}'

# --- a call of Vapi that was never asked for: outgoing
money 10
outgoing='.message.call.type = "outboundPhoneCall"'
tell_vapi status-update "$(named o-1) | $outgoing"
is "$status" 204 "an outgoing call is answered"
tell_vapi end-of-call-report "$(over o-1) | $outgoing" # the very same bytes again below
cp "$dir/message" "$dir/outgoing"
is "$status $(wallet | cut -d, -f3)" '204 "9.794635"]' "at its end it is charged: 0.205365"
is "$(sql "SELECT source, event_id, quantity, COALESCE(amount, 'none') FROM usage_events WHERE call_id = 'o-1' ORDER BY event_id" | sed -E 's/(\.[0-9]*[1-9])0+$/\1/' | head -n 2 | tr '\t\n' '  ')" \
    "vapi o-1/call.seconds 83.400000000000 0.084 vapi o-1/llm.analysis.tokens.in 410.000000000000 none " "as usage with an identity of its own"
is "$(sql "SELECT JSON_VALUE(properties, '\$.to') FROM usage_events WHERE event_id = 'o-1/call.seconds'")" "+12125550187" \
    "priced by who was called"
before=$(sums)
key='' api POST "/webhooks/vapi/$vapi" -H 'Authorization:' -H 'Content-Type: application/json' -H "X-Vapi-Secret: $SECRET" \
    --data-binary "@$dir/outgoing"
is "$status $(sums)" "204 $before" "told twice, it is charged once"
tell_vapi end-of-call-report "$(over o-1 200) | $outgoing"
is "$status $(sums)" "204 $before" "and another end of it is none"

# --- what an endpoint may choose
change "$vapi" '"agent_id": "asst-1", "charge_seconds": false, "meters": {"voice.characters": "tts.characters", "model.promptTokens": "llm.tokens.in", "model.completionTokens": "llm.tokens.in"}'
tell_vapi assistant-request "$(named c-1) | .message.phoneNumber = null"
is "$status $(field .assistantId)" "200 asst-1" "a call without seconds needs no number"
tell_vapi end-of-call-report "$(over c-1) | .message.phoneNumber = null"
api GET /v1/calls/c-1
is "$(json '[.charge.amount, ([.usage[] | [.meter, .quantity, .provider_cost.amount]] | sort)]')" \
    '["0.076275",[["llm.tokens.in","5760","0.0027"],["tts.characters","1245","0.0403"]]]' "its own meters, and no others" # 0.0576 + 0.018675
change "$vapi" '"agent_id": "asst-1", "max_minutes": 15, "reject_message": "We are closed."'

# --- a recorded call of Retell, to its exact charge
RETELL=key_0123456789abcdef0123
post /v1/voice-endpoints "{\"provider\": \"retell\", \"name\": \"retell\", \"secret\": \"$RETELL\",
    \"agent_id\": \"agent_front_desk\", \"max_minutes\": 10, \"company\": \"$agency\"}"
retell=$(field .id)
tell_retell() { # FILE JQ-FILTER [MILLISECONDS [KEY]]
    jq -c "$2" "$fixtures/retell-$1.json" | tr -d '\n' >"$dir/message"
    send_retell "${3:-$(date +%s%3N)}" "${4:-$RETELL}"
}
send_retell() { # MILLISECONDS KEY: $dir/message
    signature=$({ cat "$dir/message" && printf '%s' "$1"; } | hmac "$2")
    key='' api POST "/webhooks/retell/$retell" -H 'Authorization:' -H "X-Retell-Signature: v=$1,d=$signature" \
        -H 'Content-Type: application/json' --data-binary "@$dir/message"
}
money 0
tell_retell call-inbound .
is "$status $(json .)" '200 {"call_inbound":{}}' "without money no agent takes the call"
money 10
tell_retell call-inbound .
name=$(field .call_inbound.metadata.tollgate_call_id)
is "$status $(json '.call_inbound | [.override_agent_id, .agent_override]')" \
    '200 ["agent_front_desk",{"agent":{"max_call_duration_ms":600000}}]' "with it one does, for as long as was asked for"
is "$(wallet)" "$(sql "SELECT CONCAT('[\"', TRIM(TRAILING '0' FROM balance), '\",\"0.6\",\"9.4\"]') FROM wallets WHERE $of_agency")" \
    "ten minutes are held"
before=$(sums)
tell_retell call-inbound .
is "$(field .call_inbound.metadata.tollgate_call_id) $(sums)" "$name $before" "delivered again, it is the same call"
tell_retell call-inbound '.event_timestamp += 1'
again=$(field .call_inbound.metadata.tollgate_call_id)
ok $([ -n "$again" ] && [ "$again" != "$name" ]; echo $?) "at another time it is another"
of_call=".call.metadata.tollgate_call_id = \"$name\""
tell_retell call-started "$of_call"
is "$status" 204 "it is answered"
tell_retell call-ended "$of_call"
is "$status" 204 "it has ended"
# 84 s × 0.06/60; 9.8 cents × 1.5; 84 × 0.001
# 0.084       + 0.147          + 0.084 = 0.315
api GET "/v1/calls/$name"
is "$(json '[.state, .status, .duration_ms, .charge.amount, .seq]')" '["settled","answered",83400,"0.315",1]' \
    "and its charge is exact"
is "$(json '[.usage[] | [.meter, .amount.amount, .provider_cost.amount]] | sort')" \
    '[["call.seconds","0.084",null],["retell.product.elevenlabs_tts","0.147","0.098"],["retell.product.gpt_4o_mini","0.084","0.0084"],["retell.product.us_telephony",null,"0.021"]]' \
    "product by product"
before=$(sums)
tell_retell call-ended "$of_call"
is "$status $(sums)" "204 $before" "told twice, it is charged once"
tell_retell call-analyzed "$of_call"
is "$status $(sums)" "204 $before" "its analysis is nobody's money"
tell_retell call-ended ".call.metadata = {tollgate_call_id: \"$again\"} | .call.call_status = \"not_connected\" |
    .call.disconnection_reason = \"dial_no_answer\" | .call.duration_ms = 0"
api GET "/v1/calls/$again"
is "$(json '[.state, .status, .charge.amount]')" '["settled","no_answer","0"]' "what did not connect costs nothing"
before=$(sums)
tell_retell call-ended "$of_call" "$(date +%s%3N)" another
forged "signed with another key"
tell_retell call-inbound . $(($(date +%s%3N) - 301000))
forged "a signature of six minutes ago"
tell_retell call-inbound . 1
forged "of 1970"
key='' api POST "/webhooks/retell/$retell" -H 'Authorization:' -H "X-Vapi-Secret: $RETELL" -d '{}'
forged "Vapi's way of saying who it is"
is "$(sums)" "$before" "nothing comes of it"
money 0.05
tell_retell call-inbound '.event_timestamp += 2'
is "$status $(json .)" '200 {"call_inbound":{}}' "money for less than the minute that Retell can end a call after"
is "$(wallet | cut -d, -f2-)" '"0","0.05"]' "is given back"
money 10
tell_retell call-ended '.call.direction = "outbound" | .call.from_number = "+12125550100" | .call.to_number = "+12125550187"'
is "$status $(wallet | cut -d, -f3)" '204 "9.685"]' "an outgoing call is charged at its end: 0.315"
# the price list of Retell itself: a prompt of 7000 tokens on average, twice as many as are free, doubles 83.4 s
key=$platform_key
make_company packed "\"rate_deck\": \"$deck\", \"pricing\": {\"pack\": \"retell\", \"pack_options\": {\"per_minute\": {\"voice\": \"0.06\"}}}"
post /v1/voice-endpoints "{\"provider\": \"retell\", \"name\": \"packed\", \"secret\": \"$RETELL\", \"company\": \"$id\"}"
(
    retell=$(field .id)
    tell_retell call-ended '.call.llm_token_usage.average = 7000 | .call.metadata.tollgate_call_id = "packed"'
)
is "$(sql "SELECT SUM(amount) FROM usage_events WHERE call_id = 'packed'" | sed -E 's/0+$//')" 0.167 \
    "by the price pack of Retell: 167 s × 0.06/60" # ⌈83.4 × 7000/3500⌉
key=$agency_key
post /v1/voice-endpoints "{\"provider\": \"retell\", \"name\": \"x\", \"secret\": \"$RETELL\", \"max_minutes\": 121}"
problem 422 invalid_input "longer than Retell lets a call be" /max_minutes
post /v1/voice-endpoints "{\"provider\": \"retell\", \"name\": \"x\", \"secret\": \"$RETELL\", \"reject_message\": \"x\"}"
problem 422 invalid_input "what is Vapi's" /reject_message

# --- no decision in time: somebody holds the wallet for longer than a provider waits
change "$retell" '"agent_id": "agent_front_desk", "max_minutes": 10, "when_busy": "allow"'
coproc holder { mariadb --defaults-extra-file="$dir/my.cnf" --batch --skip-column-names --unbuffered "$database" 2>&1; }
holder_in=${holder[1]}
echo "BEGIN; SELECT 'held' FROM wallets WHERE $of_agency FOR UPDATE;" >&"$holder_in"
read -r -t 10 <&"${holder[0]}"
began=$SECONDS
(
    tell_vapi assistant-request "$(named b-1)"
    echo "$status $(json .)" >"$dir/late"
) &
asking=$!
sed 's/600105/600999/' $fixtures/retell-call-inbound.json >"$dir/inbound"
now=$(date +%s%3N)
curl -s -o "$dir/let-in" "http://127.0.0.1:$port/webhooks/retell/$retell" -H 'Content-Type: application/json' \
    -H "X-Retell-Signature: v=$now,d=$({ cat "$dir/inbound" && printf '%s' "$now"; } | hmac "$RETELL")" --data-binary "@$dir/inbound"
wait $asking
ok $([ $((SECONDS - began)) -lt 7 ]; echo $?) "an answer comes while the provider still waits for it"
is "$(cat "$dir/late")" '200 {"error":"We are closed."}' "who knows nothing lets nobody in"
is "$(jq -c '.call_inbound | [.override_agent_id, .agent_override]' "$dir/let-in")" \
    '["agent_front_desk",{"agent":{"max_call_duration_ms":600000}}]' "unless the endpoint says so"
echo "ROLLBACK;" >&"$holder_in"
exec {holder_in}>&-
wait "$holder_PID" 2>/dev/null
name=$(jq -r .call_inbound.metadata.tollgate_call_id "$dir/let-in")
tell_retell call-ended ".call.metadata.tollgate_call_id = \"$name\""
is "$status $(sql "SELECT COUNT(*), SUM(amount) FROM usage_events WHERE source = 'retell' AND call_id = '$name'" | sed -E 's/0+$//')" \
    "204 4	0.315" "then it is charged at its end, like an outgoing one"

# --- hostile: whoever knows the secret may still be wrong
before=$(sums)
hostile() { # NAME STATUS BODY
    printf '%s' "$3" >"$dir/message"
    key='' api POST "/webhooks/vapi/$vapi" -H 'Authorization:' -H 'Content-Type: application/json' \
        -H "X-Vapi-Secret: $SECRET" --data-binary "@$dir/message"
    is "$status" "$2" "$1"
    send_retell "$(date +%s%3N)" "$RETELL"
    like "$status" '^(204|400|422)$' "… and to Retell's: $status"
}
report() { # JQ FILTER on the report of a call that nobody knows
    jq -c "$(over x-1) | $1" $fixtures/vapi-end-of-call-report.json
}
hostile "nothing" 400 ''
hostile "null" 204 null
hostile "a list" 204 '[]'
hostile "a message that is a text" 204 '{"message": "x"}'
hostile "half a message" 400 '{"message": {"type": "end-of-call-report"'
hostile "a key twice" 400 '{"message": {}, "message": {}}'
hostile "70 deep" 400 "$(printf '[%.0s' {1..70})$(printf ']%.0s' {1..70})"
hostile "a number that nobody has" 400 '{"message": {"cost": 1e40}}'
hostile "no call" 422 '{"message": {"type": "end-of-call-report"}}'
hostile "a call that is an object" 422 "$(report '.message.call.id = {}')"
hostile "a name of 300 characters" 422 "$(report '.message.call.id = "x" * 300')"
hostile "a name of dots" 422 "$(report '.message.call.id = ".."')"
hostile "a name with a zero byte" 400 "$(report '.message.call.id = "a\u0000b"')"
hostile "a type that is a number" 204 "$(report '.message.type = 7')"
hostile "an event that is an object" 204 '{"event": {}, "call": 3}'
hostile "an inbound call from nowhere to nowhere" 204 '{"event": "call_ended", "call": {"call_id": "q"}}'
hostile "instants that are none" 204 "$(report '.message.startedAt = "soon" | .message.endedAt = []')"
hostile "an end before the beginning" 204 "$(report '.message.endedAt = "2020-01-01T00:00:00.000Z"')"
hostile "a call of ten years" 422 "$(report '.message.startedAt = "2010-01-01T00:00:00.000Z" | .message.costs = []')"
hostile "costs that are none" 204 "$(report '.message.startedAt = null | .message.costs = [1, "x", null, [], {type: {}}, {type: "voice", characters: "7"}]')"
hostile "quantities below zero" 204 "$(report '.message.startedAt = null | .message.costs = [{type: "voice", characters: -7, cost: -1}]')"
head -c 5000000 /dev/zero | tr '\0' ' ' >"$dir/message"
key='' api POST "/webhooks/vapi/$vapi" -H 'Authorization:' -H "X-Vapi-Secret: $SECRET" --data-binary "@$dir/message"
is "$status" 413 "five megabytes"
is "$(sums)" "$before" "nothing comes of any of it"
for message in tool-calls transcript conversation-update hang speech-update; do
    tell_vapi status-update "$(named o-9) | .message.type = \"$message\""
    is "$status" 204 "a message that is about no money: $message"
done

# --- whose endpoints
key=$agency_key
api GET "/v1/voice-endpoints?limit=2"
is "$status $(json '[.data[].name]')" '200 ["desk","signed"]' "the newest first"
api GET "/v1/voice-endpoints?limit=2&cursor=$(field .next_cursor)"
is "$status $(json '[.data[].name, .next_cursor]')" '200 ["desk",null]' "page by page"
api GET "/v1/voice-endpoints/$vapi"
tag=$(header etag)
change "$vapi" '"agent_id": "asst-3"'
api PUT "/v1/voice-endpoints/$vapi" -H 'Content-Type: application/json' -H "If-Match: $tag" -d '{"name": "late"}'
problem 412 precondition_failed "who was slower does not undo it"
key=$other_key
for verb in GET DELETE; do
    api $verb "/v1/voice-endpoints/$vapi"
    problem 404 not_found "$verb of another company's"
done
api PUT "/v1/voice-endpoints/$vapi/secret" -H 'Content-Type: application/json' -d '{"secret": "0123456789abcdef"}'
problem 404 not_found "nor its secret"
api PUT "/v1/voice-endpoints/$vapi" -H 'Content-Type: application/json' -d '{"name": "mine"}'
problem 404 not_found "nor its settings"
post /v1/voice-endpoints "{\"provider\": \"vapi\", \"name\": \"x\", \"secret\": \"0123456789abcdef\", \"company\": \"$agency\"}"
problem 422 invalid_input "nor one for it" /company
api GET "/v1/voice-endpoints"
is "$(json .data)" '[]' "and sees none"
key=$agency_key
post /v1/api-keys '{"name": "gateway", "permissions": ["calls:*"]}'
key=$(field .key) api GET "/v1/voice-endpoints"
problem 403 denied "a gateway's key has nothing to do there"
key=$agency_key
api PUT "/v1/voice-endpoints/$vapi/secret" -H 'Content-Type: application/json' -d '{"secret": "another-secret-01"}'
is "$status" 204 "another secret"
tell_vapi assistant-request "$(named v-9)"
forged "the one before is worth nothing at once"
secret=another-secret-01 tell_vapi assistant-request "$(named v-9)"
is "$status $(field .assistantId)" "200 asst-3" "the new one is"
secret=another-secret-01 tell_vapi end-of-call-report "$(over v-9 10)"
key=$agency_key
api DELETE "/v1/voice-endpoints/$vapi"
is "$status $(sql "SELECT COUNT(*) FROM sealed_values")" "204 3" "an endpoint goes, and its secret with it"
secret=another-secret-01 tell_vapi assistant-request "$(named v-9)"
problem 404 not_found "then nobody is there"

# --- the books
key=$platform_key
"$TOLLGATE" ledger verify >"$dir/verify.out" 2>&1
is $? 0 "ledger verify is clean"
grep -v ' 0$' "$dir/verify.out" | sed 's/^/# /' | head -n 8
is "$(grep -c '"level":"error"' "$dir/server.log")" 0 "nothing of it is an error in the server's log"
for text in "$SECRET" "$RETELL" another-secret-01; do
    ok $(grep -qF -- "$text" "$dir/server.log" && echo 1 || echo 0) "no secret is in the log"
    is "$(sql "SELECT COUNT(*) FROM audit_log WHERE CONCAT_WS(' ', before_state, after_state) LIKE '%$text%'")" 0 "nor in the audit log"
done
stop_server
done_testing
