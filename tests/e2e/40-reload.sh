# 40 - reload under load: no request fails, each answer comes from exactly one generation, a broken release is refused.
. tests/e2e/lib.sh
lua_dir=$dir/lua
cp -r lua "$lua_dir"
transcript=/dev/null # what these releases answer no document promises
release() { # NUMBER: a release that says its number twice, the second time after it has waited for the database
    sed '/^function handler.hello/,/^end/c\
local generation, health = require("generation"), require("health.service")\
function handler.hello()\
  local number = generation\
  local ready = health.ready()\
  return 200, { number = number, ready = ready, again = '"$1"' }\
end' lua/document/handler.lua >"$lua_dir/document/handler.lua"
    echo "return $1" >"$lua_dir/generation.lua"
}
release 0
fresh_server
hello() {
    api GET /v1/hello
}
hello
is "$status $(json '[.again, .number, .ready]')" '200 [0,0,true]' "the first release answers"
url=http://127.0.0.1:$port/v1/hello tls_url=https://127.0.0.1:$tls_port/v1/hello

# --- many reloads while both ports are busy
reloads=$((${TOLLGATE_TEST_FULL:-0} ? 30 : 20))
touch "$dir/running"
busy() { # COMMAND…, again and again while the reloads go on
    while [ -e "$dir/running" ] && kill -0 "$server_pid"; do
        "$@"
    done
}
busy h2load -n 1000 -c 2 -m 4 --h1 "$url" >"$dir/h1.out" 2>&1 &
h1=$!
busy h2load -n 1000 -c 2 -m 4 "$tls_url" >"$dir/h2.out" 2>&1 &
h2=$!
busy curl -s -w '\n' "$url" >"$dir/answers" &
asking=$!
failed=0 swaps=0 sighups=0
for i in $(seq $reloads); do
    release "$i"
    if [ $((i % 5)) = 0 ]; then
        kill -HUP "$server_pid"
        sighups=$((sighups + 1))
        answers_now() { hello && [ "$(field .number)" = "$i" ]; }
        until_true 20 answers_now || failed=$((failed + 1))
    else
        "$TOLLGATE" reload --conf "$dir/h2o.conf" >>"$dir/reload.out" 2>&1 && swaps=$((swaps + 1)) || failed=$((failed + 1))
    fi
done
rm "$dir/running"
wait $h1 $h2 $asking
is "$swaps reloads, $sighups SIGHUPs, $failed failed" "$((reloads * 4 / 5)) reloads, $((reloads / 5)) SIGHUPs, 0 failed" "$reloads swaps under load"
for proto in h1 h2; do
    runs=$(grep -c '^requests:' "$dir/$proto.out")
    is "$(grep -E '^requests:' "$dir/$proto.out" | sort -u)" \
        'requests: 1000 total, 1000 started, 1000 done, 1000 succeeded, 0 failed, 0 errored, 0 timeout' \
        "$proto: no request failed ($runs times 1,000)"
    is "$(grep -E '^status codes' "$dir/$proto.out" | sort -u)" 'status codes: 1000 2xx, 0 3xx, 0 4xx, 0 5xx' "$proto: all were answered with 200"
done
is "$(jq -c 'select(.again != .number)' "$dir/answers" | wc -l)" 0 "each of $(wc -l <"$dir/answers") answers is of one generation"
ok $(($(jq .number "$dir/answers" | sort -un | wc -l) > 3 ? 0 : 1)) "and they are of several ($(jq .number "$dir/answers" | sort -un | wc -l))"
is "$(jq .number "$dir/answers" | sort -nc 2>&1)" "" "… never of an older one than before"
hello
is "$(field .number)" "$reloads" "the last release serves"

# --- broken releases: refused with file and line, and the one that serves goes on
refused() { # NAME PATTERN
    "$TOLLGATE" reload --conf "$dir/h2o.conf" >"$dir/refused" 2>&1
    is $? 1 "$1: refused"
    like "$(cat "$dir/refused")" "$2" "… with file and line: $(cut -c1-120 "$dir/refused")"
    hello
    is "$status $(field .number)" "200 $reloads" "… and the old release goes on"
}
cp -r "$lua_dir" "$dir/good"
restore() {
    cp -r "$dir/good/." "$lua_dir/"
}
echo 'return {{' >"$lua_dir/health/store.lua"
refused "a syntax error" 'health/store\.lua:[0-9]+:'
restore
sed -i '1i error("no")' "$lua_dir/charging/handler.lua"
refused "an error at load" 'charging/handler\.lua:1: no'
restore
sed -i 's|, permission = "wallets:read" }|}|' "$lua_dir/app.lua"
refused "a route without a permission" 'app\.lua.*|wallets'
restore
sed -i 's|WHERE t.ancestor_id = {scope}|WHERE 1 = 1|' "$lua_dir/charging/store.lua"
refused "a statement without a scope" 'charging/store\.lua:[0-9]+:'
restore
echo 'rules = nil +' >>"$lua_dir/pricing/rules.lua"
refused "a rule with a syntax error" 'pricing/rules\.lua:[0-9]+:'
restore
mv "$lua_dir/app.lua" "$dir/app.lua"
refused "no app.lua" 'app(\.lua)?'
mv "$dir/app.lua" "$lua_dir/app.lua"
release $((reloads + 1))
"$TOLLGATE" reload --conf "$dir/h2o.conf" >"$dir/refused" 2>&1
is "$? $(cat "$dir/refused" | grep -c 'serves')" "0 1" "the next good release is taken"

# --- a client that connected before a reload and begins to speak after it
coproc patient { exec python3 -c '
import socket, ssl, sys
plain = socket.create_connection(("127.0.0.1", int(sys.argv[1])), 10)
print("connected", flush=True)
sys.stdin.readline()
context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
tls = context.wrap_socket(plain)
tls.sendall(b"GET /healthz HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
print(tls.recv(1000).split(b"\r\n")[0].decode(), flush=True)' "$tls_port" 2>&1; }
patient_in=${patient[1]} patient_out=${patient[0]} patient_pid=$patient_PID
read -r -t 10 said <&"$patient_out"
api GET /healthz # it was accepted before this
for i in 1 2 3; do
    "$TOLLGATE" reload --conf "$dir/h2o.conf" >>"$dir/reload.out" 2>&1
done
echo >&"$patient_in"
read -r -t 10 said <&"$patient_out"
is "$said" "HTTP/1.1 200 OK" "a client that connected before three reloads is served after them"
wait "$patient_pid"

# --- certificates
fingerprint() {
    openssl s_client -connect "127.0.0.1:$tls_port" </dev/null 2>/dev/null | openssl x509 -noout -fingerprint
}
before=$(fingerprint)
mv "$dir/tls.crt" "$dir/tls.crt.old" && write_tls
is "$(fingerprint)" "$before" "a new certificate is not taken by itself"
"$TOLLGATE" reload --conf "$dir/h2o.conf" >/dev/null 2>&1
is "$(fingerprint)" "$(openssl x509 -noout -fingerprint -in "$dir/tls.crt")" "reload takes it"
good=$(fingerprint)
echo rubbish >"$dir/tls.crt"
"$TOLLGATE" reload --conf "$dir/h2o.conf" >"$dir/refused" 2>&1
is $? 1 "a broken certificate is refused: $(cut -c1-120 "$dir/refused")"
is "$(fingerprint)" "$good" "and the old one goes on"
stop_server
is "$server_code" 0 "the server ends with 0"

# --- a release that is broken at the start: who has come meanwhile finds a closed door, not a dead process
rm "$dir/tls.crt" && write_tls
sed -i '1i for _ = 1, 100000000 do end error("no")' "$lua_dir/charging/handler.lua"
"$TOLLGATE" serve --conf "$dir/h2o.conf" >>"$dir/server.out" 2>>"$dir/server.log" </dev/null &
server_pid=$!
python3 -c '
import socket, sys, time
until = time.time() + 20
while time.time() < until:
    try:
        early = socket.create_connection(("127.0.0.1", int(sys.argv[1])), 20)
        early.sendall(b"GET /v1/hello HTTP/1.1\r\nHost: a\r\n\r\n")
        print("connected", early.recv(100))
        break
    except ConnectionRefusedError:
        time.sleep(0.001)
    except ConnectionResetError:
        print("connected", "reset")
        break' "$port" >"$dir/early"
wait "$server_pid"
is "$? $(cut -c1-9 "$dir/early")" "1 connected" "a server whose first release is refused says so and ends"
server_pid=
done_testing
