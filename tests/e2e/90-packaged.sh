#!/bin/bash
# 90-packaged - the program built with libh2o as Debian packages it: HTTP/1.1 works, HTTP/2 cannot be had in any way.
#
# TOLLGATE_PACKAGED names that program (cmake -DTG_H2O_PACKAGED=ON); `scripts/test` builds it where the library is.
. tests/e2e/lib.sh
if [ ! -x "${TOLLGATE_PACKAGED:-}" ]; then
    skip "the build without the hardened libh2o" "TOLLGATE_PACKAGED names no program (libh2o-evloop-dev is not installed?)"
    done_testing
fi
TOLLGATE=$TOLLGATE_PACKAGED
like "$("$TOLLGATE" version)" 'as packaged, HTTP/2 off' "version says which libh2o it is"

# --- configuration
printf 'listen:\n  - host: 127.0.0.1\n    port: 1\n    http2: ON\n' >"$dir/h2.conf"
refused=$("$TOLLGATE" config check --conf "$dir/h2.conf" 2>&1)
is "$?" 1 "\`http2: ON\` is refused"
like "$refused" 'h2\.conf:4:12: listen: .http2: ON. needs the hardened libh2o' "… with its place and the reason"
TOLLGATE_HTTP2=OFF "$TOLLGATE" config check --conf h2o.conf >"$dir/check.out" 2>&1
# fine where scripts/run has made its certificates, else the certificate is what is missing
like "$(cat "$dir/check.out")" 'h2o\.conf is fine|certificate' "h2o.conf with TOLLGATE_HTTP2=OFF gets further"

# --- protocols
write_conf <<END
http1-upgrade-to-http2: ON
END
fresh_server
like "$(grep server_http2_off "$dir/server.log")" 'packaged' "the log says so at the start"
is "$(grep server_listening "$dir/server.log" | jq -r .http2 | sort -u)" false "no listener has HTTP/2"
api GET /v1/me
is "$status" 200 "HTTP/1.1"
tls=https://127.0.0.1:$tls_port
protocol=$(curl -s -o /dev/null --http2 --cacert "$dir/tls.crt" -w '%{http_code} %{http_version}' "$tls/healthz")
is "$protocol" "200 1.1" "TLS: a client that offers HTTP/2 gets HTTP/1.1"
alpn=$(openssl s_client -connect "127.0.0.1:$tls_port" -alpn h2 </dev/null 2>&1)
like "$alpn" 'No ALPN negotiated|no application protocol' "ALPN: h2 alone is not agreed to"
protocol=$(curl -s -o /dev/null --http2 -w '%{http_code} %{http_version}' "http://127.0.0.1:$port/healthz")
is "$protocol" "200 1.1" "Upgrade: h2c is not followed"
raw() { # sends standard input to the plain port, prints the answer
    python3 tests/e2e/raw.py "127.0.0.1:$port"
}
like "$(printf 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0' | raw | head -n 1)" '^HTTP/1.1 400' "prior knowledge is refused"

# --- what the hardened library checks is checked by the first handler
is "$(printf 'GET /v1/hello HTTP/1.1\r\nConnection: close\r\n\r\n' | raw | head -c 12)" 'HTTP/1.1 400' "no Host: 400"
is "$(printf 'GET /v1/hello HTTP/1.1\r\nHost: a\r\nX-A: b\r\n c\r\nConnection: close\r\n\r\n' | raw | head -c 12)" 'HTTP/1.1 400' \
    "a folded line: 400"
head -c 1100000 /dev/zero | tr '\0' ' ' >"$dir/large"
api POST /v1/companies -H 'Content-Type: application/json' --data-binary "@$dir/large"
problem 413 body_too_large "a body over the limit of all"
like "$(field .detail)" 1048576 "… which the answer names"
api POST /v1/usage -H 'Content-Type: application/json' --data-binary "@$dir/large"
is "$status" 400 "a route with a limit of its own takes it, and finds no JSON"
head -c 8400000 /dev/zero | tr '\0' ' ' >"$dir/large"
api POST /v1/usage -H 'Content-Type: application/json' --data-binary "@$dir/large"
problem 413 body_too_large "and has its end, too"
stop_server
is "$server_code" 0 "the server ends with 0"
done_testing
