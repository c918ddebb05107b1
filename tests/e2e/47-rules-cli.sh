# 47 - rules from a folder to a server with the command line: push, diff, try, shadow, activate, roll back.
. tests/e2e/lib.sh
fresh_server

run() { # COMMAND…: $code, $out, $err
    cli rules "$@" --retry-seconds 0 >"$dir/out" 2>"$dir/err"
    code=$? out=$(cat "$dir/out") err=$(cat "$dir/err")
}
rules=$dir/rules
mkdir -p "$rules/alerts" "$rules/notes"
cat lua/alerts/rules.lua - <<<'-- mine' >"$rules/alerts/rules.lua"
echo 'not Lua at all, and no rule file either' >"$rules/notes/readme.lua"

run push "$rules" --note "from a folder"
like "$code $out" '^0 [0-9a-f]{64}$' "push prints the bundle's id"
first=$out
is "$err" "changed: alerts/rules.lua" "and says what is different"
run push "$rules" --json
is "$code $(jq -r .id <<<"$out")" "0 $first" "the same folder again is the same bundle"
run push lua
like "$code $out $err" '^0 [0-9a-f]{64} nothing is different from the base$' "a whole Lua tree may be pushed"
release=$out

run diff "$rules"
is "$code $(tail -n 1 <<<"$out")" '3 +-- mine' "diff of a folder"
run diff lua
is "$code $out" '0 ' "no difference says so with its exit code"
run diff "$first" --to release
is "$code $(grep -c '^[-+]' <<<"$out") $(tail -n 1 <<<"$out")" '3 3 +-- mine' "diff of two bundles"
run diff "$rules" --base none --to "$first"
is "$code $(grep -c '^+++ /dev/null' <<<"$out")" "3 $(($(git ls-files 2>/dev/null 'lua/*/rules.lua' 'lua/*/lib/*.lua' | grep -vc '^lua/types/') - 1))" \
    "a folder that is all there is"

jq -n '{alert: {id: "a", direction: "above", threshold: "5"}, value: "7", at: 1784109600000000}' >"$dir/input.json"
run dry-run "$first" alerts.evaluate "$dir/input.json"
is "$code $(jq -c '[.event, .state.firing]' <<<"$out")" '0 ["fired",true]' "a dry run prints the answer"
like "$err" '^[0-9]+ µs, [0-9]+ bytes$' "and what it took"
cli rules dry-run release alerts.evaluate <"$dir/input.json" >"$dir/out" 2>"$dir/err"
is "$? $(jq -r .event "$dir/out")" '0 fired' "the input may come from standard input"
echo '{"value": 7' >"$dir/broken.json"
run dry-run release alerts.evaluate "$dir/broken.json"
like "$code $err" '^1 .*broken.json:[12]:[0-9]+: ' "an input that is no JSON"
jq '.value = "x"' "$dir/input.json" >"$dir/odd.json"
run dry-run release alerts.evaluate "$dir/odd.json"
is "$code $out" '1 ' "a rule that fails: exit code 1 ($(tail -n 1 <<<"$err" | cut -c1-100))"

mkdir -p "$dir/bad/alerts"
printf 'return {\n  hook = \n}\n' >"$dir/bad/alerts/rules.lua"
run push "$dir/bad"
is "$code $out" '1 ' "what is broken is not published"
like "$err" '^alerts/rules.lua:3: .*' "and its place is named as a compiler does"
run push "$dir/notes"
is "$code" 1 "a folder that is not there"
mkdir -p "$dir/empty"
run push "$dir/empty"
like "$code $err" '^1 .*there is no file like pricing/rules.lua below it' "a folder without rules"
run activate "$dir/bad"
is "$code" 1 "and is not activated either"

run activate "$first"
is "$code $out" '0 1' "activate prints the revision"
run activate "$first" --if-revision 0
like "$code $err" '^1 .*(Somebody was first|the active revision is 1)' "who is late is told"
sed -i 's/-- mine/-- yours/' "$rules/alerts/rules.lua"
run activate "$rules" --base release
is "$code $out" '0 2' "a folder is published and activated"
run rollback
is "$code $out $err" "0 3 revision 3: $first, before it $(sql "SELECT LOWER(HEX(bundle_id)) FROM rule_activations WHERE revision = 2")" \
    "rollback goes back"
run rollback --if-revision 7
is "$code" 1 "only while the revision is the one that was seen"

run shadow "$release" --share 0.5
is "$code $err" "0 shadow $release, share 0.5" "shadow"
run activate "$release" --min-shadow-calls 10 --max-increase-percent 2.5 --max-shadow-errors 0
like "$code $err" '^1 0 calls were compared, at least 10 are wanted' "a demand that is not met is named"
run shadow
is "$code" 2 "shadow wants a bundle or --off"
run shadow "$rules" --base release --share 1
is "$code $err" "0 shadow $(sql "SELECT LOWER(HEX(bundle_id)) FROM rule_activations WHERE revision = 2"), share 1" \
    "a folder is published and shadowed"
run shadow "$dir/bad" --share 1
like "$code $err" '^1 alerts/rules.lua:3: ' "unless it is broken"
run shadow --off
is "$code $err" "0 shadow -, share 0" "and ends with --off"
is_applied() {
    run status --json
    [ "$(jq -c '[.active.nodes[] | .revision >= 3] | unique' <<<"$out")" = '[true]' ]
}
until_true 5 is_applied
is "$(jq -c '[.active.revision, .active.bundle, .shadow.bundle]' <<<"$out")" "[3,\"$first\",null]" "status as JSON"
run status
like "$code $out" "^0 revision 3: $first, by key_.*node .*: revision 3.*shadow: none" "status in words"

key_of_agency() {
    make_company agency && post /v1/api-keys "{\"name\": \"a\", \"company\": \"$id\"}"
    field .key >"$dir/agency-key"
    chmod 600 "$dir/agency-key"
}
key_of_agency
"$TOLLGATE" rules status --url "http://127.0.0.1:$port" --key-file "$dir/agency-key" >"$dir/out" 2>"$dir/err"
like "$? $(cat "$dir/err")" '^1 .*404' "an agency has no rules"
stop_server
"$TOLLGATE" rules status --url "http://127.0.0.1:$port" --key-file "$dir/key" --retry-seconds 0 >"$dir/out" 2>"$dir/err"
is $? 1 "no server: exit code 1"
done_testing
