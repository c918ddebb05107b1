# 45 - rules change while two servers run: what the database says decides on every thread of both, and nobody is mixed.
# alone: it says within how many milliseconds
. tests/e2e/lib.sh
pid_b=
trap '[ -z "$pid_b" ] || kill -KILL "$pid_b" 2>/dev/null; on_exit' EXIT
lua_dir=$dir/lua
cp -r lua "$lua_dir"
# /v1/hello asks the rule twice, and waits for the database in between.
python3 - "$lua_dir/document/handler.lua" <<'END'
import re, sys
text = open(sys.argv[1]).read()
ask = '''function handler.hello()
  local health = require("health.service")
  local function ask()
    local event = { event_id = "e", to = "+1212", status = "answered", answered_at = 0, duration_ms = 1000 }
    local price, report = tg.rules.call("pricing.rate_usage", { event = event, plan = {} })
    return price and tostring(price.total) or report.code, price and report.bundle or ""
  end
  local one, first = ask()
  health.ready()
  local two, second = ask()
  return 200, { one = one, two = two, first = first, second = second, revision = tg.rules.revision() }
end
'''
text = re.sub(r"function handler\.hello\(.*?\nend\n", lambda _: ask, text, flags=re.S)
open(sys.argv[1], "w").write(text)
END
rule() { # PRICE [LUA before it]: a bundle whose every call costs PRICE; its id in $bundle
    cat >"$dir/rules.lua" <<END
return { hook = "pricing.rate_usage", api = 1, needs = { "decimal" }, decide = function(input, cap)
  ${2:-}
  local total = cap.decimal.new("$1")
  return { status = "rated", billed_s = 1, total = total, lines = { { kind = "connect", amount = total } } }
end }
END
    python3 tests/e2e/bundle.py store "pricing/rules.lua=$dir/rules.lua" >"$dir/store.sql"
    bundle=$(sed -n '1s/^-- //p' "$dir/store.sql")
    sql "$(cat "$dir/store.sql")"
}
activate() { # ID|release
    sql "$(python3 tests/e2e/bundle.py activate "$1")" >/dev/null
    revision=$(sql "SELECT revision FROM rule_slots WHERE role = 'active'")
}
hint() { # as an activation over the API does: without it the servers look every two seconds
    redis-cli -s "$redis_socket" publish tollgate:rules "$revision" >/dev/null
}
both() { # PATH or none: what each server's hello says
    local p
    for p in "$port" "$port_b"; do curl -s "http://127.0.0.1:$p/v1/hello" | jq -r "${1:-.one}"; done | paste -sd' '
}
decide() { # PRICE: both servers, each asked ten times, over connections of their own, which reaches their threads
    local url="http://127.0.0.1:{$port,$port_b}/v1/hello?[1-10]"
    [ "$(curl -s -H 'Connection: close' "$url" | jq -r .one | uniq -c | tr -s ' ')" = " 20 $1" ]
}
fresh_server
redis_socket=${TOLLGATE_REDIS_URL#unix://}
sed "s/port: $port\$/port: PORT/; s/port: $tls_port\$/port: TLS/; s|$dir/server.pid|$dir/b.pid|; s|$dir/control.sock|$dir/b.sock|" \
    "$dir/h2o.conf" >"$dir/b.tmpl"
port_b=$(free_port) tls_b=$(free_port)
sed "s/PORT/$port_b/; s/TLS/$tls_b/" "$dir/b.tmpl" >"$dir/b.conf"
start_b() { # [NAME=VALUE…]
    env "$@" "$TOLLGATE" serve --conf "$dir/b.conf" >>"$dir/b.out" 2>>"$dir/b.log" </dev/null &
    pid_b=$!
    is_b_ready() { curl -sf -o /dev/null "http://127.0.0.1:$port_b/healthz"; }
    until_true 20 is_b_ready
}
start_b
ok $? "a second server on the same database"
is "$(both .revision)" "0 0" "both decide with the release's rules"

# --- a swap, by the poll alone
post /v1/usage "[$(event swap-0)]"
rule 0.5
first=$bundle
activate "$bundle"
converged() { decide 0.5; }
until_true 3 converged
ok $? "without a hint both decide with the new bundle within 3 seconds"
is "$(both .revision)" "$revision $revision" "… and say so"
is "$(jq -r 'select(.name == "rules_hook_unanswered" and .hook == "admin.step") | .bundle' "$dir/server.log")" "$bundle" \
    "that it decides less than the release asks is told once"
post /v1/usage "[$(event swap-1)]"
is "$(sql "SELECT amount + 0, LOWER(HEX(rule_bundle)) FROM usage_events WHERE event_id = 'swap-1'")" "0.500000000000	$bundle" \
    "the engine charges by it, and the row names it"

# --- hints: the whole way from the activation to every thread
applied() { # REVISION FILE…: how many seats of these logs have it
    jq -c "select(.name == \"rules_swapped\" and .revision == $1)" "${@:2}" 2>/dev/null | wc -l
}
all_applied() { [ "$(applied "$revision" "$dir/server.log" "$dir/b.log")" = 10 ]; } # two loops and three lanes each
slowest() { # the longest of the seats since the row was written, in ms
    jq -s "[.[] | select(.name == \"rules_swapped\" and .revision == $revision) | .published_usecs] | max / 1000 | floor" \
        "$dir/server.log" "$dir/b.log"
}
rule 0.25
activate "$bundle"
hint
until_true 3 all_applied
ok $? "a hint reaches the two loops and the engine's lanes of both"
ms=$(slowest)
ok $((ms < ${TOLLGATE_HINT_MS:-500} ? 0 : 1)) "… $ms ms after the activation"
decide 0.25
ok $? "… and they decide by it"
explained() { # EVENT
    api GET "/v1/usage?source=gw-1&event_id=$1"
    api GET "/v1/usage/$(field '.data[0].id')/explain"
    json '[.replayed.status, .replayed.total.amount, .replayed.same, .bundle]'
}
is "$(explained swap-1)" "[\"rated\",\"0.5\",true,\"$first\"]" "what was charged before is explained by the bundle that decided"
is "$(explained swap-0 | jq -c '.[:3]')" '["no_rate",null,true]' "… also when that was the release's own"

# --- what cannot be built changes nothing
printf 'return {\n  hook = = 1,\n}\n' >"$dir/broken.lua"
python3 tests/e2e/bundle.py store "pricing/rules.lua=$dir/broken.lua" >"$dir/broken.sql"
sql "$(cat "$dir/broken.sql")"
activate "$(sed -n '1s/^-- //p' "$dir/broken.sql")"
hint
says_why() { [ "$(sql "SELECT COUNT(*) FROM rule_nodes WHERE error LIKE 'pricing/rules.lua:2:%'")" = 2 ]; }
until_true 5 says_why
ok $? "a bundle that does not load: both nodes say where, in the database"
decide 0.25
ok $? "… and go on with what they have"
is "$(sql "SELECT GROUP_CONCAT(DISTINCT revision) FROM rule_nodes")" $((revision - 1)) "… which their rows say, too"
rule 0.75
activate "$bundle"
hint
converged() { decide 0.75; }
until_true 4 converged
ok $? "the next good one is taken"
no_error() { [ "$(sql "SELECT COUNT(*) FROM rule_nodes WHERE error IS NULL")" = 2 ]; }
until_true 4 no_error
ok $? "… and nothing is wrong any more"

# --- files that were tampered with are not what their id says
rule 0.01
sql "UPDATE rule_files SET source = REPLACE(source, '0.01', '9.99') WHERE bundle_id = x'$bundle'"
activate "$bundle"
hint
says_why() { [ "$(sql "SELECT COUNT(*) FROM rule_nodes WHERE error LIKE '%are not what they were'")" = 2 ]; }
until_true 5 says_why
ok $? "files that do not hash to their id are refused"
decide 0.75
ok $? "… and decide nothing"

# --- many swaps under load: nobody is mixed, nobody fails, the newest decides in the end
for n in 1 2 3 4; do
    rule "0.$n"
    echo "$bundle"
done >"$dir/bundles"
touch "$dir/running"
asking() { # PORT
    while [ -e "$dir/running" ] && kill -0 $$; do curl -s -w '\n' "http://127.0.0.1:$1/v1/hello"; done
}
asking "$port" >"$dir/answers.a" &
ask_a=$!
asking "$port_b" >"$dir/answers.b" &
ask_b=$!
h2load -n 3000 -c 4 -m 4 "https://127.0.0.1:$tls_port/v1/hello" >"$dir/h2.out" 2>&1 &
h2=$!
for i in $(seq ${E2E_SWAPS:-24}); do
    activate "$(sed -n "$((i % 4 + 1))p" "$dir/bundles")"
    hint
done
wait $h2
rm "$dir/running"
wait $ask_a $ask_b
is "$(cat "$dir/answers.a" "$dir/answers.b" | jq -c 'select(.one != .two or .first != .second)' | wc -l)" 0 \
    "each of $(cat "$dir/answers.a" "$dir/answers.b" | wc -l) answers comes from one bundle"
is "$(grep -E '^requests:' "$dir/h2.out")" \
    'requests: 3000 total, 3000 started, 3000 done, 3000 succeeded, 0 failed, 0 errored, 0 timeout' "no request failed"
until_true 3 all_applied
ok $? "revision $revision is everywhere"
decide 0."$((${E2E_SWAPS:-24} % 4 + 1))"
ok $? "… and decides"

# --- a node that was killed in the middle of a swap, one that was away
stop_server
rule 0.35
activate "$bundle"
hint
converged_b() { [ "$(curl -s "http://127.0.0.1:$port_b/v1/hello" | jq -r .one)" = 0.35 ]; }
until_true 3 converged_b
kill -KILL "$pid_b"
wait "$pid_b" 2>/dev/null
start_b TOLLGATE_FAULTS=rules_before_give=kill:2
rule 0.45
activate "$bundle"
hint
gone() { ! kill -0 "$pid_b" 2>/dev/null; }
until_true 5 gone
ok $? "a node dies with kill -9 in the middle of a swap"
is "$(sql "SELECT COUNT(*) FROM rule_slots s JOIN rule_activations a USING (revision) WHERE s.role = 'active' AND LOWER(HEX(s.bundle_id)) = '$bundle'")" 1 \
    "… the slot is as it was"
start_server
start_b
converged() { decide 0.45; }
until_true 3 converged
ok $? "both decide by what was activated while they were away"

# --- rules that fail too often go back
rule 0.99 'if input.event.event_id == "bad" then error("no idea") end'
bad=$bundle
sed -i 's/event_id = "e"/event_id = "bad"/' "$lua_dir/document/handler.lua"
"$TOLLGATE" reload --conf "$dir/b.conf" >/dev/null
activate "$bad"
hint
bad_revision=$revision
ask_much() {
    curl -s "http://127.0.0.1:$port_b/v1/hello?[1-60]" >/dev/null
    [ "$(sql "SELECT reason FROM rule_activations WHERE revision = $bad_revision + 1")" = automatic ]
}
until_true 2 ask_much
ok $? "an activation whose rule fails is taken back automatically"
is "$(sql "SELECT JSON_VALUE(after_state, '\$.revision'), actor FROM audit_log WHERE action = 'rules.roll_back' ORDER BY id DESC LIMIT 1")" "$((bad_revision + 1))	" \
    "and the audit log knows that nobody did it"
like "$(sql "SELECT detail FROM rule_activations WHERE revision = $bad_revision + 1")" \
    '^pricing.rate_usage failed in [0-9]+ of [0-9]+ calls$' "… and the row says why"
until_true 3 converged
ok $? "… the bundle before it decides again"
sed -i 's/event_id = "bad"/event_id = "e"/' "$lua_dir/document/handler.lua"

# --- what is told to a monitor
metric() { curl -s "http://127.0.0.1:$port_b/metrics" | awk -v name="$1" 'index($0, name) == 1 { print $2 }'; }
told() { [ "$(metric 'tollgate_rules_revision ')" = "$(sql "SELECT revision FROM rule_slots WHERE role = 'active'")" ]; }
until_true 4 told
ok $? "the metrics tell the revision"
is "$(metric 'tollgate_rules_revision_behind ') $(metric 'tollgate_rules_nodes_behind ')" "0 0" "… and that nobody is behind"
ok "$([ "$(metric 'tollgate_rules_calls_total{hook="pricing.rate_usage",outcome="failed"}')" -gt 100 ]; echo $?)" \
    "… and the calls that failed"

# --- Redis is killed: the poll is enough; when it is back hints arrive again
kill -KILL "$(cat "$E2E_DIR/s/redis.pid")"
rule 0.55
activate "$bundle"
converged() { decide 0.55; }
until_true 3 converged
ok $? "with Redis killed both decide with the new bundle within 3 seconds"
rm -f "$E2E_DIR/s/redis.sock"
scripts/services start "$E2E_DIR/s" 2>"$dir/services.log"
heard() { [ "$(redis-cli -s "$redis_socket" pubsub numsub tollgate:rules | tail -n 1)" = 2 ]; }
until_true 30 heard
ok $? "both listen again once it is back"
rule 0.45
activate "$bundle"
hint
converged() { decide 0.45; }
until_true 2 converged
ok $? "… and hear"

# --- a reload brings a new host; the active bundle stays, and a broken rule of the release still refuses it
"$TOLLGATE" reload --conf "$dir/h2o.conf" >/dev/null
is "$?" 0 "a reload while a bundle is active"
decide 0.45
ok $? "… changes nothing of what decides"
cp "$lua_dir/pricing/rules.lua" "$dir/good.lua"
echo 'rules = nil +' >>"$lua_dir/pricing/rules.lua"
"$TOLLGATE" reload --conf "$dir/h2o.conf" >"$dir/refused" 2>&1
is "$?" 1 "a release whose own rules are broken is refused all the same"
like "$(cat "$dir/refused")" 'pricing/rules\.lua:[0-9]+:' "… with file and line"
cp "$dir/good.lua" "$lua_dir/pricing/rules.lua"

# --- no database at the start: the copy on the disk
stop_server
is "$server_code" 0 "a clean end"
kill -TERM "$pid_b"
wait "$pid_b"
is $? 0 "… of both"
sed -i "1i tollgate.rules-cache: $dir/cache" "$dir/b.conf"
start_b
copied() { [ "$(jq -r .revision "$dir/cache/active.json")" = "$(sql "SELECT revision FROM rule_slots WHERE role = 'active'")" ]; }
until_true 5 copied
ok $? "what is active lies on the disk"
kill -TERM "$pid_b"
wait "$pid_b"
start_b "TOLLGATE_DATABASE_URL=${TOLLGATE_DATABASE_URL//socket=*/socket=$dir/nobody.sock}"
hello_b() { curl -s "http://127.0.0.1:$port_b/v1/hello" | jq -r "${1:-.one}"; }
is "$(hello_b) $(hello_b .revision)" "0.45 $(jq .revision "$dir/cache/active.json")" "a start without database decides by it"
kill -TERM "$pid_b"
wait "$pid_b"
sed -i 's/0\.45/0.46/' "$dir/cache/active.json"
start_b "TOLLGATE_DATABASE_URL=${TOLLGATE_DATABASE_URL//socket=*/socket=$dir/nobody.sock}"
[ "$(hello_b)" != 0.46 ]
ok $? "a copy that is not what its id says is not used"
kill -TERM "$pid_b"
wait "$pid_b"
done_testing
