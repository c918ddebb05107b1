# 50 - clients that leave before the answer: during slow queries and while their usage is charged. Nothing breaks, and
# what was sent whole is counted once.
. tests/e2e/lib.sh
fresh_server
cat >"$dir/deck.csv" <<END
prefix,name,per_minute,connect_fee,initial_s,increment_s,effective_from,effective_to
1,North America,0.0120,0,60,60,2026-01-01T00:00:00Z,
END
make_deck prices "$dir/deck.csv"
make_company alpha "\"rate_deck\": \"$deck\"" && alpha=$id
leave() { # HOST:PORT PROTOCOL N PATH [BODY-FILE…]: sends; leaves when leave_now is called
    local address=$1 protocol=$2 n=$3 path=$4
    shift 4
    coproc leaver { exec tests/e2e/leave.py "$address" "$protocol" "$n" "$path" "$key" "$@" 2>&1; }
    leaver_in=${leaver[1]} leaver_out=${leaver[0]} leaver_pid=$leaver_PID
    read -r -t 20 said <&"$leaver_out"
}
leave_now() {
    echo >&"$leaver_in"
    read -r -t 20 said <&"$leaver_out"
    wait "$leaver_pid" 2>/dev/null
}

# --- during slow reads
for protocol in h1 h2; do
    [ $protocol = h1 ] && address=127.0.0.1:$port || address=127.0.0.1:$tls_port
    api GET /v1/me # the key is known to the threads
    lock_tables usage_events
    leave "$address" $protocol 20 /v1/usage
    until_true 10 waits_for_lock 1
    ok $? "$protocol: 20 clients wait for a slow query"
    leave_now
    is "$said" gone "… and leave"
    unlock_tables
    api GET /v1/usage
    is "$status" 200 "$protocol: the server answers others"
done

# --- while usage is charged: sent whole, so it may be charged; repeated, it is charged once
for protocol in h1 h2; do
    [ $protocol = h1 ] && address=127.0.0.1:$port || address=127.0.0.1:$tls_port
    files=()
    for i in $(seq 10); do
        event "$protocol-$i" "{company: \"$alpha\"}" >"$dir/$protocol-$i.json"
        files+=("$dir/$protocol-$i.json")
    done
    lock_tables usage_events
    leave "$address" $protocol 10 /v1/usage "${files[@]}"
    until_true 10 waits_for_lock 1
    ok $? "$protocol: the ledger engine waits with usage of 10 clients"
    leave_now
    is "$said" gone "… who leave"
    unlock_tables
    jq -s . "${files[@]}" >"$dir/all.json"
    post /v1/usage "@$dir/all.json"
    is "$status $(json '.accepted + .duplicates')" '200 10' "$protocol: the same usage again: $(json '[.accepted, .duplicates]')"
    is "$(sql "SELECT COUNT(*), COUNT(DISTINCT event_id) FROM usage_events WHERE event_id LIKE '$protocol-%'")" $'10\t10' \
        "$protocol: each event is counted once"
done

# --- bodies that stop: the connection goes, nothing else
for how in close reset; do
    python3 tests/e2e/raw.py "127.0.0.1:$port" $how < <(
        printf 'POST /v1/usage HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer %s\r\nContent-Length: 5000000\r\n\r\n' "$key"
        head -c 2000000 /dev/zero | tr '\0' ' '
    )
done
is "$(sql 'SELECT COUNT(*) FROM usage_events')" 20 "half an upload does nothing"
# --- and answers that nobody reads
for i in 1 2 3 4 5 6; do
    python3 tests/e2e/raw.py "127.0.0.1:$port" reset < <(
        for _ in $(seq 30); do printf 'GET /v1/usage HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer %s\r\n\r\n' "$key"; done
    )
done
api GET /v1/usage
is "$status" 200 "pipelined requests whose client is gone: the server goes on"
verify_ledger
is "$(grep '"level":"error"' "$dir/server.log" | head -n 3)" "" "the server has logged no error"
stop_server
is "$server_code" 0 "the server ends with 0, and nothing has leaked"
done_testing
