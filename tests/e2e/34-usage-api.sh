# 34 - the usage API: every shape a producer may send, every repeat, and that what is read afterwards adds up.
. tests/e2e/lib.sh
fresh_server
deck_file=$dir/deck.csv
cat >"$deck_file" <<END
prefix,name,per_minute,connect_fee,initial_s,increment_s,effective_from,effective_to
1,North America,0.0120,0,60,60,2026-01-01T00:00:00Z,
44,United Kingdom,0.0150,0.001,1,1,2026-01-01T00:00:00Z,
END
make_deck prices "$deck_file"
make_company alpha "\"external_ref\": \"alpha\", \"rate_deck\": \"$deck\"" && alpha=$id
make_company beta "\"external_ref\": \"beta\", \"rate_deck\": \"$deck\"" && beta=$id
usage() { # BODY [curl arguments…]: the counts in $counts
    post /v1/usage "$@"
    counts=$(json '[.accepted, .duplicates, (.rejected | length)]')
}
of() { # COMPANY EVENT_ID [JQ OBJECT]
    event "$2" "{company: \"$1\"} + ${3:-{\}}"
}

# --- shapes
usage "$(of "$alpha" single)"
is "$status $(json .)" '200 {"accepted":1,"duplicates":0,"outcomes":{"blocked":0,"failed":0,"no_rate":0,"not_billable":0,"rated":1,"unrated":0},"rejected":[]}' \
    "one event: the answer as documented"
is "$(json keys)" '["accepted","duplicates","outcomes","rejected"]' "and nothing else"
usage "[$(of "$alpha" array-1), $(of "$beta" array-2)]"
is "$counts" '[2,0,0]' "an array"
usage '[]'
is "$status $counts" '200 [0,0,0]' "an empty array"
usage "$(of "$alpha" line-1)
$(of "$beta" line-2)
" -H 'Content-Type: application/x-ndjson'
is "$counts" '[2,0,0]' "one event a line"
cloud() { # EVENT_ID COMPANY
    jq -nc --arg id "$1" --arg co "$2" '{specversion: "1.0", id: $id, source: "cloud-gw", type: "call.seconds",
        time: "2026-07-15T11:00:00Z", subject: "call-7", datacontenttype: "application/json",
        data: {quantity: "30", company: $co, properties: {to: "+442079460000"}}}'
}
usage "$(cloud c1 "$alpha")" -H 'Content-Type: application/cloudevents+json'
is "$counts" '[1,0,0]' "a CloudEvent"
usage "[$(cloud c2 "$alpha"), $(cloud c3 "$beta")]" -H 'Content-Type: application/cloudevents-batch+json'
is "$counts" '[2,0,0]' "a batch of CloudEvents"
usage "$(of "$alpha" tokens '{meter: "llm.tokens.in", quantity: "5120", properties: {model: "m"}}')"
is "$counts $(json .outcomes.unrated)" '[1,0,0] 1' "a meter without a price is kept, unrated"
usage "$(of "$alpha" cost '{call_id: "c-1", provider_cost: {amount: "0.008", currency: "USD"}}')"
is "$counts" '[1,0,0]' "call_id and provider_cost"
usage "[$(of "$alpha" unanswered '{quantity: "0", properties: {to: "+12125550100", status: "no_answer", duration_ms: 0}}'),
    $(of "$alpha" nowhere '{properties: {to: "+999555"}}')]"
is "$(json '.outcomes | [.not_billable, .no_rate]')" '[1,1]' "not billable and without a rate are told apart"

# --- repeats
usage "$(of "$alpha" single)"
is "$counts" '[0,1,0]' "the same event again is a duplicate"
usage "$(of "$alpha" single '{quantity: 61}')"
is "$counts" '[0,1,0]' "61 and \"61\" are one quantity"
usage "$(of "$alpha" single '{quantity: "62"}')"
is "$counts $(json '.rejected[0] | [.index, .event_id, .reason]')" '[0,0,1] [0,"single","conflict"]' \
    "the same event with another body is a conflict"
usage "[$(of "$alpha" twice), $(of "$alpha" twice), $(of "$alpha" twice '{quantity: "5"}')]"
is "$counts $(json '.rejected[0] | [.index, .reason]')" '[1,1,1] [2,"conflict"]' "twice in one batch: the first counts"
usage "[$(of "$alpha" other-source '{source: "gw-2"}'), $(of "$alpha" other-source '{source: "gw-3"}'), $(of "$beta" other-source '{source: "gw-2"}')]"
is "$counts" '[3,0,0]' "another source or another company is another event"
usage "[$(of "$alpha" E1), $(of "$alpha" e1), $(of "$alpha" 'e1 ')]"
is "$counts" '[3,0,0]' "E1, e1 and \"e1 \" are three"

# --- Idempotency-Key
usage "$(of "$alpha" keyed)" -H 'Idempotency-Key: k-1' && first=$(json .)
is "$counts" '[1,0,0]' "with an Idempotency-Key"
usage "$(of "$alpha" keyed)" -H 'Idempotency-Key: k-1'
is "$status $(json .)" "200 $first" "the same key and body: the first answer again, not a duplicate"
usage "$(of "$alpha" keyed-2)" -H 'Idempotency-Key: k-1'
problem 422 idempotency_key_reused "the same key, another body: refused"
for i in 1 2 3 4 5 6; do
    curl -s -o "$dir/same-$i" -H "Authorization: Bearer $key" -H 'Idempotency-Key: k-2' --data-binary "$(of "$alpha" at-once)" \
        "http://127.0.0.1:$port/v1/usage" &
    pids[i]=$!
done
wait "${pids[@]}"
is "$(cat "$dir"/same-? | jq -cS . | sort -u | jq -c '[.accepted, .duplicates]')" '[1,0]' "six at once with one key: one answer"
usage "$(of "$alpha" bad-key)" -H "Idempotency-Key: $(printf 'x%.0s' $(seq 300))"
is "$status" 422 "a key of 300 characters is refused"

# --- reading
total=$(sql "SELECT COUNT(*) FROM usage_events")
pages() { # PATH-AND-QUERY: ids of all pages in $dir/ids, pages counted in $n_pages
    local cursor= sep='?'
    case $1 in *'?'*) sep='&' ;; esac
    n_pages=0
    : >"$dir/ids"
    while :; do
        api GET "$1${sep}limit=4${cursor:+&cursor=$cursor}"
        [ "$status" = 200 ] || { echo "# $1: $status $body" && return 1; }
        field '.data[].id' >>"$dir/ids"
        n_pages=$((n_pages + 1))
        cursor=$(field '.next_cursor // ""')
        [ -n "$cursor" ] && [ $n_pages -lt 100 ] || break
    done
}
pages /v1/usage
is "$(sort "$dir/ids" | uniq -c | awk '$1 == 1' | wc -l)" "$total" "every event stands on exactly one of the pages"
ok $((n_pages >= total / 4 ? 0 : 1)) "which are many ($n_pages)"
count_of() { # FILTER: how many
    pages "/v1/usage?$1"
    wc -l <"$dir/ids"
}
is "$(count_of "company=$beta")" "$(sql "SELECT COUNT(*) FROM usage_events u JOIN companies c ON c.id = u.company_id WHERE c.name = 'beta'")" "filter company"
is "$(count_of meter=llm.tokens.in)" 1 "filter meter"
is "$(count_of status=no_rate)" 1 "filter status"
is "$(count_of source=cloud-gw)" 3 "filter source"
is "$(count_of 'source=gw-2&event_id=other-source')" 2 "filter source and event_id"
is "$(count_of 'from=2026-07-15T11:00:00Z')" 3 "filter from"
is "$(count_of 'to=2026-07-15T11:00:00Z')" $((total - 3)) "filter to, which is not part of it"
api GET '/v1/usage?event_id=cost&source=gw-1'
is "$(json '.data[0] | [.event_id, .call_id, .provider_cost, .amount, .billed_seconds, .status, .quantity, .event_time]')" \
    '["cost","c-1",{"amount":"0.008","currency":"USD"},{"amount":"0.024","currency":"USD"},120,"rated","61","2026-07-15T10:00:00Z"]' \
    "an event as it is shown"

for group in company meter day; do
    api GET "/v1/usage/summary?from=2026-07-01T00:00:00Z&to=2026-08-01T00:00:00Z&group_by=$group"
    is "$status $(json '[.group_by, ([.data[].events] | add), ([.data[].billed_seconds] | add)]')" \
        "200 [\"$group\",$total,$(sql "SELECT SUM(billed_s) FROM usage_events")]" "the summary by $group counts them all"
    field '.data[].amount.amount' >"$dir/amounts"
    equal "the summary by $group: its amounts add up" "$(python3 -c 'import sys, decimal; print(sum(map(decimal.Decimal, sys.stdin.read().split())))' <"$dir/amounts")" \
        "$(sql "SELECT SUM(amount) FROM usage_events")"
    equal "and so do its totals" "$(field '.totals[0].amount.amount')" "$(sql "SELECT SUM(amount) FROM usage_events")"
done

api GET '/v1/usage?event_id=c1&source=cloud-gw'
event_id=$(field '.data[0].id')
api GET "/v1/usage/$event_id/explain"
is "$status $(json '[.agrees, .total, .rule, .event.id, .rate_deck_version]')" \
    "200 [true,{\"amount\":\"0.0085\",\"currency\":\"USD\"},\"pricing.rate_usage\",\"$event_id\",1]" "explain: 0.001 + 30 s of 0.015 a minute"
is "$(json '[(.lines | length), (.rates[0] | [.prefix, .per_minute, .connect_fee])]')" '[2,["44","0.015","0.001"]]' "… with its lines and its rate"
pages '/v1/usage?status=rated'
while read -r id; do
    api GET "/v1/usage/$id/explain"
    json .agrees
done <"$dir/ids" | sort | uniq -c | sed 's/^ *//' >"$dir/agrees"
is "$(cat "$dir/agrees")" "$(wc -l <"$dir/ids") true" "every rated event is computed again and agrees"

for company in $alpha $beta; do
    api GET "/v1/wallets?company=$company"
    wallet=$(field '.data[0].id') balance=$(field '.data[0].balance.amount')
    cursor=
    : >"$dir/entries"
    while :; do
        api GET "/v1/wallets/$wallet/entries?limit=3${cursor:+&cursor=$cursor}"
        field '.data[].amount.amount' >>"$dir/entries"
        cursor=$(field '.next_cursor // ""')
        [ -n "$cursor" ] || break
    done
    equal "the entries of a wallet add up to its balance" \
        "$(python3 -c 'import sys, decimal; print(sum(map(decimal.Decimal, sys.stdin.read().split())))' <"$dir/entries")" "$balance"
done
api GET "/v1/wallets/$wallet"
is "$status $(field .id)" "200 $wallet" "a wallet by its id"
api GET "/v1/rate-decks/$deck/lookup?number=442079460000"
is "$status $(json '.rate | [.prefix, .per_minute]')" '200 ["44","0.015"]' "a number is looked up"
verify_ledger
stop_server
is "$server_code" 0 "the server ends with 0"
done_testing
