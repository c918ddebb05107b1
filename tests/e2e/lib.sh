# lib - what every end-to-end script begins with: `. tests/e2e/lib.sh`.
#
# A script gets: database (TOLLGATE_DATABASE_URL, TOLLGATE_OWNER_URL) of its own, $E2E_DIR/<script> as $dir for its files,
# free loopback ports in $port and $tls_port, and these functions. It ends with `done_testing`.
set -u
shopt -s lastpipe
script_name=$(basename "$0" .sh)
dir=$E2E_DIR/$script_name
mkdir -p "$dir"
. "$E2E_DIR/s/env"
base_database_url=$TOLLGATE_DATABASE_URL
test_number=0 test_failures=0 server_pid=

# --- TAP
ok() { # CONDITION-STATUS NAME
    test_number=$((test_number + 1))
    if [ "$1" = 0 ]; then
        echo "ok $test_number - $2"
    else
        test_failures=$((test_failures + 1))
        echo "not ok $test_number - $2"
    fi
}
equal() { # NAME GOT WANTED, as amounts: 1.50 is 1.5
    is "$(shortest "$2")" "$(shortest "$3")" "$1"
}
shortest() {
    sed -E 's/(\.[0-9]*[1-9])0+$/\1/; s/\.0+$//' <<<"$1"
}
is() { # GOT WANTED NAME
    if [ "$1" = "$2" ]; then
        ok 0 "$3"
    else
        ok 1 "$3"
        printf '#   got:    %s\n#   wanted: %s\n' "${1:0:2000}" "${2:0:2000}"
    fi
}
like() { # GOT PATTERN(ERE) NAME
    if [[ $1 =~ $2 ]]; then
        ok 0 "$3"
    else
        ok 1 "$3"
        printf '#   got:        %s\n#   wanted like: %s\n' "${1:0:2000}" "$2"
    fi
}
skip() { # NAME REASON
    test_number=$((test_number + 1))
    echo "ok $test_number - $1 # SKIP $2"
}
done_testing() {
    echo "1..$test_number"
    exit $((test_failures > 0))
}
# Waits for a condition, never for a time: `until_true SECONDS command…`
until_true() {
    local tries=$(($1 * 20))
    shift
    until "$@" >/dev/null 2>&1; do
        tries=$((tries - 1))
        [ $tries -gt 0 ] || return 1
        sleep 0.05
    done
}

runs() { # PID: not dead, and not dead and uncollected either
    kill -0 "$1" 2>/dev/null && ! grep -qs '^State:[[:space:]]*Z' "/proc/$1/status"
}

run_node() { # PROGRAM ARGUMENT…: its TAP becomes ours
    local line ended=1
    node "$@" 2>&1 | while IFS= read -r line; do
        case $line in
        "ok "* | "not ok "*)
            local status=0 name=${line#*- }
            [ "${line%% *}" = ok ] || status=1
            ok $status "$name"
            ;;
        1..*) ended=0 ;;
        *) echo "$line" ;;
        esac
    done
    [ $ended = 0 ] || ok 1 "$(basename "$1") came to its end"
}

# --- database
sql() { # as the owner: rows without headers
    mariadb --defaults-extra-file="$dir/my.cnf" --batch --skip-column-names "$database" -e "$1"
}
# For who must be quick: looks each 5 ms, for half a minute, and its last look is not waited for.
until_sql() { # CONDITION
    grep -m 1 -qx 1 < <(for i in {1..6000}; do
        echo "SELECT $1; DO SLEEP(0.005);"
    done | mariadb --defaults-extra-file="$dir/my.cnf" --batch --skip-column-names --unbuffered "$database" 2>/dev/null)
}
# Others wait for these tables until unlock_tables: a database that is slow, on purpose and for as long as we like.
lock_tables() { # TABLE…
    local tables
    tables=$(printf '%s WRITE, ' "$@")
    coproc locker { mariadb --defaults-extra-file="$dir/my.cnf" --batch --skip-column-names --unbuffered "$database" 2>&1; }
    locker_in=${locker[1]} locker_out=${locker[0]}
    echo "LOCK TABLES ${tables%, }; SELECT 'locked';" >&"$locker_in"
    read -r -t 10 <&"$locker_out"
}
unlock_tables() {
    echo 'UNLOCK TABLES;' >&"$locker_in"
    exec {locker_in}>&-
    wait "$locker_PID" 2>/dev/null
}
waiting_for_lock() { # how many statements wait for a table
    sql "SELECT COUNT(*) FROM information_schema.processlist WHERE db = '$database' AND state LIKE 'Waiting for table%'"
}
waits_for_lock() { # N: at least so many
    [ "$(waiting_for_lock)" -ge "$1" ]
}
write_client_config() {
    local url=$TOLLGATE_OWNER_URL user password socket
    user=${url#mysql://} && user=${user%%:*}
    password=${url#*://*:} && password=${password%%@*}
    socket=${url#*socket=} && socket=${socket%%&*}
    (umask 077 && printf '[client]\nuser=%s\npassword=%s\nsocket=%s\n' "$user" "$password" "$socket" >"$dir/my.cnf")
}
make_database() {
    database=tollgate_e2e_${script_name//[^a-z0-9]/_}
    TOLLGATE_DATABASE_URL=${base_database_url/"/tollgate?"/"/$database?"}
    TOLLGATE_OWNER_URL=${TOLLGATE_OWNER_URL/"/tollgate?"/"/$database?"}
    export TOLLGATE_DATABASE_URL TOLLGATE_OWNER_URL
    write_client_config
    mariadb --defaults-extra-file="$dir/my.cnf" -e "DROP DATABASE IF EXISTS \`$database\`; CREATE DATABASE \`$database\`"
    "$TOLLGATE" migrate up 2>"$dir/migrate.log" || { cat "$dir/migrate.log" >&2; exit 1; }
}
make_platform() { # the key in $dir/key
    rm -f "$dir/key"
    "$TOLLGATE" company create-platform --name "E2E platform" --key-file "$dir/key" >"$dir/platform" || exit 1
    platform=$(awk '$1 == "company" { print $2 }' "$dir/platform")
    key=$(cat "$dir/key")
}

verify_ledger() { # [WHEN]: the books are right, whatever has been done to them
    "$TOLLGATE" ledger verify >"$dir/verify" 2>&1
    local code=$?
    ok $code "${1:+$1: }ledger verify is clean"
    [ $code = 0 ] || head -n 8 "$dir/verify" | sed 's/^/#   /'
}

# --- server
free_port() {
    perl -MIO::Socket::INET -e 'print IO::Socket::INET->new(Listen => 1, LocalAddr => "127.0.0.1")->sockport'
}
write_tls() {
    [ -s "$dir/tls.crt" ] || openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 30 \
        -subj /CN=localhost -addext 'subjectAltName=DNS:localhost,IP:127.0.0.1' \
        -keyout "$dir/tls.key" -out "$dir/tls.crt" 2>/dev/null
    chmod 600 "$dir/tls.key"
}
write_conf() { # extra directives on standard input go into the file
    port=${port:-$(free_port)} tls_port=${tls_port:-$(free_port)}
    write_tls
    {
        cat <<END
listen:
  - host: 127.0.0.1
    port: $port
  - host: 127.0.0.1
    port: $tls_port
    ssl:
      certificate-file: $dir/tls.crt
      key-file: $dir/tls.key
num-threads: ${E2E_THREADS:-2}
pid-file: $dir/server.pid
tollgate.lua-dir: ${lua_dir:-lua}
tollgate.control-socket: $dir/control.sock
END
        cat
        cat <<END
hosts:
  default:
    paths:
      "/":
        tollgate.status: ON
        tollgate.app: ON
END
    } >"$dir/h2o.conf"
}
is_ready() {
    curl -sf -o /dev/null "http://127.0.0.1:$port/readyz"
}
is_ready_or_gone() {
    is_ready || ! kill -0 "$server_pid" 2>/dev/null
}
start_server() { # [NAME=VALUE…] into its environment
    [ -s "$dir/h2o.conf" ] || write_conf </dev/null
    env "$@" "$TOLLGATE" serve --conf "$dir/h2o.conf" >>"$dir/server.out" 2>>"$dir/server.log" </dev/null &
    server_pid=$!
    until_true 20 is_ready_or_gone
    is_ready || {
        echo "# the server is not ready; its log ends with:" >&2
        tail -n 20 "$dir/server.log" >&2
        return 1
    }
}
stop_server() { # TERM, and the code it exits with in $server_code
    [ -n "$server_pid" ] || return 0
    kill -TERM "$server_pid" 2>/dev/null
    wait "$server_pid"
    server_code=$?
    server_pid=
}
kill_server() {
    kill -KILL "$server_pid"
    wait "$server_pid" 2>/dev/null
    server_pid=
}
on_exit() {
    [ -z "$server_pid" ] || kill -KILL "$server_pid" 2>/dev/null
    [ $test_failures = 0 ] || { echo "--- server log" && tail -n 40 "$dir/server.log"; } >&2 2>/dev/null
}
trap on_exit EXIT
# A server with a fresh database and a platform key, and keys to keep secrets under.
fresh_server() {
    rm -f "$dir/master-key"
    "$TOLLGATE" secrets new-key "$dir/master-key" >/dev/null || exit 1
    export TOLLGATE_MASTER_KEY_FILE=$dir/master-key
    make_database
    make_platform
    start_server "$@" || exit 1
}

# --- API: `api METHOD PATH [curl arguments…]` sets $status, $content_type, $body; $headers names a file
headers=$dir/headers
api() {
    local method=$1 path=$2
    shift 2
    : >"$dir/body"
    read -r status content_type < <(curl -s -D "$headers" -o "$dir/body" -w '%{http_code} %{content_type}\n' -X "$method" \
        -H "Authorization: Bearer ${key:-}" "$@" "http://127.0.0.1:$port$path")
    body=$(tr -d '\0' <"$dir/body")
    # what was promised and what came is compared at the end, by 99-contract
    printf '%s\t%s\t%s\t%s\t%s\n' "$method" "$path" "$status" "$content_type" "$(base64 -w0 "$dir/body")" \
        >>"${transcript:-$E2E_DIR/transcript}"
}
post() { # PATH JSON [curl arguments…]; a JSON of @FILE is the file
    local path=$1 json=$2
    shift 2
    api POST "$path" -H 'Content-Type: application/json' --data-binary "$json" "$@"
}
field() { # of the last body, by a jq path
    jq -r "$1" <<<"$body" 2>/dev/null
}
json() { # the last body by a jq filter, compact
    jq -cS "$1" <<<"$body" 2>/dev/null
}
problem() { # STATUS SLUG NAME [POINTER of its first error]: the last answer is this problem document, complete
    local got wanted="$1 application/problem+json $1 https://tollgate.dev/problems/$2 ${4:-}"
    got="$status $content_type $(jq -r '"\(.status) \(.type) \(if .title and .detail and .request_id then "" else "incomplete " end)" +
        (.errors[0].pointer // "")' <<<"$body" 2>/dev/null)"
    if [ "$got" = "$wanted" ]; then
        ok 0 "$3"
    else
        is "$got: $body" "$wanted" "$3"
    fi
}
header() { # NAME of the last answer
    tr -d '\r' <"$headers" | sed -n "s/^$1: //Ip" | tail -n 1
}
make_company() { # NAME [JSON MEMBERS…]: its id in $id
    local members=
    [ $# -lt 2 ] || members=,$2
    post /v1/companies "{\"name\": \"$1\"$members}"
    id=$(field .id)
    [ "$status" = 201 ] || echo "# company $1: $status $body"
}
make_deck() { # NAME CSV-FILE: its id in $deck
    post /v1/rate-decks "{\"name\": \"$1\", \"currency\": \"USD\"}"
    deck=$(field .id)
    api PUT "/v1/rate-decks/$deck/rates" -H 'Content-Type: text/csv' --data-binary "@$2"
    [ "$status" = 200 ] || echo "# deck $1: $status $body"
}
# People need a mailbox: fresh_server TOLLGATE_MAIL_URL="dir:$mail"
mail=$dir/mail
has_letter() { # ADDRESS
    grep -qls "^To: $1" "$mail"/*.eml
}
invite_person() { # EMAIL ROLE [JSON MEMBERS]: with $platform_key, their id in $person
    local members=${3:-}
    key=$platform_key
    [ -n "$members" ] || members="\"roles\": [{\"role\": \"$2\"}]"
    post /v1/users "{\"email\": \"$1\", \"name\": \"Ada\", $members}"
    person=$(field .id)
}
accept_invitation() { # EMAIL PASSWORD
    local code
    until_true 20 has_letter "$1"
    code=$(sed '1,/^\r$/d' "$(grep -ls "^To: $1" "$mail"/*.eml)" | base64 -di | grep -oE '^    [A-Za-z0-9_-]{43}' | tr -d ' ')
    post /v1/auth/password "{\"code\": \"$code\", \"password\": \"$2\"}"
    [ "$status" = 204 ] || echo "# $1 has no password: $status $body"
}
make_person() { # EMAIL ROLE PASSWORD [JSON MEMBERS]: their id in $person
    invite_person "$1" "$2" "${4:-}"
    accept_invitation "$1" "$3"
}
login() { # EMAIL PASSWORD
    post /v1/auth/login "{\"email\": \"$1\", \"password\": \"$2\"}"
}
code_at() { # SECRET STEPS-FROM-NOW: what an authenticator shows
    python3 - "$@" <<'END'
import base64, hashlib, hmac, struct, sys, time
secret = sys.argv[1] + "=" * (-len(sys.argv[1]) % 8)
step = int(time.time()) // 30 + int(sys.argv[2])
mac = hmac.new(base64.b32decode(secret), struct.pack(">q", step), hashlib.sha1).digest()
at = mac[-1] & 15
print("%06d" % ((struct.unpack(">I", mac[at:at + 4])[0] & 0x7fffffff) % 1000000))
END
}
early_in_step() { # not at the very end of one: the code must still be of it when it arrives
    [ $(($(date +%s) % 30)) -lt 26 ] || sleep 5
}
event() { # EVENT_ID [JQ OBJECT to add]: a call of 61 seconds
    jq -nc --arg id "$1" '{event_id: $id, source: "gw-1", meter: "call.seconds", event_time: "2026-07-15T10:00:00Z",
        quantity: "61", properties: {to: "+12125550100"}} + '"${2:-{\}}"
}
shared=${TOLLGATE_SHARED:-../shared}
cli() { # COMMAND… over the API with this script's server and key
    XDG_STATE_HOME=$dir/state "$TOLLGATE" "$@" --url "http://127.0.0.1:$port" --key-file "$dir/key"
}
