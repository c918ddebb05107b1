# 10 - every command of the program: its help, its mistakes, completion and manual, and those that need a database.
. tests/e2e/lib.sh
commands=$("$TOLLGATE" help | sed -n 's/^  \([a-z -]*[a-z]\)   *[A-Z].*/\1/p')
ok $(($(wc -l <<<"$commands") >= 15 ? 0 : 1)) "tollgate help lists $(wc -l <<<"$commands") commands"
man=$("$TOLLGATE" manual)
is $? 0 "the manual page is printed"
plain_man=$(sed 's/\\-/-/g' <<<"$man")
completion=$("$TOLLGATE" completion)
is $? 0 "and the completion"

complete_line() { # WORDS…: what bash would offer for the last
    bash -c '
        eval "$1"
        shift
        COMP_WORDS=("$@") COMP_CWORD=$(($# - 1)) COMPREPLY=()
        _tollgate
        printf "%s\n" "${COMPREPLY[@]}"' bash "$completion" "$@"
}
is "$(complete_line tollgate '' | sort)" "$(awk '{ print $1 }' <<<"$commands" | sort -u)" "completion: the first words"
is "$(complete_line tollgate import '' | sort | paste -sd' ')" "cdrs companies deck users" "completion: the second word"
is "$(complete_line tollgate import cdrs --dec)" "--deck" "completion: an option"
is "$(cd "$dir" && : >some.csv && complete_line tollgate import deck som)" "some.csv" "completion: a file"
missing=
while read -r command; do
    help=$("$TOLLGATE" $command --help 2>"$dir/err" </dev/null)
    is "$? $(head -n 1 <<<"$help" | grep -c "^usage: tollgate $command") $(wc -c <"$dir/err")" "0 1 0" "$command --help"
    "$TOLLGATE" $command --no-such-option >"$dir/out" 2>"$dir/err" </dev/null
    case $command in
    busted | lua) ;; # what they do not know is for the script
    *) is "$? $(wc -c <"$dir/out") $(grep -c "no-such-option" "$dir/err")" "2 0 1" "$command --no-such-option" ;;
    esac
    grep -q "^\.SS tollgate $command" <<<"$man" || missing="$missing man:$command"
    for option in $(sed -n 's/^  --\([a-z-]*\).*/\1/p' <<<"$help"); do
        [ "$option" = help ] || grep -qF -- "\\fB--$option\\fR" <<<"$plain_man" || missing="$missing man:$command:--$option"
        complete_line tollgate $command "--$option" | grep -qx -- "--$option" || missing="$missing completion:$command:--$option"
    done
done <<<"$commands"
is "$missing" "" "every command and option is in the manual and in the completion"
if command -v man >/dev/null; then
    printf '%s\n' "$man" | LC_ALL=C.UTF-8 man -l - >"$dir/man.txt" 2>"$dir/man.err"
    is "$? $(cat "$dir/man.err")" "0 " "man renders it without a complaint"
    like "$(cat "$dir/man.txt")" 'tollgate import cdrs' "… with its commands"
else
    skip "man renders it" "man is not installed"
fi
usage_error() { # NAME WORDS…
    local name=$1
    shift
    "$TOLLGATE" "$@" >"$dir/out" 2>"$dir/err" </dev/null
    is "$? $(wc -c <"$dir/out")" "2 0" "$name: $(head -n 1 "$dir/err" | cut -c1-90)"
}
usage_error "no command"
usage_error "a command nobody knows" fly
usage_error "half a command" import
usage_error "an operand too few" import deck
usage_error "an operand too many" version now
usage_error "an option without its value" migrate up --dir
usage_error "a number that is none" import cdrs x.csv --deck d --batch-rows many
like "$("$TOLLGATE" version)" '^tollgate [0-9]+\.[0-9]+\.[0-9]+' "version"
is "$("$TOLLGATE" --version)" "$("$TOLLGATE" version)" "--version"

# --- configuration
for name in $("$TOLLGATE" config check --list | sed -n 's/^\([a-z0-9.-]*\) (.*/\1/p'); do
    grep -qE "^ *(# *)?(- )?$(sed 's/\./\\./g' <<<"$name")[:,]|$(sed 's/\./\\./g' <<<"$name"):" h2o.conf || echo "$name"
done >"$dir/not-in-conf"
is "$(cat "$dir/not-in-conf")" "" "every directive stands in h2o.conf"
grep -oE 'tollgate\.[a-z-]+:' h2o.conf | tr -d : | sort -u >"$dir/in-conf"
is "$("$TOLLGATE" config check --list | sed -n 's/^\(tollgate\.[a-z-]*\) (.*/\1/p' | sort -u | comm -13 - "$dir/in-conf")" "" \
    "and what stands there is a directive"
write_tls
TOLLGATE_CERTIFICATE=$dir/tls.crt TOLLGATE_KEY=$dir/tls.key "$TOLLGATE" config check >"$dir/out" 2>"$dir/err"
is "$? $(cat "$dir/err")" "0 " "the shipped h2o.conf is fine: $(cat "$dir/out")"
broken() { # PLACE PATTERN <FILE
    cat >"$dir/broken.conf"
    "$TOLLGATE" config check --conf "$dir/broken.conf" >"$dir/out" 2>"$dir/err"
    is "$? $(wc -c <"$dir/out")" "1 0" "a broken file is refused: $(sed "s|.*broken.conf:||" "$dir/err" | cut -c1-100)"
    like "$(cat "$dir/err")" "broken\.conf:$1: .*$2" "… at $1"
}
paths='hosts: {default: {paths: {"/": {tollgate.app: ON}}}}'
broken 1:1 nonsense <<<'nonsense: 1'
broken 2:1 tollgate.lua-dirr <<<$'num-threads: 2\ntollgate.lua-dirr: lua'
broken 1:14 'between 1' <<<'num-threads: many'
broken 1:14 'between 1' <<<'num-threads: 0'
broken 1:27 'between' <<<'tollgate.request-timeout: -5'
broken 1:19 '' <<<'tollgate.metrics: EVERYBODY'
broken 1:21 '' <<<'tollgate.log-level: loud'
broken 1:20 'password' <<<'tollgate.database: mysql://me:secret@localhost/x'
broken '1:27' 'cannot be read' <<<'tollgate.database: {file: /no/such/file}'
broken '2:[0-9]+' '' <<<$'listen:\n  port: 99999'
broken '4:[0-9]+' 'no/such' <<<$'listen:\n  port: 0\n  ssl:\n    certificate-file: /no/such/cert\n    key-file: /no/such/key'
broken '1:[0-9]+' '' <<<'listen: {port: 8080, colour: red}'
broken '2:1' 'twice' <<<$'num-threads: 1\nnum-threads: 2'
broken '[12]:[0-9]+' '' <<<$'listen: [1, 2\nhosts: x'
broken '1:[0-9]+' '' <<<$'\tlisten: 1'
broken '1:[0-9]+' '' <<<'tollgate.cors-origins: ["example.com"]'
broken '1:7' 'no-such-user' <<<'user: no-such-user'
broken '1:[0-9]+' '' <<<'hosts: {default: {paths: {"/": {file.dir: [a, b]}}}}'
"$TOLLGATE" config check --conf /no/such/file >"$dir/out" 2>"$dir/err"
is "$? $(grep -c /no/such/file "$dir/err")" "1 1" "a file that is not there"

# --- the database
cp -r migrations "$dir/migrations"
make_database
"$TOLLGATE" migrate status >"$dir/out" 2>&1
is "$?" 0 "migrate status: nothing is pending"
is "$(grep -c applied "$dir/out")" "$(ls migrations/*.sql | wc -l)" "… and all are listed"
"$TOLLGATE" migrate up >"$dir/out" 2>&1
is "$? $(tail -n 1 "$dir/out")" "0 The database is up to date." "migrate up again does nothing"
echo '-- more' >>"$dir/migrations/$(ls migrations | grep '\.sql$' | head -n 1)"
"$TOLLGATE" migrate up --dir "$dir/migrations" >"$dir/out" 2>&1
is "$? $(grep -c 'was changed after it had been applied' "$dir/out")" "1 1" "a migration that was changed is refused"
cp migrations/*.sql "$dir/migrations/"
echo 'CREATE TABLE later (id INT PRIMARY KEY);' >"$dir/migrations/9999_later.sql"
last=$(ls migrations/*.sql | tail -n 1 | sed 's|.*/0*\([0-9]*\)_.*|\1|')
mv "$dir/migrations/9999_later.sql" "$dir/migrations/$(printf %04d $((last + 1)))_later.sql"
"$TOLLGATE" migrate status --dir "$dir/migrations" >"$dir/out" 2>&1
is "$? $(grep -c pending "$dir/out")" "3 1" "migrate status tells what is pending, by exit code 3"
mkfifo "$dir/holder"
mariadb --defaults-extra-file="$dir/my.cnf" --batch --skip-column-names --unbuffered "$database" <"$dir/holder" >"$dir/held" 2>&1 &
holder=$!
exec 8>"$dir/holder"
echo "SELECT GET_LOCK(CONCAT('tollgate_migrate.', LEFT(DATABASE(), 40)), 5);" >&8
until_true 10 test -s "$dir/held"
"$TOLLGATE" migrate up --dir "$dir/migrations" >"$dir/second" 2>&1 8>&- &
second=$!
waits() {
    [ "$(sql "SELECT COUNT(*) FROM information_schema.processlist WHERE state = 'User lock'")" -ge 1 ]
}
until_true 10 waits
ok $? "a second runner waits for the first"
is "$(sql "SHOW TABLES LIKE 'later'")" "" "… and does nothing meanwhile"
exec 8>&-
wait $holder
wait $second
is "$? $(sql "SHOW TABLES LIKE 'later'")" "0 later" "… and goes on when the first has ended"

make_platform
is "$(stat -c %a "$dir/key")" 600 "create-platform: the key's file is for its owner"
like "$key" '^tgk_[0-9a-z]{26}_' "… and holds a key"
rm -f "$dir/key2"
"$TOLLGATE" company create-platform --name "E2E platform" --key-file "$dir/key2" >"$dir/out" 2>"$dir/err"
is "$? $(grep -c 'There is a platform' "$dir/err")" "1 1" "create-platform twice: $(grep -o 'There is.*' "$dir/err" | cut -c1-60)"
[ ! -s "$dir/key2" ]
ok $? "… and no key of a company that is not there"

# --- the rights of the server's own database user
server_sql() { # SQL as the server
    local url=$TOLLGATE_DATABASE_URL user password
    user=${url#mysql://} && user=${user%%:*}
    password=${url#*://*:} && password=${password%%@*}
    sed -e "s/^user=.*/user=$user/" -e "s/^password=.*/password=$password/" "$dir/my.cnf" >"$dir/server.cnf"
    mariadb --defaults-extra-file="$dir/server.cnf" --batch --skip-column-names "$database" -e "$1" 2>&1
}
server_sql 'SELECT COUNT(*) FROM companies' >"$dir/out"
is "$? $(cat "$dir/out")" "0 1" "the server's user reads companies"
for table in ledger_entries ledger_postings usage_events; do
    for statement in "UPDATE $table SET company_id = company_id" "DELETE FROM $table" "TRUNCATE $table" "DROP TABLE $table" "ALTER TABLE $table ADD x INT"; do
        like "$(server_sql "$statement")" 'denied' "it may not ${statement%% *} $table"
    done
done
like "$(server_sql 'CREATE TABLE mine (id INT)')" denied "nor make tables"
like "$(server_sql 'SELECT * FROM mysql.user')" denied "nor look at users"

# --- lua, busted
cat >"$dir/script.lua" <<'END'
local sql = tg.db.declare({
  companies = { unscoped = "a test", sql = "SELECT name, id AS `id:co` FROM companies WHERE name = {name}" },
  add = { unscoped = "a test", sql = "INSERT INTO jobs (id) VALUES ({id:id})" },
})
local rows = assert(tg.db.query(sql.companies, { name = arg[1] }))
print(#rows, rows[1].name, tg.id.is(rows[1].id, "co"))
local none, err = tg.db.transaction(function(tx)
  assert(tx:query(sql.companies, { name = "x" }))
  return nil, { code = "conflict", detail = "rolled back" }
end)
print(none, err.code, tostring(tg.decimal.new("0.1") + tg.decimal.new("0.2")))
assert(tg.redis.call("SET", "e2e", "1"))
print(tg.redis.call("GET", "e2e"), tg.json.encode({ a = tg.json.array({}) }))
END
"$TOLLGATE" lua "$dir/script.lua" "E2E platform" >"$dir/out" 2>"$dir/err"
is "$? $(grep -v '"level":"info"' "$dir/err")
$(cat "$dir/out")" "0 
1	E2E platform	true
nil	conflict	0.3
1	{\"a\":[]}" "tollgate lua: a script with the real database and Redis"
echo 'error("no")' >"$dir/script.lua"
"$TOLLGATE" lua "$dir/script.lua" >"$dir/out" 2>"$dir/err"
is "$? $(grep -c 'script.lua:1: no' "$dir/err")" "1 1" "a script that fails: 1, and where"
"$TOLLGATE" lua "$dir/no-such.lua" >"$dir/out" 2>"$dir/err"
is $? 1 "a script that is not there"
"$TOLLGATE" busted --output=TAP tests/lua/core >"$dir/out" 2>"$dir/err"
is "$? $(grep -c '^not ok' "$dir/out")" "0 0" "tollgate busted runs the specs of lua/core: $(grep -c '^ok' "$dir/out")"
mkdir -p "$dir/specs" && echo 'describe("x", function() it("fails", function() assert.is_true(false) end) end)' >"$dir/specs/x_spec.lua"
"$TOLLGATE" busted --output=TAP "$dir/specs/x_spec.lua" >"$dir/out" 2>"$dir/err"
code=$?
ok $((code != 0 && code < 128 ? 0 : 1)) "and says with $code that one fails"

# --- rating cases
"$TOLLGATE" rating cases tests/fixtures/rating/cases.json >"$dir/out" 2>"$dir/err"
is "$? $(tail -n 1 "$dir/out" | grep -cE '^[1-9][0-9]* passed, 0 failed')" "0 1" "rating cases: $(tail -n 1 "$dir/out")"
if [ -e "$shared/data/rating-cases.json" ]; then
    "$TOLLGATE" rating cases "$shared/data/rating-cases.json" >"$dir/out" 2>"$dir/err"
    is "$? $(tail -n 1 "$dir/out" | grep -cE '^[1-9][0-9]* passed, 0 failed')" "0 1" "the published cases: $(tail -n 1 "$dir/out")"
else
    skip "the published rating cases" "$shared is not there"
fi
"$TOLLGATE" ledger verify >"$dir/out" 2>&1
is $? 0 "ledger verify of an empty ledger"
"$TOLLGATE" reload --control-socket "$dir/nobody.sock" >"$dir/out" 2>"$dir/err"
is "$? $(grep -c 'is the server running' "$dir/err")" "1 1" "reload without a server"
TOLLGATE_DATABASE_URL=nonsense TOLLGATE_OWNER_URL=nonsense "$TOLLGATE" migrate up >"$dir/out" 2>"$dir/err"
is $? 1 "a database URL that is none: $(cut -c1-100 "$dir/err")"
done_testing
