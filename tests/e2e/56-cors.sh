#!/bin/bash
# 56 - cors: each company names the pages that may ask with its keys; tried by hand and by a browser.
. tests/e2e/lib.sh
fresh_server
platform_key=$key
app=https://app.example.com
make_key_of() { # COMPANY: its text in $made
    key=$platform_key post /v1/api-keys "{\"name\": \"page\", \"permissions\": [\"companies:*\", \"usage:read\"], \"company\": \"$1\"}"
    made=$(field .key)
}
make_company north && north=$id && make_key_of "$north" && north_key=$made
make_company south && south=$id && make_key_of "$south" && south_key=$made
origins() { # COMPANY JSON
    key=$platform_key api PATCH "/v1/companies/$1" -H 'Content-Type: application/json' -d "{\"settings\": {\"cors_origins\": $2}}"
}
allows() { # ORIGIN: the answer names it
    [ "$(header access-control-allow-origin)" = "$1" ]
}
preflight() { # ORIGIN [PATH]
    key='' api OPTIONS "${2:-/v1/companies}" -H "Origin: $1" -H 'Access-Control-Request-Method: POST' \
        -H 'Access-Control-Request-Headers: authorization,content-type'
}

# --- what is an origin
n=0
for bad in http://app.example.com https://app.example.com/ https://app.example.com:443 https://App.example.com 'https://*.example.com' \
    '*' null https:// https://-a.example.com https://a..example.com https://a.example.com:70000 https://a@b.example.com; do
    origins "$north" "[\"$bad\"]"
    [ "$status" = 422 ] && [ "$(field '.errors[0].pointer')" = /settings/cors_origins/0 ] || echo "# $bad: $status $body"
    [ "$status" = 422 ] && n=$((n + 1))
done
is $n 12 "what no browser would send is refused"
origins "$north" "[\"$app\", \"$app\"]"
problem 422 invalid_input "so is one that stands there twice" /settings/cors_origins/1
origins "$north" "[\"$app\", \"https://localhost:8443\"]"
is "$status $(json .settings)" "200 {\"cors_origins\":[\"$app\",\"https://localhost:8443\"]}" "an exact origin is taken"
origins "$south" '["https://south.example.com"]'

# --- by hand
seen() { preflight "$1" && allows "$1"; }
until_true 5 seen "$app"
preflight "$app"
is "$status $(header access-control-allow-origin) $(header access-control-allow-methods)" "204 $app OPTIONS, GET, POST, HEAD" "a preflight is answered, nobody being known yet"
is "$(header access-control-allow-credentials) $(header vary)" " origin" "never with credentials, and caches are told"
preflight https://evil.example.com
is "$status $(header access-control-allow-origin) $(header vary)" "204  origin" "an origin that nobody has named gets nothing"
key=$north_key api GET /v1/me -H "Origin: $app"
is "$status $(header access-control-allow-origin)" "200 $app" "the company's own key is answered"
like "$(header access-control-expose-headers)" 'etag.*x-request-id.*ratelimit-remaining' "with the headers that a page needs"
key=$south_key api GET /v1/me -H "Origin: $app"
is "$status $(header access-control-allow-origin)" "200 " "another company's key is not, from that page"
key=$south_key api GET /v1/me -H "Origin: https://south.example.com"
is "$(header access-control-allow-origin)" "https://south.example.com" "but from its own"
key=$platform_key api GET /v1/me -H "Origin: $app" -H "Tollgate-Company: $north"
is "$status $(header access-control-allow-origin)" "200 " "nor a key that acts for the company from above: it is not the page's"
key=$platform_key api GET /v1/me
is "$(header vary)" origin "an answer without an origin is told apart, too"
key=wrong api GET /v1/me -H "Origin: $app"
is "$status $(header access-control-allow-origin)" "401 $app" "a page may see that its session is over"

# --- in a browser
results() { # ORIGIN-HOST: what its page could do, as JSON
    chromium --headless=new --no-sandbox --disable-gpu --disable-dev-shm-usage --user-data-dir="$dir/chromium" \
        --ignore-certificate-errors --host-resolver-rules="MAP *.example.com 127.0.0.1" --virtual-time-budget=15000 \
        --dump-dom "https://$1:$page_port/" 2>>"$dir/chromium.log" | sed -n 's/.*<pre>\(.*\)<\/pre>.*/\1/p' | sed 's/&gt;/>/g' | tail -n 1
}
if command -v chromium >/dev/null; then
    page_port=$(free_port)
    origins "$north" "[\"$app:$page_port\"]"
    until_true 5 seen "$app:$page_port"
    cat >"$dir/page.html" <<END
<!doctype html><title>a page</title><script>
const api = "https://localhost:$tls_port";
async function ask(path, key, more = {}) {
  try {
    const r = await fetch(api + path, { ...more, headers: { authorization: "Bearer " + key, ...more.headers } });
    return [r.status, (await r.json()).name ?? null, r.headers.has("x-request-id")];
  } catch (e) { return "blocked"; }
}
const json = { "content-type": "application/json", "idempotency-key": "one" };
Promise.all([
  ask("/v1/companies/$north", "$north_key"),
  ask("/v1/companies", "$north_key", { method: "POST", headers: json, body: '{"name": "from a page"}' }),
  ask("/v1/me", "wrong"),
  ask("/v1/companies/$south", "$south_key"),
  ask("/v1/companies/$north", "$north_key", { credentials: "include" }),
]).then((all) => { document.body.innerHTML = "<pre>" + JSON.stringify(all) + "</pre>"; });
</script><body></body>
END
    node -e 'const fs = require("fs"); require("https").createServer({key: fs.readFileSync(process.argv[1]), cert: fs.readFileSync(process.argv[2])},
        (q, r) => r.end(fs.readFileSync(process.argv[3]))).listen(+process.argv[4], "127.0.0.1")' \
        "$dir/tls.key" "$dir/tls.crt" "$dir/page.html" "$page_port" &
    pages=$!
    until_true 10 curl -skf -o /dev/null "https://127.0.0.1:$page_port/"
    is "$(results app.example.com)" '[[200,"north",true],[201,"from a page",true],[401,null,true],"blocked","blocked"]' \
        "in a browser: its company's key reads and writes, a bad one is told so; another's, and cookies, are blocked"
    is "$(results evil.example.com)" '["blocked","blocked","blocked","blocked","blocked"]' "from a page that nobody has named everything is blocked"
    kill "$pages"
    is "$(sql "SELECT COUNT(*) FROM companies WHERE name = 'from a page'")" 1 "nothing was written from there"
else
    skip "a browser asks" "there is no chromium"
fi

# --- taken back
origins "$north" null
is "$status $(json .settings)" "200 null" "the list is taken away"
gone() { preflight "$app" && ! allows "$app"; }
until_true 5 gone
ok $? "then its preflights get nothing"
key=$north_key api GET /v1/me -H "Origin: $app"
is "$status $(header access-control-allow-origin)" "200 " "nor do its requests"
done_testing
