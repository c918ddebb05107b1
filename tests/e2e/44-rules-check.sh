# 44 - rules check and rules test: folders of rules with no server; each kind of fault by file, line and kind.
. tests/e2e/lib.sh
rules=$dir/rules
file() { # PATH: a file of the folder, from standard input
    mkdir -p "$rules/$(dirname "$1")"
    cat >"$rules/$1"
}
begin() { # a new folder
    rm -rf "$rules"
    mkdir "$rules"
}
run() { # WORDS…: status in $status, what it says in $said
    said=$("$TOLLGATE" rules "$@" 2>&1 </dev/null)
    status=$?
}
refused() { # NAME PATTERN: checking the folder says so
    run check "$rules"
    is "$status" 1 "$1: refused"
    like "$said" "$2" "… and says where and why"
}

run check lua
is "$status" 0 "the release's own rules are fine"
like "$said" '^[0-9]+ files, 1[4-9] rules, [0-9]{3,} cases: fine$' "… with a rule for every hook, and cases"
run test lua
is "$status" 0 "their golden cases hold"
like "$said" $'\n[0-9]+ passed, 0 failed$' "… counted at the end"
like "$said" 'ok 1 - [a-z]+\.[a-z_]+: ' "… a line each"

begin
file fx/rules.lua <<'END'
return { hook = "fx.pick", api = 1, needs = { "decimal" }, decide = function(input, cap)
  return { rate = cap.decimal.new(input.to == "EUR" and "2" or "3") }
end, cases = {
  { name = "two", input = { from = "USD", to = "EUR", at = 0 }, want = { rate = "2" } },
  { name = "three", input = { from = "USD", to = "JPY", at = 0 }, want = { rate = "3" } },
} }
END
file fx/notes.txt <<<"nobody reads this"
run check "$rules"
is "$status" 0 "one file of an author, with the release's for what it leaves out"
like "$said" 'files with those of the release' "… says so"
run test "$rules"
like "$said" 'ok [0-9]+ - fx.pick: two' "its cases are among those that are tried"
run check "$rules" --alone
is "$status" 1 "alone it answers no other hook"
like "$said" 'hook: no rule decides pricing.rate_usage' "… each is named"
is "$("$TOLLGATE" rules check "$rules" --json | python3 -c '
import json, sys
report = json.load(sys.stdin)
print(report["ok"], len(report["id"]), [h["cases"] for h in report["hooks"] if h["hook"] == "fx.pick"], report["faults"])')" \
    "True 64 [2] []" "the report as JSON"

sed -i 's/want = { rate = "2" }/want = { rate = "4" }/' "$rules/fx/rules.lua"
refused "a golden case that does not hold" 'fx/rules.lua:4: case: fx.pick, two: result.rate is "2", not "4"'
run test "$rules"
is "$status" 1 "rules test fails"
like "$said" $'not ok [0-9]+ - fx.pick: two\n#   result.rate is "2", not "4"' "… at that case"

begin
printf 'return {\n  hook =\n}\n' | file fx/rules.lua
printf 'local x = 1\n\nlocal = 2\n' | file fx/lib/money.lua
refused "two files that do not compile" 'fx/lib/money.lua:3: syntax: .*fx/rules.lua:3: syntax: '

rule() { # LINES-BEFORE BODY: fx/rules.lua
    printf '%s\nreturn { hook = "fx.pick", api = 1, needs = { "decimal" }, decide = function(input, cap)\n%s\nend, cases = {
  { name = "one", input = { from = "USD", to = "EUR", at = 1 }, want = {} },
  { name = "two", input = { from = "USD", to = "JPY", at = 2 }, want = {} } } }\n' "$1" "$2" | file fx/rules.lua
}
begin
rule 'local last = 0' '  last = last + 1 return { date = "day " .. last }'
refused "a state in a variable" "fx/rules.lua:3: purity: assigns 'last', a variable outside of the function"
like "$said" 'fx.pick, one: another answer in another order of the cases: something survives a call' "… and seen in the answers"
rule 'local seen = {}' '  seen[#seen + 1] = input.to return {}'
refused "a state in a table" "case: fx.pick, one: .*is read-only"
rule 'local walk, list = pairs({ 1, 2, 3, 4, 5, 6, 7, 8, 9 })' '  return { date = "day " .. (walk(list) or 0) }'
refused "a state in an iterator" 'what pairs\(\) returns must not outlive the call'
rule '' '  total = 1 return {}'
refused "a global" "fx/rules.lua:3: purity: writes the global 'total'"
rule '' '  return { rate = 1 / 2 }'
refused "a float as money" 'case: fx.pick, one: .*result.rate must be a decimal, it is a float'
rule '' '  return { rate = "0.5" }'
refused "a text as money" 'result.rate must be a decimal, it is a string'
rule '' '  return { rat = 1 }'
refused "a field that is not declared" 'result.rat is not declared'
rule '' '  while input.at == 2 do end return {}'
refused "a case that does not end" 'fx/rules.lua:6: limit: fx.pick, two: fx/rules.lua:[0-9]+: the rule ran longer than 20 ms'
rule 'local price = { [true] = "1", [false] = "2" }' '  return { date = price[input.at > 1] }'
refused "what Lua compiles wrongly" 'fx/rules.lua:3: lua: an index that is a comparison'
sed -i 's/"decimal"/"network"/' "$rules/fx/rules.lua"
refused "an unknown need" "there is no capability 'network'"
rule '' '  return {}'
sed -i 's/"fx.pick"/"fx.pluck"/' "$rules/fx/rules.lua"
refused "a hook that nobody asks" 'fx/rules.lua: hook: nobody asks the hook fx.pluck.*hook: no rule decides fx.pick'
printf '\033Lua' | file fx/rules.lua
refused "compiled Lua" 'fx/rules.lua:1: text: compiled Lua is refused'
head -c 70000 /dev/zero | tr '\0' ' ' | file fx/rules.lua
refused "a file that is too big" 'fx/rules.lua: limit: 70000 bytes: at most 65536'
printf 'while true do end' | file fx/rules.lua
refused "a file that never ends" 'ran longer than 2000 ms'

begin
run check "$rules"
is "$status" 1 "a folder without rules"
like "$said" 'there is no file like pricing/rules.lua' "… says what it looked for"
run check "$dir/nowhere"
is "$status" 1 "a folder that is not there"
run check
is "$status" 2 "no folder"

# What the server sends to its child.
child() {
    "$TOLLGATE" rules check --stdin 2>"$dir/err"
}
is "$(echo '{"host":{},"files":[{"path":"a/rules.lua","source":"return {hook=\"a.b\",api=1,decide=function() return {} end}"}]}' |
    child | python3 -c 'import json, sys; r = json.load(sys.stdin); print(r["ok"], r["hooks"])')" \
    "True [{'hook': 'a.b', 'path': 'a/rules.lua', 'cases': 0}]" "the child answers a report"
is "$(echo '{"host":{},"files":[{"path":"../a/rules.lua","source":"x"},{"path":"a/rules.lua","source":"\u0000"}]}' | child |
    python3 -c 'import json, sys; r = json.load(sys.stdin); print([(f["path"], f["what"]) for f in r["faults"]])')" \
    "[('../a/rules.lua', 'path'), ('a/rules.lua', 'text')]" "paths and bytes that are none are faults"
echo 'no JSON' | child >"$dir/out"
is "$? $(wc -c <"$dir/out")" "1 0" "what is no JSON is no report"

like "$("$TOLLGATE" version --verbose)" 'Lua 5\.4\.[0-9]+ has these known bugs' "version --verbose names Lua's bugs"
done_testing
