# 46 - rules over the API: publish, compare, try, activate, go back; and each thing that must not happen.
. tests/e2e/lib.sh
fresh_server

owner_key=$key
make_key() { # NAME PERMISSIONS-JSON: its text in $made
    key=$owner_key post /v1/api-keys "{\"name\": \"$1\", \"permissions\": $2}"
    made=$(field .key)
}
put() { # PATH JSON [curl arguments…]
    local path=$1 json=$2
    shift 2
    api PUT "$path" -H 'Content-Type: application/json' --data-binary "$json" "$@"
}
files() { # BASE PATH=FILE…: the body that publishes them
    local base=$1 one args=()
    shift
    for one in "$@"; do args+=("$(jq -n --arg path "${one%%=*}" --rawfile source "${one#*=}" '{path: $path, source: $source}')"); done
    jq -nc --arg base "$base" '{files: $ARGS.positional, base: $base}' --jsonargs "${args[@]}"
}
publish() { # BASE PATH=FILE…: the id in $bundle
    files "$@" >"$dir/publish.json"
    post /v1/rules/bundles "@$dir/publish.json"
    bundle=$(field .id)
}
active() { # the revision in $revision, the bundle in $active
    api GET /v1/rules/active
    revision=$(field .revision) active=$(field .bundle)
}
activate() { # BUNDLE [MORE MEMBERS]
    active
    put /v1/rules/active "{\"bundle\": \"$1\", \"if_revision\": $revision${2:+, $2}}"
}
applied() { # REVISION: by every node
    active
    [ "$(json '[.nodes[] | select(.revision >= '"$1"')] | length')" = "$(json '.nodes | length')" ] && [ "$(json '.nodes | length')" -gt 0 ]
}
alert() { # what the active rules answer to one alert; $dry the body
    dry='{"bundle": "'$1'", "hook": "alerts.evaluate", "input": {"alert": {"id": "a", "direction": "above", "threshold": "5"}, "value": "7", "at": 1784109600000000}}'
    post /v1/rules/dry-run "$dry"
}

# --- what is there before anybody did anything
api GET /v1/rules
is "$status $(json '[.data[] | select(.name == "pricing.rate_usage") | .path, .on_failure]')" '200 ["pricing/rules.lua","park"]' \
    "the hooks, and the file that decides each"
is "$(json '[.data[] | select(.path == null) | .name]')" '[]' "every hook has a rule"
active
is "$status $revision $active" '200 0 release' "the release decides"
api GET /v1/rules/activations
is "$status $(json .)" '200 {"data":[],"next_cursor":null}' "nothing was ever activated"
api GET '/v1/rules/bundles/release?files=true'
is "$(field '.files[] | select(.path == "alerts/rules.lua") | .source' | sha256sum)" "$( (cat lua/alerts/rules.lua; echo) | sha256sum)" \
    "the release is a bundle that can be read"

# --- publishing
{ cat lua/alerts/rules.lua && echo '-- the second'; } >"$dir/alerts.lua"
publish active alerts/rules.lua="$dir/alerts.lua" && first=$bundle
is "$status $(json '[.changed, .parent, (.hooks | length)]')" "201 [[\"alerts/rules.lua\"],null,$(grep -c '^hooks\[' lua/core/hooks.lua)]" \
    "one file over the active bundle is a bundle"
is "$(header location)" "/v1/rules/bundles/$first" "and has a place"
publish active alerts/rules.lua="$dir/alerts.lua"
is "$status $bundle" "200 $first" "the same files again are the same bundle"
publish "$first" alerts/rules.lua=lua/alerts/rules.lua
api GET "/v1/rules/bundles/release"
is "$bundle" "$(field .id)" "with the release's files it is the release's bundle"
{ cat "$dir/alerts.lua" && echo '-- and more'; } >"$dir/more.lua"
publish "$first" alerts/rules.lua="$dir/more.lua"
is "$(json '[.changed, .parent]')" "[[\"alerts/rules.lua\"],\"$first\"]" "a bundle is made of another"
api GET "/v1/rules/bundles/$first?files=true"
is "$(field '.files[] | select(.path == "alerts/rules.lua") | .source')" "$(cat "$dir/alerts.lua")" "its files are as they were sent"
api GET "/v1/rules/bundles?limit=1"
cursor=$(field .next_cursor)
api GET "/v1/rules/bundles?limit=1&cursor=$cursor"
is "$status $(json '[.data[].id]')" "200 [\"$first\"]" "bundles come page by page, newest first"
api GET "/v1/rules/bundles/$first/diff"
is "$status $(field '.files[].diff' | grep '^[-+]' | tail -n 1)" '200 +-- the second' "what it changes"
api GET "/v1/rules/bundles/release/diff?to=$first"
is "$(field '.files[].diff' | grep '^[-+]' | tail -n 1)" '--- the second' "and the other way round"
post /v1/rules/diff "$(files active alerts/rules.lua="$dir/alerts.lua")"
is "$status $(json '[.files[].path]')" '200 ["alerts/rules.lua"]' "files are compared before they are published"
post /v1/rules/bundles "@$dir/publish.json" -H 'Idempotency-Key: k-1'
post /v1/rules/bundles '{"files": []}' -H 'Idempotency-Key: k-1'
[ "$status" = 422 ] || [ "$status" = 200 ]
ok $? "a key goes with its request ($status)"

# --- what is refused, with its place
refused() { # NAME PATTERN of "pointer path:line what message" BASE PATH=FILE…
    local name=$1 pattern=$2
    shift 2
    publish "$@"
    like "$status $(field .type | sed 's,.*/,,') $(field '.errors[] | "\(.pointer) \(.path):\(.line) \(.what) \(.message)"')" \
        "^422 bundle_refused .*$pattern" "$name"
}
bad() { # TEXT: a file of it
    printf '%s' "$1" >"$dir/bad.lua"
}
bad $'return {\n  hook = \n}'
refused "a syntax error" '/files/0/source alerts/rules.lua:3 syntax ' active alerts/rules.lua="$dir/bad.lua"
bad $'local n = 0\nreturn { hook = "alerts.evaluate", api = 1, decide = function()\n  n = n + 1\n  return { state = { firing = false, run = n } }\nend }'
refused "what keeps something between calls" '/files/0/source alerts/rules.lua:3 purity ' active alerts/rules.lua="$dir/bad.lua"
refused "a path that leads elsewhere" 'path' active ../alerts/rules.lua="$dir/alerts.lua"
bad 'return {}'
refused "a bundle in which a hook has no rule" '/files/?.* .*alerts.evaluate' active alerts/rules.lua="$dir/bad.lua"
bad $'return { hook = "alerts.evaluate", api = 1, needs = { "moon" }, decide = function() end }'
refused "a need that nobody knows" 'alerts/rules.lua:[0-9a-z]* [a-z]* .*moon' active alerts/rules.lua="$dir/bad.lua"
bad $'return { hook = "alerts.evaluate", api = 1, decide = function(input)\n  return { state = { firing = false, run = 0.5 } }\nend,\n  cases = { { name = "c", input = { alert = { id = "a", direction = "above", threshold = "1" }, value = "1", at = 1 }, want = {} } } }'
refused "a float where a number is counted" 'alerts/rules.lua:.* .*(float|whole|integer)' active alerts/rules.lua="$dir/bad.lua"
bad $'local seen = {}\nreturn { hook = "alerts.evaluate", api = 1, decide = function()\n  seen[1] = true\n  return { state = { firing = false, run = 0 } }\nend,\n  cases = { { name = "c", input = { alert = { id = "a", direction = "above", threshold = "1" }, value = "1", at = 1 }, want = {} } } }'
refused "a table that outlives the call" 'alerts/rules.lua:.* .*read-only' active alerts/rules.lua="$dir/bad.lua"
post /v1/rules/bundles "$(jq -nc '{files: [{path: "alerts/rules.lua", source: "\u001bLua\u0054"}, {path: "alerts/lib/x.lua", source: "return {}\u0000"}]}')"
like "$status $(json '[.errors[].path] | unique')" '^(422 .*alerts/lib/x.lua|400)' "bytecode, and a byte that is no text"
head -c 65537 /dev/zero | tr '\0' ' ' >"$dir/bad.lua"
refused "a file over 64 KiB" 'alerts/rules.lua:[0-9a-z]* limit ' active alerts/rules.lua="$dir/bad.lua"
jq -nc '{base: "none", files: [range(201) | {path: "a/lib/x\(.).lua", source: "return {}"}]}' >"$dir/publish.json"
post /v1/rules/bundles "@$dir/publish.json"
like "$status $(field '.errors[].what')" '^422 limit' "more than 200 files"
sed 's/firing = true/firing = false/' lua/alerts/rules.lua >"$dir/bad.lua"
refused "a rule whose golden cases fail" 'alerts/rules.lua:[0-9a-z]* case ' active alerts/rules.lua="$dir/bad.lua"
post /v1/rules/bundles '{"files": [{"path": "x/rules.lua", "source": null}]}'
problem 422 invalid_input "a file that is not there cannot be left out" /files/0/path
post /v1/rules/bundles '{"files": [{"path": "x/rules.lua", "source": 7}]}'
problem 422 invalid_input "a source that is no text" /files/0/source
head -c 17000000 /dev/zero | tr '\0' x >"$dir/huge"
post /v1/rules/bundles "@$dir/huge"
is "$status" 413 "a body over 16 MiB"
active
is "$revision $active" '0 release' "nothing of it is active"

# --- a dry run
alert release
is "$status $(json '[.hook, .output.event, (.usecs >= 0), (.memory > 0), .log]')" '200 ["alerts.evaluate","fired",true,true,[]]' \
    "a dry run tells what the release answers"
alert "$first"
is "$status $(field .bundle)" "200 $first" "and what a bundle answers that never was active"
sed -e 's/needs = {/needs = { "log",/' -e 's/^local function decide(input, cap)/&\n  cap.log.info("looked")\n  if input.alert.id == "b" then error("no b") end\n  while input.alert.id == "c" do end/' \
    lua/alerts/rules.lua >"$dir/dry.lua"
publish release alerts/rules.lua="$dir/dry.lua"
is "$status" 201 "a bundle that logs, fails and hangs, when told to"
alert "$bundle"
is "$status $(json '[.output.event, (.log | length)]')" '200 ["fired",1]' "what it logs is in the answer"
like "$(field '.log[0]')" looked "… word for word"
post /v1/rules/dry-run "${dry/'"id": "a"'/'"id": "b"'}"
is "$status $(json '[.error.limit, (.log | length)]')" '200 [false,1]' "a failure"
like "$(field .error.message) / $(field .error.trace)" '^alerts/rules.lua:[0-9]+: no b / .*alerts/rules.lua:[0-9]+' "… with its place and its trace"
post /v1/rules/dry-run "${dry/'"id": "a"'/'"id": "c"'}"
is "$status $(json .error.limit)" '200 true' "a rule that hangs meets its limit"
post /v1/rules/dry-run '{"bundle": "release", "hook": "alerts.evaluate", "input": {"alert": {"id": "a", "direction": "above", "threshold": "x"}, "value": "7", "at": 1}}'
is "$status $(json '[(.error.message | type), .error.limit, has("output")]')" '200 ["string",false,false]' "a failure is an answer, with its message"
post /v1/rules/dry-run '{"bundle": "release", "hook": "alerts.guess", "input": {}}'
problem 422 invalid_input "a hook that is none" /hook
post /v1/rules/dry-run "{\"bundle\": \"$(printf 'a%.0s' {1..64})\", \"hook\": \"alerts.evaluate\", \"input\": {}}"
problem 422 invalid_input "a bundle that is none" /bundle

# --- activation
activate "$first"
is "$status $(json .)" "200 {\"bundle\":\"$first\",\"previous\":\"release\",\"revision\":1}" "who is alone activates a bundle of their own"
api GET /v1/rules/activations
is "$(json '.data[0] | [.revision, .reason, .detail, .bundle]')" "[1,\"activate\",\"author_is_alone\",\"$first\"]" "and the history says that they were"
until_true 5 applied 1
ok $? "every node has it"
is "$(json '[.nodes[] | .behind, .error] | unique')" '[null,false]' "and none is behind"
is "$(json '[.nodes[0].threads[].revision] | unique')" '[1]' "nor any thread of it"
alert active
is "$(field .bundle)" "$first" "it decides"
put /v1/rules/active "{\"bundle\": \"release\", \"if_revision\": 0}"
problem 409 revision_moved "who looked too early is refused"
is "$(json '[.revision, .bundle]')" "[1,\"$first\"]" "… and told what is active"
activate "$first"
is "$status $(field .revision)" '200 1' "what is active already changes nothing"
sed 's/the second/the third/' "$dir/alerts.lua" >"$dir/third.lua"
publish active alerts/rules.lua="$dir/third.lua" && second=$bundle
active
for i in 1 2 3 4 5 6; do
    curl -s -o "$dir/race-$i" -w '%{http_code}\n' -X PUT -H "Authorization: Bearer $key" -H 'Content-Type: application/json' \
        --data "{\"bundle\": \"$second\", \"if_revision\": $revision}" "http://127.0.0.1:$port/v1/rules/active" >"$dir/race-$i.status" &
    pids[i]=$!
done
wait "${pids[@]}"
is "$(sql 'SELECT MAX(revision), COUNT(*) FROM rule_activations')" $'2\t2' "of six at once one activates"
like "$(sort "$dir"/race-?.status | uniq -c | tr -s ' \n' ' ')" '^ ?1 200 5 409 ?$' "the others are told"
post /v1/rules/rollback '{}' -H 'Idempotency-Key: back-1'
is "$status $(json .)" "200 {\"bundle\":\"$first\",\"previous\":\"$second\",\"revision\":3}" "one step back"
post /v1/rules/rollback '{}' -H 'Idempotency-Key: back-1'
is "$status $(field .revision) $(header idempotency-replayed)" '200 3 true' "once, however often it is sent"
post /v1/rules/rollback '{"if_revision": 3}'
is "$status $(json '[.bundle, .revision]')" '200 ["release",4]' "and another: to the release"
post /v1/rules/rollback '{}'
problem 409 nothing_to_roll_back "further back there is nothing"

# --- a second person
make_key reviewer '["rules:read", "rules:activate"]' && reviewer=$made
activate "$second"
is "$status $(json '[.operation, .state]')" '202 ["rules.activate","waiting"]' "who wrote a bundle does not activate it when somebody else can: it waits"
key=$reviewer activate "$second"
is "$status $(field .revision)" '200 5' "the other one does"
key=$reviewer publish active alerts/rules.lua="$dir/alerts.lua"
is "$status" 403 "and may not write"
make_key editor '["rules:*", "api_keys:write", "approvals:*"]' && editor=$made
{ cat lua/alerts/rules.lua && echo '-- of one person'; } >"$dir/alone.lua"
key=$editor publish active alerts/rules.lua="$dir/alone.lua" && own=$bundle
key=$editor post /v1/api-keys '{"name": "mask", "permissions": ["rules:*", "approvals:*"]}'
mask=$(field .key)
key=$mask activate "$own"
is "$status $(field .state)" '202 waiting' "a second key of the author is nobody else"
id=$(field .id)
key=$editor post "/v1/approvals/$id/approve" '{}'
problem 403 reviewer_is_author "and the first approves nothing that the second asked for"
key=$mask post "/v1/approvals/$id/refuse" '{}'
is "$status $(field .state)" '200 cancelled' "it is taken back"
make_key reader '["rules:read"]' && reader=$made
key=$reader activate release
is "$status" 403 "who may only look activates nothing"
key=$owner_key
activate release
is "$status $(field .bundle)" '200 release' "the release has no author"

# --- the platform's alone
make_company agency && agency=$id
post /v1/api-keys "{\"name\": \"agency\", \"company\": \"$agency\"}"
key=$(field .key)
for path in /v1/rules /v1/rules/active /v1/rules/bundles "/v1/rules/bundles/$first" /v1/rules/shadow/report /v1/rules/backtests; do
    api GET "$path"
    problem 404 not_found "an agency finds nothing at $path"
done
activate release
problem 404 not_found "nor can it activate"
key=$owner_key

# --- shadow and gate
put /v1/rules/shadow "{\"bundle\": \"$second\", \"share\": \"0.25\"}"
is "$status $(json '[.bundle, .share, .revision]')" "200 [\"$second\",\"0.25\",1]" "a quarter of the calls is seen by a bundle too"
put /v1/rules/shadow "{\"bundle\": \"$second\"}"
problem 422 invalid_input "a share is needed" /share
api GET /v1/rules/shadow/report
is "$status $(json '[.bundle, .hooks, .companies, .totals, .samples]')" "200 [\"$second\",[],[],[],[]]" "its report, when nobody has called"
key=$reviewer activate "$second" '"gate": {"min_shadow_calls": 100}'
problem 422 gate_refused "a gate that wants calls refuses"
is "$(json .reasons)" '["0 calls were compared, at least 100 are wanted"]' "and says why"
sql "INSERT INTO rule_shadow_totals (revision, node_id, hook, company, currency, same, different, errors, live_amount, candidate_amount, deltas)
     VALUES (1, REPEAT('a', 16), 'pricing.rate_usage', 'co_00000000000000000000000000', 'USD', 60, 40, 0, 100, 102.5, '{\"0.0625\": 40}'),
            (1, REPEAT('b', 16), 'pricing.rate_usage', 'co_00000000000000000000000000', 'USD', 100, 0, 0, 100, 100, '{}'),
            (1, REPEAT('b', 16), 'alerts.evaluate', '', '', 7, 0, 1, 0, 0, '{}'),
            (0, REPEAT('b', 16), 'alerts.evaluate', '', '', 9, 9, 9, 0, 0, '{}')"
api GET /v1/rules/shadow/report
is "$(json '.companies[0] | [.same, .different, .stored, .new, .difference, .percent, .p50, .p95, .max]')" \
    '[160,40,"200","202.5","2.5","1.25","0","0.0625","0.0625"]' "the report adds the nodes up, in money"
is "$(json '[.hooks[] | [.hook, .same, .different, .errors]]')" '[["alerts.evaluate",7,0,1],["pricing.rate_usage",160,40,0]]' "and in calls"
key=$reviewer activate "$second" '"gate": {"max_increase_percent": "1.2499", "max_shadow_errors": 0}'
is "$status $(json .reasons)" '422 ["1 of the calls failed, at most 0 may","co_00000000000000000000000000 pays 202.5 USD instead of 200: +1.25 %, allowed are 1.2499 %"]' \
    "a gate on money and errors"
key=$reviewer activate "$second" '"gate": {"max_increase_percent": "1.25", "max_shadow_errors": 1, "min_shadow_calls": 208}'
is "$status $(field .bundle)" "200 $second" "inside of it the bundle is activated"
api GET '/v1/rules/activations?limit=1'
is "$(json '.data[0].gate')" '{"demanded":{"max_increase_percent":"1.25","max_shadow_errors":1,"min_shadow_calls":208},"found":{"calls":208,"errors":1}}' \
    "what was demanded and found is kept"
put /v1/rules/shadow '{"bundle": null}'
is "$status $(json '[.bundle, .share]')" '200 [null,"0"]' "the shadow ends"

# --- a backtest
cat >"$dir/deck.csv" <<END
prefix,name,per_minute,connect_fee,initial_s,increment_s
1,North America,0.0120,0,60,60
END
make_deck prices "$dir/deck.csv"
make_company client "\"rate_deck\": \"$deck\"" && client=$id
event e1 "{company: \"$client\"}" | jq -c '., (.event_id = "e2")' >"$dir/events"
post /v1/usage "@$dir/events" -H 'Content-Type: application/x-ndjson'
is "$(field .accepted)" 2 "there is usage"
period='"from": "2026-07-01T00:00:00Z", "to": "2026-08-01T00:00:00Z"'
post /v1/rules/backtests "{\"bundle\": \"$first\", $period}"
backtest=$(field .id)
is "$status $(json '[.state, .events_done]')" '202 ["waiting",0]' "a backtest is asked for"
is_finished() {
    api GET "/v1/rules/backtests/$backtest"
    [ "$(field .state)" = done ] || [ "$(field .state)" = failed ]
}
until_true 20 is_finished
is "$(json '[.state, .events, .events_done, .error]')" '["done",2,2,null]' "and done"
is "$(json '[.report.same, .report.different, .report.errors, .report.totals[0].difference]')" '[2,0,0,"0"]' "rules that say the same cost the same"
key=$reviewer activate "$first" "\"gate\": {\"backtest\": \"$backtest\", \"max_increase_percent\": \"0\", \"min_shadow_calls\": 2}"
is "$status $(field .bundle)" "200 $first" "it opens a gate"
api GET /v1/rules/backtests
is "$status $(json '[.data[].id]')" "200 [\"$backtest\"]" "backtests are listed"
post /v1/rules/backtests "{\"bundle\": \"release\", \"from\": \"2026-08-01T00:00:00Z\", \"to\": \"2026-07-01T00:00:00Z\"}"
problem 422 invalid_input "a time that ends before it begins" /to

# --- backtests wait for each other, and outlive the server
for part in a b; do
    jq -nc --arg part "$part" --arg company "$client" '[range(9000) | {event_id: "\($part)-\(.)", source: "gw-1", company: $company,
        meter: "call.seconds", event_time: "2026-07-\(10 + . % 20)T10:00:00Z", quantity: "\(. % 300)",
        properties: {to: "+1212555\(1000 + .)"}}]' >"$dir/many.json"
    post /v1/usage "@$dir/many.json"
done
more='    decide = function(input, cap)
      local result = rate_usage(input, cap)
      local function more(amount) return cap.decimal.mul(amount, "1.05", 12, "half_up") end
      for _, line in ipairs(result.lines or {}) do line.amount = more(line.amount) end
      result.total = result.total and more(result.total)
      return result
    end,'
sed -e '/^    cases = rate_cases,/d' -e "s/^    decide = rate_usage,/${more//$'\n'/\\n}/" lua/pricing/rules.lua >"$dir/dearer.lua"
publish release pricing/rules.lua="$dir/dearer.lua"
is "$status" 201 "other prices are a bundle"
for i in 1 2; do
    post /v1/rules/backtests "{\"bundle\": \"$bundle\", $period}"
    backtests[i]=$(field .id)
done
until_sql "COUNT(*) FROM rule_backtests WHERE events_done > 0 AND events_done < events"
kill_server
is "$(sql "SELECT GROUP_CONCAT(state ORDER BY created_at) FROM rule_backtests WHERE state <> 'done'")" running,waiting \
    "the server dies while one runs and one waits"
start_server
sql "UPDATE jobs SET run_at = UTC_TIMESTAMP(6) WHERE state = 'running'" # as if the lease of the dead were over
for i in 1 2; do
    backtest=${backtests[i]}
    until_true 60 is_finished
    reports[i]=$(json '[.state, .events, .events_done, .report.same, .report.different, .report.errors, .report.totals]')
done
like "${reports[1]}" '^\["done",18002,18002,' "the next one goes on where it was"
is "${reports[1]}" "${reports[2]}" "and finds, to the last digit, what the one that was not disturbed does"
equal "five percent more" "$(jq -r '.[6][0].new' <<<"${reports[2]}")" "$(sql 'SELECT SUM(amount) * 1.05 FROM usage_events')"
stop_server
is "$server_code" 0 "the server ends with 0"
done_testing
