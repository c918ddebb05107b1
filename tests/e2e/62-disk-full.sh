# 62 - a full disk: under MariaDB usage is refused clearly and nothing acknowledged is lost; under the access log requests
# are served all the same.
. tests/e2e/lib.sh
if [ "$(id -u)" != 0 ] || ! mkdir -p "$dir/disk" || ! mount -t tmpfs -o size=256m tollgate-test "$dir/disk" 2>/dev/null; then
    skip "a full disk" "mounting a small tmpfs takes root"
    done_testing
fi
unmount() {
    on_exit
    rm -f "$dir/disk/balloon" "$dir/disk/access.log"
    scripts/services stop "$dir/disk/s" >/dev/null 2>&1
    umount "$dir/disk" 2>/dev/null || umount -l "$dir/disk"
}
trap unmount EXIT

# Services of our own on the small disk; the others of this run are not touched.
chmod 711 "$E2E_DIR" "$dir" "$dir/disk"
TOLLGATE_DB_POOL=16M scripts/services start "$dir/disk/s" >"$dir/services.log" 2>&1 || {
    cat "$dir/services.log" >&2
    exit 1
}
. "$dir/disk/s/env"
base_database_url=$TOLLGATE_DATABASE_URL
write_conf <<END
tollgate.access-log: $dir/disk/access.log
END
fresh_server
cat >"$dir/deck.csv" <<END
prefix,name,per_minute,connect_fee,initial_s,increment_s,effective_from,effective_to
1,North America,0.0120,0,60,60,2026-01-01T00:00:00Z,
END
make_deck prices "$dir/deck.csv"
make_company alpha "\"rate_deck\": \"$deck\"" && alpha=$id
post /v1/usage "[$(event before "{company: \"$alpha\"}")]"
is "$status $(json .accepted)" '200 1' "usage is taken while there is room"

fill() { # what is left of the disk
    dd if=/dev/zero of="$dir/disk/balloon" bs=64k oflag=append conv=notrunc 2>/dev/null
    dd if=/dev/zero of="$dir/disk/balloon" bs=512 oflag=append conv=notrunc 2>/dev/null
}
fill
truncate -s -6M "$dir/disk/balloon"
is "$(($(df --output=avail "$dir/disk" | tail -n 1) / 1024))" 6 "6 MB are left"

# --- batches until the tablespace has to grow; each answer is written down as the sender would
acknowledged=0 refused=0
big=$(printf 'x%.0s' $(seq 3000))
for i in $(seq 60); do
    jq -nc --arg co "$alpha" --arg big "$big" --argjson i "$i" '[range(100) | {event_id: "full-\($i)-\(.)", source: "gw-1", meter: "call.seconds",
        event_time: "2026-07-15T10:00:00Z", quantity: "61", company: $co, properties: {to: "+12125550100", note: $big}}]' >"$dir/batch"
    post /v1/usage "@$dir/batch" --max-time 30
    if [ "$status" = 200 ]; then
        acknowledged=$((acknowledged + $(json .accepted)))
    else
        refused=$((refused + 1))
        break
    fi
done
ok $((refused > 0 && acknowledged > 0 ? 0 : 1)) "usage is refused at last (after $acknowledged events)"
problem 503 unavailable "… clearly: $(field .detail)"
fill # to the last byte
is "$(df --output=avail "$dir/disk" | tail -n 1 | tr -d ' ')" 0 "the disk is full"
api GET /v1/hello
is "$status" 200 "requests are served although the access log has no room"
kill -0 $server_pid
ok $? "the server lives"

rm "$dir/disk/balloon"
resent() {
    post /v1/usage "@$dir/batch" --max-time 30
    [ "$status" = 200 ]
}
until_true 30 resent
is "$status $(json '.accepted + .duplicates')" '200 100' "with room again the same batch is taken"
is "$(sql "SELECT COUNT(*), COUNT(DISTINCT event_id) FROM usage_events WHERE event_id LIKE 'full-%'")" \
    "$((acknowledged + 100))	$((acknowledged + 100))" "nothing acknowledged is lost, nothing is there twice"
api GET /v1/hello
like "$(tail -n 1 "$dir/disk/access.log" | jq -r .path 2>/dev/null)" '^/v1' "the access log goes on, too"
verify_ledger
stop_server
is "$server_code" 0 "the server ends with 0"
done_testing
