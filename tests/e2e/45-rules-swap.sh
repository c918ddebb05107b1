# 45 - rules change while two servers run: what the database says decides on every thread of both, and nobody is mixed.
. tests/e2e/lib.sh
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
  return { status = "rated", billed_s = 1, total = total, lines = { { kind = "usage", amount = total } } }
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
both() { # PATH or none: what each server's hello says
    local p
    for p in "$port" "$port_b"; do curl -s "http://127.0.0.1:$p/v1/hello" | jq -r "${1:-.one}"; done | paste -sd' '
}
decide() { # PRICE: both servers, each asked ten times, which reaches their threads
    local i
    for i in 1 2 3 4 5 6 7 8 9 10; do [ "$(both)" = "$1 $1" ] || return 1; done
}
fresh_server
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
rule 0.5
activate "$bundle"
converged() { decide 0.5; }
until_true 3 converged
ok $? "without a hint both decide with the new bundle within 3 seconds"
is "$(both .revision)" "$revision $revision" "… and say so"
post /v1/usage "[$(event swap-1)]"
is "$(sql "SELECT amount + 0, LOWER(HEX(rule_bundle)) FROM usage_events WHERE event_id = 'swap-1'")" "0.500000000000	$bundle" \
    "the engine charges by it, and the row names it"
stop_server
kill -TERM "$pid_b"
wait "$pid_b"
done_testing
