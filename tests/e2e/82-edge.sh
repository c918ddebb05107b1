#!/bin/bash
# 82-edge - at the edge of the server: the PROXY line, traces handed on, the user it becomes, and connections that only
# want to stay: slow bodies, PINGs, windows that never open.
. tests/e2e/lib.sh
transcript=/dev/null # some of its routes are its own
lua_dir=$dir/lua
cp -r lua "$lua_dir"
mv "$lua_dir/app.lua" "$lua_dir/product.lua"
cat >"$lua_dir/app.lua" <<'END'
local product = require("product")
product.routes[#product.routes + 1] = { method = "GET", path = "/v1/call", public = "a test", handler = function(req)
  local answer, err = tg.http.request({ method = "GET", url = "http://127.0.0.1:" .. req.query.port .. "/", timeout_ms = 5000 })
  if answer == nil then
    return nil, err
  end
  return 200, { body = answer.body }
end }
product.routes[#product.routes + 1] = { method = "GET", path = "/v1/long", public = "a test", handler = function()
  return 200, { text = string.rep("x", 1000000) }
end }
return product
END
proxy_port=$(free_port) port=$(free_port) tls_port=$(free_port)
user=
if [ "$(id -u)" = 0 ]; then # whom the private database lets in; what it opens again at a reload is its own
    user="user: mysql"
    write_tls
    : >"$dir/access.log"
    chown mysql "$dir" "$dir/access.log" "$dir/tls.key"
fi
write_conf <<END
tollgate.access-log: $dir/access.log
tollgate.allow-private-addresses: ON
tollgate.idle-timeout: 2
tollgate.bulk-timeout: 2
http1-request-timeout: 60
http2-idle-timeout: 60
$user
END
sed -i "2i\\  - {host: 127.0.0.1, port: $proxy_port, proxy-protocol: ON}" "$dir/h2o.conf"
fresh_server TOLLGATE_REDIS_URL=

# --- the user
if [ -n "$user" ]; then
    is "$(awk '$1 == "Uid:" { print $2, $3, $4 }' "/proc/$server_pid/status")" "$(id -u mysql) $(id -u mysql) $(id -u mysql)" \
        "started as root, it has become another"
    is "$(awk '$1 == "Gid:" { print $2, $3, $4 }' "/proc/$server_pid/status")" "$(id -g mysql) $(id -g mysql) $(id -g mysql)" \
        "… of its group"
    is "$(awk '$1 == "CapEff:" { print $2 }' "/proc/$server_pid/status")" 0000000000000000 "… with no capability left"
    is "$(stat -c %U "/proc/$server_pid/environ")" root "… and its memory is nobody's to read, nor to dump"
    "$TOLLGATE" reload --conf "$dir/h2o.conf" >"$dir/reload.out" 2>&1
    is "$?" 0 "… and reloads its certificates and its code all the same"
    cat "$dir/reload.out" >&2
else
    skip "started as root, it becomes the user of h2o.conf" "this test does not run as root"
fi

# --- the PROXY line
log_has() { grep -q "$1" "$dir/access.log"; }
proxied() { # NAME PROXY-LINE: a request behind it
    printf '%s\r\nGET /v1/hello HTTP/1.1\r\nHost: a\r\nX-Request-Id: proxied-%s\r\nConnection: close\r\n\r\n' "$2" "$1" |
        python3 tests/e2e/raw.py "127.0.0.1:$proxy_port"
}
like "$(proxied four 'PROXY TCP4 203.0.113.7 127.0.0.1 41000 443')" '^HTTP/1.1 200' "a request behind a PROXY line"
until_true 5 log_has proxied-four
is "$(grep proxied-four "$dir/access.log" | jq -r .remote)" 203.0.113.7 "… comes from the address in it"
like "$(proxied six 'PROXY TCP6 2001:db8::7 ::1 41000 443')" '^HTTP/1.1 200' "the same with IPv6"
until_true 5 log_has proxied-six
is "$(grep proxied-six "$dir/access.log" | jq -r .remote)" 2001:db8::7 "… and its address"
answer=$(printf 'PROXY TCP4 nonsense\r\nGET /v1/hello HTTP/1.1\r\nHost: a\r\n\r\n' | python3 tests/e2e/raw.py "127.0.0.1:$proxy_port")
like "$answer" '^HTTP/1.1 400' "a broken PROXY line is no request"
answer=$(printf 'GET /v1/hello HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\nPROXY TCP4 203.0.113.7 127.0.0.1 1 2\r\n' |
    python3 tests/e2e/raw.py "127.0.0.1:$port")
like "$answer" '^HTTP/1.1 200' "a listener without it takes requests as they are"

# --- traces
echo_port=$(free_port)
node -e 'require("http").createServer((q,s)=>s.end(q.headers.traceparent||"none")).listen(+process.argv[1],"127.0.0.1")' "$echo_port" &
echo_pid=$!
echo_answers() { curl -s "http://127.0.0.1:$echo_port/"; }
until_true 10 echo_answers
trace=4bf92f3577b34da6a3ce929d0e0e4736
api GET "/v1/call?port=$echo_port" -H "traceparent: 00-$trace-00f067aa0ba902b7-01" -H 'X-Request-Id: trace-through'
is "$status" 200 "a handler that calls another server"
like "$(field .body)" "^00-$trace-[0-9a-f]{16}-01$" "hands the trace on"
ok "$([ "$(field .body)" != "00-$trace-00f067aa0ba902b7-01" ]; echo $?)" "… as a child: with a span of its own"
until_true 5 log_has trace-through
is "$(grep trace-through "$dir/access.log" | jq -r .trace_id)" "$trace" "the log line has the trace"
api GET "/v1/call?port=$echo_port" -H "traceparent: 00-$trace-0000000000000000-01"
is "$(field .body)" none "a broken trace is not handed on"
kill "$echo_pid"

# --- who only wants to stay
PYTHONPATH=tests/hostile PYTHONDONTWRITEBYTECODE=1 timeout 60 /usr/bin/python3 - "127.0.0.1:$tls_port" >"$dir/stay.tap" 2>"$dir/stay.err" <<'END'
import threading, time
import h2raw

def slow_body():
    c = h2raw.Connection()
    c.send(c.headers("/v1/companies", "POST", end_stream=False))
    return c, lambda: c.send(h2raw.frame(h2raw.DATA, 0, 1, b" "))

def ping_drip():
    c = h2raw.Connection()
    return c, lambda: c.send(h2raw.frame(h2raw.PING, 0, 0, b"12345678"))

def zero_window():
    c = h2raw.Connection(initial_window_size=0)
    c.send(c.headers("/v1/long"))
    return c, lambda: c.send(h2raw.window_update(0, 1))

def one_byte_windows():
    c = h2raw.Connection(initial_window_size=1)
    c.send(c.headers("/v1/long"))
    return c, lambda: c.send(h2raw.window_update(1, 1))

def good():
    c = h2raw.Connection()
    return c, lambda: c.send(c.headers("/v1/hello"))

took = {}
def stay(name, begin, seconds):
    c, drip = begin()
    c.sock.settimeout(0.25)
    began = time.monotonic()
    while time.monotonic() - began < seconds:
        try:
            drip()
            if c.next_frame() is None:
                break
        except (TimeoutError, h2raw.socket.timeout):
            pass
        except OSError:
            break
        time.sleep(0.25)
    took[name] = time.monotonic() - began
    c.close()

kinds = {"a body of one byte at a time": slow_body, "PINGs and nothing else": ping_drip,
         "a window that never opens": zero_window, "windows of one byte": one_byte_windows, "good": good}
threads = [threading.Thread(target=stay, args=(name, begin, 20 if name != "good" else 8)) for name, begin in kinds.items()]
for t in threads: t.start()
for t in threads: t.join()
tap = h2raw.Tap()
for name in kinds:
    if name == "good":
        tap.ok(took[name] >= 8, "who asks now and then stays", took[name])
    else:
        tap.ok(took[name] < 15, "%s: the connection is closed" % name, took[name])
END
while IFS= read -r line; do
    case $line in
    'ok '*) ok 0 "${line#ok * - }" ;;
    'not ok'*) ok 1 "${line#not ok * - }" ;;
    '#'*) echo "$line" ;;
    esac
done <"$dir/stay.tap"
is "$(grep -c '^ok\|^not ok' "$dir/stay.tap")" 5 "all five came to an end"
cat "$dir/stay.err" >&2
api GET /metrics
ok "$([ "$(sed -n 's/^tollgate_http_connections_swept_total //p' <<<"$body")" -ge 4 ]; echo $?)" "/metrics counts them"
stop_server
is "$server_code" 0 "the server ends with 0"
done_testing
