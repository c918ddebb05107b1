# 30 - bad input: a clear answer for each (which field, which row, what to do), the rest of a batch unharmed, nothing lost.
. tests/e2e/lib.sh
fresh_server
cat >"$dir/deck.csv" <<END
prefix,name,per_minute,connect_fee,initial_s,increment_s,effective_from,effective_to
1,North America,0.0120,0,60,60,2026-01-01T00:00:00Z,
END
make_deck prices "$dir/deck.csv"
good_deck=$deck
make_company alpha "\"rate_deck\": \"$deck\"" && alpha=$id
good() { # a good event, another each time: the number is a file's, because this runs in subshells
    printf '{"event_id":"good-%d","source":"gw-1","meter":"call.seconds","event_time":"2026-07-15T10:00:00Z","quantity":"61","company":"%s","properties":{"to":"+12125550100"}}' \
        "$(wc -c <"$dir/serial")" "$alpha"
    printf x >>"$dir/serial"
}
: >"$dir/serial"
raw() { # [HOW] <REQUEST: its answer in $answer, the status in $status
    answer=$(python3 tests/e2e/raw.py "127.0.0.1:$port" "$@")
    status=$(sed -n '1s/^HTTP\/1.. \([0-9]*\).*/\1/p' <<<"$answer")
}
events() {
    sql "SELECT COUNT(*) FROM usage_events"
}

# --- a body that is no JSON: refused whole, nothing of it is done
refused_whole() { # NAME BODY-FILE-OR-TEXT [PATTERN of the detail]
    local before
    before=$(events)
    post /v1/usage "$2"
    problem 400 malformed_json "$1"
    [ $# -lt 3 ] || like "$(field .detail)" "$3" "… says where: $3"
    is "$(events)" "$before" "… and nothing of it was taken"
}
refused_whole "an array that does not end" "[$(good), $(good)" 'line 1, column 1'
refused_whole "a text that ends inside an event" "[$(good), {\"event_id\": \"x\"" 'line 1'
refused_whole "NaN" "[$(good),
  {\"event_id\": \"nan\", \"quantity\": NaN}]" 'event 1, line 2'
refused_whole "Infinity" "{\"quantity\": -Infinity}" 'line 1'
refused_whole "a comment" "[$(good), /* hi */ $(good)]"
refused_whole "a single quote" "{'event_id': 1}"
refused_whole "something behind the array" "[$(good)] x" 'follows'
refused_whole "no JSON at all" 'hello' 'line 1, column 1'
refused_whole "a number" '42'
refused_whole "nested 2,000 deep" "$(printf '[%.0s' $(seq 2000))$(printf ']%.0s' $(seq 2000))" '32 levels'
api POST /v1/usage -H 'Content-Type: application/json'
problem 400 no_body "no body"
post /v1/usage '   '
is "$status" 400 "only blanks"

# --- an event that is wrong: named, the others are taken
one_bad() { # NAME REASON POINTER EVENT: between two good ones
    printf '[%s,\n%s,\n%s]' "$(good)" "$4" "$(good)" >"$dir/batch"
    post /v1/usage "@$dir/batch"
    is "$status $(json '[.accepted, .duplicates, (.rejected[] | [.index, .reason, .pointer // ""])]')" \
        "200 [2,0,[1,\"$2\",\"$3\"]]" "$1: $(field '.rejected[0].detail')"
}
bad() { # JQ OBJECT to add
    event bad "{company: \"$alpha\"} + $1"
}
one_bad "a string where a number is" invalid /quantity "$(bad '{quantity: "many"}')"
one_bad "an object where text is" invalid /source "$(bad '{source: {}}')"
one_bad "a number where text is" invalid /event_id "$(bad '{event_id: 7}')"
one_bad "null where text is" invalid /meter "$(bad '{meter: null}')"
one_bad "no event_id" invalid /event_id "$(bad '{}' | jq -c 'del(.event_id)')"
one_bad "an unknown field" invalid /quantitty "$(bad '{quantitty: "1"}')"
one_bad "an unknown field with a slash" invalid /a~1b "$(bad '{"a/b": "1"}')"
one_bad "a key that stands twice" invalid "" "$(bad '{}' | sed 's/}$/,"quantity":"9"}/')"
one_bad "a number beyond 2^53" invalid /quantity "$(bad '{}' | sed 's/"quantity":"61"/"quantity":9007199254740993/')"
one_bad "a fraction" invalid /quantity "$(bad '{quantity: 0.5}')"
one_bad "more digits than there are" invalid /quantity "$(bad '{quantity: "0.0000000000001"}')"
one_bad "a negative quantity" invalid /quantity "$(bad '{quantity: "-1"}')"
one_bad "a negative duration" invalid /properties/duration_ms "$(bad '{properties: {to: "+12125550100", duration_ms: -5}}')"
one_bad "a duration of years" invalid /properties/duration_ms "$(bad '{properties: {to: "+12125550100", duration_ms: 99999999999}}')"
one_bad "no time" invalid /event_time "$(bad '{event_time: "yesterday"}')"
one_bad "the 31st of June" invalid /event_time "$(bad '{event_time: "2026-06-31T00:00:00Z"}')"
one_bad "bytes that are no UTF-8" invalid "" "$(bad '{source: "XX"}' | sed 's/XX/\xff\xfe/')"
one_bad "half a surrogate pair" invalid "" "$(bad '{source: "XX"}' | sed 's/XX/\\ud800/')"
one_bad "the character U+0000" invalid "" "$(bad '{source: "XX"}' | sed 's/XX/\\u0000/')"
one_bad "a source of 101 characters" invalid /source "$(bad "{source: \"$(printf 'x%.0s' $(seq 101))\"}")"
one_bad "a company that does not exist" unknown_company /company "$(bad '{company: "co_01h2xcejqtf2nbrexx3vqjhp41"}')"
one_bad "a company's id that is a key's" invalid /company "$(bad '{company: "key_01h2xcejqtf2nbrexx3vqjhp41"}')"
one_bad "a currency that does not exist" invalid /provider_cost/currency "$(bad '{provider_cost: {amount: "1", currency: "XXQ"}}')"
one_bad "an array where an event is" invalid "" "[1, 2]"
one_bad "CloudEvents of another version" invalid /specversion '{"specversion": "0.3", "id": "x"}'

# --- sizes
{ printf '['; yes '{},' | head -n 10000 | tr -d '\n'; printf '{}]'; } >"$dir/many.json"
before=$(events)
post /v1/usage "@$dir/many.json"
problem 422 too_many_events "10,001 events"
is "$(events)" "$before" "… none of them was taken"
{ printf '[%s' "$(good)"; head -c $((8 * 1024 * 1024 - 1 - $(good | wc -c))) /dev/zero | tr '\0' ' '; printf ']'; } >"$dir/8mib.json"
truncate -s $((8 * 1024 * 1024 + 1)) "$dir/8mib.json"
post /v1/usage "@$dir/8mib.json" -H 'Expect:'
problem 413 body_too_large "8 MiB and one byte"
{ printf '%s' "$(good)"; head -c 8388608 /dev/zero | tr '\0' ' '; } | head -c 8388608 >"$dir/8mib.json"
post /v1/usage "@$dir/8mib.json" -H 'Expect:'
is "$status $(json .accepted)" '200 1' "8 MiB are taken"
printf '{"name": "%s"}' "$(head -c 1100000 /dev/zero | tr '\0' x)" >"$dir/long-name"
post /v1/companies "@$dir/long-name" -H 'Expect:'
problem 413 body_too_large "a body above the server's limit, on another route"

# --- JSON of the other routes
post /v1/companies '{"name": "x"'
problem 400 malformed_json "malformed JSON"
post /v1/companies '{"name": "x", "name": "y"}'
problem 400 malformed_json "a key that stands twice"
post /v1/companies '{"name": 5, "curency": "USD", "timezone": "Mars/Olympus"}'
problem 422 invalid_input "several faults at once" /curency
is "$(json '[.errors[].pointer]')" '["/curency","/name","/timezone"]' "… each with its pointer"
post /v1/companies '[]'
problem 422 invalid_input "an array where an object is" ''
post /v1/companies '{"name": ""}'
problem 422 invalid_input "an empty name" /name
post /v1/companies '{"name": "x", "pricing": {"tiers": [{"up_to_s": 60, "per_minute": 0.5}]}}'
problem 422 invalid_input "a fault deep inside" /pricing/tiers/0/per_minute
api POST /v1/companies -H 'Content-Type:' --data-binary '{"name": "no type"}'
is "$status" 201 "a body without a content type is JSON"
api POST /v1/companies -H 'Content-Type: text/xml' --data-binary '<name/>'
problem 415 unsupported_media_type "XML"
api POST /v1/companies -H 'Content-Type: application/json' -H 'Content-Encoding: gzip' --data-binary '{"name": "x"}'
problem 415 unsupported_media_type "a content encoding that is not taken"

# --- rate decks
csv() { # NAME <CSV
    cat >"$dir/bad.csv"
    post /v1/rate-decks "{\"name\": \"$1\", \"currency\": \"USD\"}"
    deck=$(field .id)
    api PUT "/v1/rate-decks/$deck/rates" -H 'Content-Type: text/csv' --data-binary "@$dir/bad.csv"
}
csv damaged <<END
prefix,name,per_minute,connect_fee,initial_s,increment_s,effective_from,effective_to
1,one,0.01,0,60,60,2026-01-01T00:00:00Z,
44,broken,a lot,0,60,60,2026-01-01T00:00:00Z,
49,three,0.03,0,60,60,2026-01-01T00:00:00Z,
END
problem 422 deck_has_damaged_rows "a CSV with a broken row: a report"
is "$(json '[.report.rows, .report.priced, .report.rejected, .report.first_rejected[0].prefix]')" '[3,2,1,"44"]' "… which row it was"
like "$(field '.report.first_rejected[0] | "\(.row) \(.reason)"')" '^[34] ' "… $(json '.report.first_rejected[0]')"
api GET "/v1/rate-decks/$deck"
is "$(json '[.version, .rows]')" '[0,0]' "… and nothing was loaded"
api PUT "/v1/rate-decks/$deck/rates?accept=rep_00000000000000000000000000000000" -H 'Content-Type: text/csv' --data-binary "@$dir/bad.csv"
problem 409 report_does_not_match "accepting another report is refused"
api PUT "/v1/rate-decks/$deck/rates" -H 'Content-Type: text/csv' --data-binary "@$dir/bad.csv"
api PUT "/v1/rate-decks/$deck/rates?accept=$(field .report_id)" -H 'Content-Type: text/csv' --data-binary "@$dir/bad.csv"
is "$status $(json '[.version, .changed, .report.priced]')" '200 [1,true,2]' "accepted: the others are loaded"
csv overlap <<END
prefix,name,per_minute,connect_fee,initial_s,increment_s,effective_from,effective_to
1,one,0.01,0,60,60,2026-01-01T00:00:00Z,
1,again,0.02,0,60,60,2026-01-01T00:00:00Z,
END
problem 422 deck_has_damaged_rows "rows of one prefix that overlap in time"
is "$(json '[.report.rejected, .report.first_rejected[0].prefix]')" '[1,"1"]' "… named: $(json '.report.first_rejected[0]')"
csv nothing <<<'prefix,name,per_minute'
is "$status" 422 "a CSV without rows: $(field .detail)"
csv header <<<$'hello,world\n1,2'
is "$status" 422 "a CSV with another header: $(field .detail)"
csv binary < <(head -c 3000 /dev/urandom)
is "$status" 422 "random bytes: $(field .detail)"
post /v1/usage "[$(good)]"
is "$status $(json .outcomes.rated)" '200 1' "calls are rated by the deck that was good"

# --- routes, ids, cursors
api GET /v1/nothing
problem 404 not_found "a path that is not there"
api DELETE /v1/usage
problem 405 method_not_allowed "a method that is not there"
is "$(header allow | tr -d ' ' | tr , '\n' | sort | paste -sd,)" 'GET,HEAD,OPTIONS,POST' "… with Allow"
api BREW /v1/usage
problem 501 not_implemented "a method nobody knows"
api GET '/v1/usage?limit=0'
problem 422 invalid_input "limit=0" '?limit'
api GET '/v1/usage?limit=5&limit=6'
problem 400 bad_request "a parameter twice"
api GET '/v1/usage?colour=red'
problem 422 invalid_input "a parameter nobody knows" '?colour'
api GET '/v1/usage?source=%ff'
problem 400 bad_request "a parameter that is no UTF-8"
for cursor in x '!!!' "$(printf '["co_01h2xcejqtf2nbrexx3vqjhp41"]' | base64 | tr -d =)" "$(printf '[1,2,3]' | base64 | tr -d =)"; do
    api GET "/v1/usage?cursor=$(jq -rn --arg c "$cursor" '$c | @uri')"
    problem 422 invalid_input "the cursor $cursor" '?cursor'
done
for path in wallets/$alpha companies/$good_deck rate-decks/x usage/$alpha/explain wallets/$alpha/entries; do
    api GET "/v1/$path"
    problem 404 not_found "GET /v1/$path: an id of another kind"
done
api GET '/v1/usage?company=nobody'
problem 422 invalid_input "a company's id that is none" '?company'
api GET "/v1/$(printf 'x%.0s' $(seq 5000))"
problem 414 path_too_long "a path of 5,000 characters"

# --- who asks
unauthorized() { # NAME curl arguments…
    local name=$1
    shift
    key='' api GET /v1/me "$@"
    problem 401 unauthorized "$name"
}
unauthorized "no token"
like "$(header www-authenticate)" '^Bearer' "… with WWW-Authenticate"
read -r status content_type < <(curl -s -o "$dir/body" -w '%{http_code} %{content_type}\n' "http://127.0.0.1:$port/v1/me")
is "$status" 401 "no Authorization at all"
good_key=$key
for key in nonsense "${good_key}x" "${good_key%?}" "$(tr a-z A-Z <<<"$good_key")" "$(sed 's/_.*_/_01h2xcejqtf2nbrexx3vqjhp41_/' <<<"$good_key")"; do
    api GET /v1/me
    problem 401 unauthorized "the token ${key:0:12}…"
done
key=$good_key
api GET /v1/me -H "Authorization: Basic $(printf 'a:b' | base64)" -H 'Authorization:'
post /v1/api-keys '{"name": "short", "permissions": ["usage:read"]}'
short=$(field .key) short_id=$(field .id)
key=$short api GET /v1/usage
is "$status" 200 "a new key works"
key=$short api GET /v1/wallets
problem 403 denied "a key without the permission"
api DELETE "/v1/api-keys/$short_id"
is "$status" 204 "the key is revoked"
is_refused() { key=$short api GET /v1/usage && [ "$status" = 401 ]; }
until_true 15 is_refused
problem 401 unauthorized "and refused within seconds"
post /v1/api-keys "{\"name\": \"old\", \"expires_at\": \"2020-01-01T00:00:00Z\"}"
problem 422 invalid_input "a key that has expired before it is made" /expires_at
post /v1/api-keys "{\"name\": \"soon\", \"expires_at\": \"$(date -u -d '+2 seconds' +%Y-%m-%dT%H:%M:%SZ)\"}"
short=$(field .key)
until_true 15 is_refused
problem 401 unauthorized "a key that expires is refused"

# --- HTTP
raw <<<$'GET /healthz HTTP/1.1\r\nConnection: close\r\n\r'
is "$status" 400 "no Host"
raw <<<$'GET /healthz HTTP/1.1\r\nHost: a\r\nHost: b\r\nConnection: close\r\n\r'
is "$status" 400 "two Hosts"
raw <<<$'POST /v1/usage HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n0\r\n\r'
is "$status" 400 "Content-Length and Transfer-Encoding"
raw <<<$'POST /v1/usage HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nContent-Length: 4\r\nConnection: close\r\n\r\nabcd'
is "$status" 400 "two Content-Lengths"
raw <<<$'POST /v1/usage HTTP/1.1\r\nHost: a\r\nContent-Length: -3\r\nConnection: close\r\n\r\nabcd'
is "$status" 400 "a negative Content-Length"
raw <<<$'\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03 this is TLS\r\n\r'
like "$status" '^(400)?$' "TLS on the port for plain HTTP"
raw < <(printf 'GET /healthz HTTP/1.1\r\nHost: a\r\nConnection: close\r\n'; for i in $(seq 200); do printf 'X-%s: %0512d\r\n' "$i" 0; done; printf '\r\n')
like "$status" '^(400|431)?$' "200 headers, 100 kB of them: ${status:-the connection is closed}"
raw < <(printf 'GET /healthz HTTP/1.1\r\nHost: a\r\nConnection: close\r\nX-Y: a\x01b\r\n\r\n')
is "$status" 400 "a control character in a header"

# --- a body that stops half-way: nothing happens, and nothing breaks
before=$(events)
half=$(good)
for how in close reset half; do
    raw $how < <(printf 'POST /v1/usage HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer %s\r\nContent-Length: %d\r\n\r\n%s' "$key" $((${#half} + 1)) "$half")
    raw $how < <(printf 'POST /v1/usage HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer %s\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n' "$key" ${#half} "$half")
done
post /v1/usage "[$(good)]"
is "$status $(json .accepted)" '200 1' "the server goes on after bodies that stopped half-way"
is "$(events)" $((before + 1)) "and nothing of them was taken"

# --- nothing lost: every good event that was acknowledged is there, rated, once
is "$(sql "SELECT COUNT(*), COUNT(DISTINCT event_id), SUM(status = 'rated') FROM usage_events WHERE event_id LIKE 'good-%'")" \
    "$(sql "SELECT COUNT(*) FROM usage_events WHERE event_id <> 'bad'" | sed 's/.*/&\t&\t&/')" "all good events are there and rated"
is "$(sql "SELECT COUNT(*) FROM usage_events WHERE event_id = 'bad'")" 0 "no bad one is"
verify_ledger
is "$(grep -c '"level":"error"' "$dir/server.log")" 0 "the server has logged no error"
stop_server
is "$server_code" 0 "the server ends with 0"
done_testing
