# 80 - what a client of HTTP sees: TLS and ALPN, both protocols under load, coding of answers, HEAD, OPTIONS, CORS, request
# ids and traces, /metrics as OpenMetrics, the access log as JSON.
. tests/e2e/lib.sh
write_conf <<END
tollgate.access-log: $dir/access.log
tollgate.cors-origins: ["https://console.example.com"]
compress: [gzip, br]
compress-minimum-size: 500
END
fresh_server
tls=https://127.0.0.1:$tls_port
secure() { # METHOD PATH [curl arguments…] over TLS, the certificate verified
    local method=$1 path=$2
    shift 2
    : >"$dir/body"
    read -r status content_type protocol < <(curl -s --cacert "$dir/tls.crt" -D "$headers" -o "$dir/body" \
        -w '%{http_code} %{content_type} %{http_version}\n' -X "$method" -H "Authorization: Bearer $key" "$@" "$tls$path")
    body=$(tr -d '\0' <"$dir/body")
}

# --- TLS
for version in 1.2 1.3; do
    secure GET /healthz --tlsv$version --tls-max $version
    is "$status" 200 "TLS $version"
done
handshake() { # openssl s_client arguments…
    openssl s_client -connect "127.0.0.1:$tls_port" -CAfile "$dir/tls.crt" "$@" </dev/null 2>&1
}
like "$(handshake -tls1_1 -cipher 'ALL:@SECLEVEL=0')" 'alert|no protocols|unsupported|Cipher is \(NONE\)' "TLS 1.1 is refused"
like "$(handshake -tls1_1 -cipher 'ALL:@SECLEVEL=0' | grep -c 'Cipher is (NONE)\|alert\|no protocols')" '^[1-9]' "… before anything was agreed"
like "$(handshake -alpn h2,http/1.1)" 'ALPN protocol: h2' "ALPN: h2 when the client has it"
like "$(handshake -alpn http/1.1)" 'ALPN protocol: http/1.1' "ALPN: http/1.1"
like "$(handshake -alpn spdy/3)" 'No ALPN negotiated|alert' "ALPN: nothing we know"
secure GET /v1/me --http2
is "$status $protocol" "200 2" "HTTP/2"
secure GET /v1/me --http1.1
is "$status $protocol" "200 1.1" "HTTP/1.1 over TLS"
read -r status protocol < <(curl -s -o /dev/null --http2-prior-knowledge -w '%{http_code} %{http_version}\n' "http://127.0.0.1:$port/healthz")
is "$status $protocol" "200 2" "HTTP/2 without TLS, by prior knowledge"
h2load -n 1000 -c 4 -m 32 -H "authorization: Bearer $key" "$tls/v1/me" >"$dir/h2load.out" 2>&1
like "$(grep '^requests' "$dir/h2load.out")" '1000 succeeded, 0 failed' "1,000 requests over HTTP/2, 128 at a time"
like "$(grep '^status' "$dir/h2load.out")" '1000 2xx' "… all 200"

# --- coding
for i in 1 2 3 4 5 6; do make_company "company number $i"; done
secure GET /v1/companies
plain=$body
ok $((${#plain} > 1000 ? 0 : 1)) "an answer of ${#plain} bytes"
for coding in gzip br; do
    for http in http1.1 http2; do
        secure GET /v1/companies --$http --compressed -H "Accept-Encoding: $coding"
        is "$(header content-encoding) $body" "$coding $plain" "$coding over $http"
    done
done
secure GET /v1/companies -H 'Accept-Encoding: identity'
is "$(header content-encoding)" "" "none when it is not wanted"
secure GET /v1/hello --compressed -H 'Accept-Encoding: gzip'
is "$(header content-encoding)" "" "none for a short answer"
secure GET /v1/companies -H 'Accept-Encoding: gzip' -o /dev/null
like "$(header vary)" '[Aa]ccept-[Ee]ncoding' "Vary names it"

# --- methods
secure GET /v1/me
length=$(header content-length)
secure HEAD /v1/me -I
is "$status $(header content-length) $(cat "$dir/body" | wc -c)" "200 $length $(wc -c <"$headers")" "HEAD: the headers of GET, no body"
secure OPTIONS /v1/usage
is "$status $(header allow | tr -d ' ' | tr , '\n' | sort | paste -sd,)" "204 GET,HEAD,OPTIONS,POST" "OPTIONS says what there is"
secure OPTIONS /v1/usage -H 'Origin: https://console.example.com' -H 'Access-Control-Request-Method: POST' -H 'Authorization:'
is "$status $(header access-control-allow-origin)" "204 https://console.example.com" "CORS: a preflight without a key"
like "$(header access-control-allow-headers)" 'authorization.*idempotency-key' "… allows our headers"
like "$(header access-control-allow-methods)" POST "… and methods"
secure GET /v1/me -H 'Origin: https://console.example.com'
is "$(header access-control-allow-origin)" https://console.example.com "CORS: an answer"
secure GET /v1/me -H 'Origin: https://evil.example.com'
is "$status $(header access-control-allow-origin)" "200 " "another origin is not named"

# --- bodies that are too large
head -c 3000000 /dev/zero >"$dir/large"
for http in http1.1 http2; do
    secure POST /v1/companies --$http -H 'Content-Type: application/json' --data-binary "@$dir/large"
    problem 413 body_too_large "over $http curl shows the answer to a body that is too large"
    secure POST /v1/companies --$http -H 'Content-Type: application/json' -H 'Transfer-Encoding: chunked' -T "$dir/large"
    problem 413 body_too_large "… also to one that does not say how large it is"
done

# --- ids
secure GET /v1/me -H 'X-Request-Id: my-own-id.1'
is "$(header x-request-id)" my-own-id.1 "a request id is given back"
secure GET /v1/me
like "$(header x-request-id)" '^req_[0-9a-z]{26}$' "or made"
secure GET /v1/me -H "X-Request-Id: $(printf 'x%.0s' $(seq 300))"
like "$(header x-request-id)" '^req_' "an id of 300 characters is not taken"
secure GET /v1/nothing -H 'X-Request-Id: find-me-again'
is "$(field .request_id)" find-me-again "problems name it"
trace=4bf92f3577b34da6a3ce929d0e0e4736
secure GET /v1/hello -H "traceparent: 00-$trace-00f067aa0ba902b7-01" -H 'X-Request-Id: traced-request'

# --- /metrics, by a strict small reader of OpenMetrics
api GET /metrics
is "$status $content_type" '200 application/openmetrics-text; version=1.0.0; charset=utf-8' "/metrics"
cat >"$dir/openmetrics.py" <<'END'
import re, sys
text = sys.stdin.read()
assert text.endswith("# EOF\n"), "no # EOF at the end"
families, samples, current = {}, set(), None
suffixes = {"counter": ["_total", "_created"], "gauge": [""], "histogram": ["_bucket", "_count", "_sum", "_created"],
            "summary": ["", "_count", "_sum", "_created"], "info": ["_info"], "unknown": [""], "stateset": [""]}
for n, line in enumerate(text.split("\n")[:-2], 1):
    where = "line %d: %s" % (n, line)
    if line.startswith("# "):
        match = re.fullmatch(r"# (TYPE|HELP|UNIT) ([a-zA-Z_:][a-zA-Z0-9_:]*) ?(.*)", line)
        assert match, "neither TYPE nor HELP nor UNIT: " + where
        kind, name, rest = match.groups()
        if name != current:
            assert name not in families, "a family in two places: " + where
            current = name
            families[name] = {}
        assert kind not in families[name], "said twice: " + where
        families[name][kind] = rest
        assert kind != "TYPE" or rest in suffixes, "no such type: " + where
        assert kind != "UNIT" or name.endswith("_" + rest), "the name lacks its unit: " + where
        continue
    match = re.fullmatch(r'([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{((?:[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\\n]|\\["\\n])*",?)*)\})? (-?[0-9.e+-]+|[+-]Inf|NaN)', line)
    assert match, "not a sample: " + where
    name, labels, value = match.groups()
    assert current and any(name == current + s for s in suffixes[families[current].get("TYPE", "unknown")]), "not of its family: " + where
    assert (name, labels) not in samples, "a sample twice: " + where
    samples.add((name, labels))
    assert not name.endswith(("_total", "_bucket", "_count")) or float(value) >= 0, "negative: " + where
for name, family in families.items():
    assert "TYPE" in family and "HELP" in family, name + " has no TYPE or no HELP"
    if family["TYPE"] == "histogram":
        assert any(s == name + "_bucket" and 'le="+Inf"' in l for s, l in samples), name + " has no +Inf"
print(len(families), "families")
END
checked=$(python3 "$dir/openmetrics.py" <"$dir/body" 2>&1 | tail -n 1)
like "$checked" '^[0-9]+ families$' "it is OpenMetrics: $checked"
like "$body" 'tollgate_http_requests_total [1-9]' "and counts requests"

# --- the access log
"$TOLLGATE" reload --conf "$dir/h2o.conf" >/dev/null 2>&1 # opens the logs again, written up to here
api GET /v1/hello -H 'X-Request-Id: last-one'
is_logged() { grep -q last-one "$dir/access.log"; }
until_true 10 is_logged
ok $? "the access log has the last request"
is "$(jq -c 'select((.time and .method and .path and .status) | not)' "$dir/access.log" 2>&1 | head -n 3)" "" \
    "each of its $(wc -l <"$dir/access.log") lines is JSON with time, method, path and status"
like "$(grep '"traced-request"' "$dir/access.log")" "$trace" "with the trace of the request"
is "$(grep -c "${key##*_}" "$dir/access.log" "$dir/server.log" | cut -d: -f2 | sort -u)" 0 "the key is in no log"
stop_server
is "$server_code" 0 "the server ends with 0"
done_testing
