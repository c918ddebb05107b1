#!/bin/bash
# 51 - roles: somebody of each role signs in and asks for every operation of the API document.
. tests/e2e/lib.sh
mail=$dir/mail
fresh_server TOLLGATE_MAIL_URL="dir:$mail"
platform_key=$key
curl -sf -o "$dir/openapi.json" "http://127.0.0.1:$port/openapi.json"
make_company below && below=$id
post /v1/roles '{"name": "night shift", "permissions": ["usage:*", "wallets:read"]}'
night=$(field .id)

: >"$dir/subjects"
sign_in() { # LABEL EMAIL ROLES [COMPANY]
    login "$2" "open sesame, please"
    jq -nc --arg who "$1" --arg token "$(field .token)" --argjson roles "$3" --arg company "${4:-}" \
        '{label: $who, token: $token, roles: $roles} + (if $company == "" then {} else {company: $company} end)' >>"$dir/subjects"
}
subject() { # LABEL EMAIL ROLES [COMPANY]: their first time
    accept_invitation "$2" "open sesame, please"
    sign_in "$@"
}
give() { # ROLES of $person
    key=$platform_key
    api PATCH "/v1/users/$person" -H 'Content-Type: application/json' -d "{\"roles\": $1}"
    [ "$status" = 200 ] || echo "# roles: $status $body"
}
# all are invited before the first letter is waited for
api GET /v1/roles
roles=$(field '.built_in[].name')
for role in $roles; do invite_person "$role@example.com" "$role"; done
invite_person several@example.com agent && several=$person
give "[{\"role\": \"finance\"}, {\"role\": \"$night\"}]"
invite_person limited@example.com agent
give "[{\"role\": \"analyst\", \"company\": \"$below\"}]"
for role in $roles; do
    subject "$role" "$role@example.com" "[\"$role\"]"
done
subject "finance and one of the company's own" several@example.com "[\"finance\", \"$night\"]"
subject "analyst of a company below, there" limited@example.com '["analyst"]' "$below"
sign_in "analyst of a company below, above it" limited@example.com '[]'

run_node tests/contract/roles.mjs "$dir/openapi.json" "http://127.0.0.1:$port" "$dir/key" "$dir/subjects"

# --- what a role gives is remembered for five seconds, and forgotten at once on every node when it changes
second_port=$(free_port) second_tls=$(free_port)
sed "s/port: $port\$/port: $second_port/; s/port: $tls_port\$/port: $second_tls/; s|$dir/server.pid|$dir/second.pid|; s|$dir/control.sock|$dir/second.sock|" \
    "$dir/h2o.conf" >"$dir/second.conf"
"$TOLLGATE" serve --conf "$dir/second.conf" >>"$dir/second.out" 2>>"$dir/second.log" </dev/null &
second_pid=$!
until_true 20 curl -sf -o /dev/null "http://127.0.0.1:$second_port/readyz"
login several@example.com "open sesame, please" && theirs=$(field .token)
cat >"$dir/forget.mjs" <<'END'
// One node changes the role, the other is asked until it knows. Prints the worst and the median of the milliseconds.
const [here, there, role, admin, theirs] = process.argv.slice(2);
const times = [];
const ask = async () => (await fetch(`${there}/v1/wallets`, { headers: { authorization: `Bearer ${theirs}` } })).status;
for (let i = 0; i < 20; i++) {
  const permissions = i % 2 === 0 ? ["roles:read"] : ["wallets:read"];
  await ask(); // remembered there
  const answer = await fetch(`${here}/v1/roles/${role}`, {
    method: "PATCH", headers: { authorization: `Bearer ${admin}`, "content-type": "application/json" }, body: JSON.stringify({ permissions }),
  });
  if (answer.status !== 200) throw new Error(await answer.text());
  const began = performance.now();
  while ((await ask()) !== (i % 2 === 0 ? 403 : 200)) if (performance.now() - began > 10000) break;
  times.push(performance.now() - began);
}
times.sort((a, b) => a - b);
console.log(Math.round(times.at(-1)), times[10].toFixed(1));
END
key=$platform_key
api PATCH "/v1/users/$several" -H 'Content-Type: application/json' -d "{\"roles\": [{\"role\": \"$night\"}]}"
is "$status" 200 "somebody has a role of the company's own, and no other"
read -r worst median < <(node "$dir/forget.mjs" "http://127.0.0.1:$port" "http://127.0.0.1:$second_port" "$night" "$platform_key" "$theirs")
echo "# another node knew after $median ms (median of 20), at worst $worst ms"
ok $((worst < 1000 ? 0 : 1)) "a role that changes is known at once on another node, long before what it remembers is old"
kill -TERM "$second_pid"
wait "$second_pid"
done_testing
