#!/bin/bash
# 57 - export: a log of any length is sent while it is read, in the memory of a page; to whoever stays.
. tests/e2e/lib.sh
n=200000 memory_kib=32768
if ldd "$TOLLGATE" | grep -q libasan; then
    n=20000 memory_kib=0 # the sanitizer keeps what is freed
fi
fresh_server
make_company small && small=$id
make_company big && big=$id
fill() { # COMPANY TIME-OF-IDS N
    sql "INSERT INTO audit_log (company_id, id, at, actor, address, request_id, action, object, outcome, after_state)
         SELECT (SELECT id FROM companies WHERE name = '$1'), UNHEX(CONCAT('$2', '7000', LPAD(HEX(seq), 16, '0'))), '2026-01-01', 'system',
                '::1', CONCAT('req_', seq), 'usage.ingest', CONCAT('object-', seq), 'done', '{\"note\": \"a row of some length, as rows are\"}'
           FROM seq_1_to_$3"
}
fill small 018e00000000 2000
fill big 018f00000000 $n
url=http://127.0.0.1:$port/v1/audit-log/export
auth="Authorization: Bearer $key"
peak() { # of the server's memory, in KiB
    awk '$1 == "VmHWM:" { print $2 }' "/proc/$server_pid/status"
}
# The exports under way have a body of one byte each, by which they are counted.
working() {
    curl -s "http://127.0.0.1:$port/metrics" | awk '$1 == "tollgate_http_body_memory_bytes" { print $2 }'
}
is_idle() { [ "$(working)" = 0 ]; }
counted=(curl -s -o /dev/null -X GET -d x -H "$auth" "$url?company=$big")

# --- all of it
curl -s -o /dev/null -H "$auth" "$url?company=$big&limit=500"
echo 5 >"/proc/$server_pid/clear_refs"
before=$(peak)
began=$(date +%s%N)
curl -s -o "$dir/all.csv" -H "$auth" -w '%{http_code} %{content_type}\n' "$url?company=$big&format=csv" >"$dir/said"
is "$? $(cat "$dir/said")" "0 200 text/csv; charset=utf-8" "$n rows come as CSV"
took_ms=$((($(date +%s%N) - began) / 1000000))
grew=$(($(peak) - before))
echo "# $n rows, $(stat -c %s "$dir/all.csv") bytes, $took_ms ms, the peak of memory grew by $grew KiB"
is "$(wc -l <"$dir/all.csv") $(cut -d, -f1 "$dir/all.csv" | tail -n +2 | sort -u | wc -l)" "$((n + 1)) $n" "each row once, and their names above"
is "$(tail -n +2 "$dir/all.csv" | cut -d, -f9 | head -n 1) $(tail -n 1 "$dir/all.csv" | cut -d, -f9)" "object-$n object-1" "from the newest to the oldest"
if [ $memory_kib = 0 ]; then
    skip "in constant memory" "a sanitizer keeps memory"
else
    ok $((grew > memory_kib)) "in the memory of a few pages ($grew KiB)"
fi
curl -s -o "$dir/all.jsonl" -H "$auth" --http2-prior-knowledge --compressed "$url?company=$big&object=object-7"
is "$(jq -rs 'map(.object) | join(" ")' "$dir/all.jsonl")" object-7 "filters hold; over HTTP/2 too"
curl -s -H "$auth" --http2-prior-knowledge "$url?company=$small&action=usage.ingest" | wc -l | read -r lines
is "$lines" 2000 "HTTP/2 has all of it"
is "$(curl -s -I -o /dev/null -w '%{http_code} %{content_type}' -H "$auth" "$url?company=$big")" "200 application/jsonl" "HEAD has the head"

# --- usage, of several companies
post /v1/usage "[$(event here), $(event there "{company: \"$small\"}"), $(event far "{company: \"$big\"}")]"
api GET '/v1/usage/export?format=csv'
is "$status $content_type $(tail -n +2 "$dir/body" | cut -d, -f4 | sort | tr '\n' ' ')" "200 text/csv; charset=utf-8 far here there " "usage leaves as CSV, own and below"
is "$(head -n 1 "$dir/body" | cut -d, -f12-14)" "billed_seconds,amount.amount,amount.currency" "with the amounts apart from their currencies"
api GET "/v1/usage/export?company=$small"
is "$(jq -r .event_id "$dir/body")" there "or as JSON, filtered as the list is"
api GET '/v1/usage/export?limit=2'
next=$(header next-cursor) n_first=$(wc -l <"$dir/body")
api GET "/v1/usage/export?limit=2&cursor=$next"
is "$n_first $(wc -l <"$dir/body") $(header next-cursor)" "2 1 " "or page by page"

# --- who is slow, and who leaves
"${counted[@]}" --limit-rate 20k &
slow=$!
is_working() { [ "$(working)" = 1 ]; }
until_true 5 is_working
queries() { sql "SELECT COUNT(*) FROM information_schema.processlist WHERE db = '$database' AND command = 'Query' AND info LIKE '%audit_log a%' AND id <> CONNECTION_ID()"; }
sleep 1
is "$(working) $(queries)" "1 0" "for a slow client nothing is read ahead"
api GET /v1/me
is "$status" 200 "and others are served meanwhile"
kill $slow
wait $slow 2>/dev/null
until_true 10 is_idle
ok $? "when it leaves, the work ends"
for _ in 1 2 3 4 5 6 7 8; do
    timeout 0.3 "${counted[@]}" --limit-rate 5M
done
until_true 10 is_idle
ok $? "so it does for each that leaves in the middle"

# --- what fails in the middle has no end
"${counted[@]}" --limit-rate 200k &
client=$!
until_true 5 is_working
sql "RENAME TABLE audit_log TO audit_log_away"
wait $client
code=$?
sql "RENAME TABLE audit_log_away TO audit_log"
like "$code" '^(18|56)$' "a failure breaks it off: the client knows that it has not all"
like "$(grep web_stream_broken "$dir/server.log" | tail -n 1)" '"path":"/v1/audit-log/export"' "and the log why"
api GET /v1/me
is "$status" 200 "the server goes on"
done_testing
