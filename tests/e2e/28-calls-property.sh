#!/bin/bash
# 28 - random histories of thousands of calls on two servers that are killed at every commit point, while Redis and MariaDB
# die, too: no moment at which more is charged and held than there was money for, and at the end every book is right.
# alone: it counts what is done in a time
. tests/e2e/lib.sh
seed=${TOLLGATE_SEED:-$((RANDOM * 32768 + RANDOM))}
seconds=$((${TOLLGATE_TEST_FULL:-0} == 1 ? 150 : 40))
echo "# TOLLGATE_SEED=$seed"
RANDOM=$seed
export E2E_THREADS=2
"$TOLLGATE" secrets new-key "$dir/master-key" >/dev/null
export TOLLGATE_MASTER_KEY_FILE=$dir/master-key
make_database
make_platform
write_conf </dev/null
cp "$dir/h2o.conf" "$dir/a.conf"
a_port=$port b_port=$(free_port)
sed "s/port: $port\$/port: $b_port/; s/port: $tls_port\$/port: $(free_port)/; s|$dir/server.pid|$dir/b.pid|; s|$dir/control.sock|$dir/b.sock|" \
    "$dir/h2o.conf" >"$dir/b.conf"

# --- two servers; each dies at some commit, before or after it, and comes back
points=(charge_before_commit=kill charge_after_commit=kill charge_lost_commit_reply=hit charge_before_commit=kill charge_after_commit=kill)
supervise() { # NAME SEED
    local name=$1 fault code
    RANDOM=$2
    while [ ! -e "$dir/stop" ]; do
        fault=${points[RANDOM % ${#points[@]}]}:$((20 + RANDOM % 250))
        case $fault in *hit*) fault+=x3,charge_after_commit=kill:$((300 + RANDOM % 300)) ;; esac
        TOLLGATE_FAULTS=$fault "$TOLLGATE" serve --conf "$dir/$name.conf" >>"$dir/$name.out" 2>>"$dir/$name.log" </dev/null &
        echo $! >"$dir/$name.runs"
        wait $! 2>/dev/null
        code=$?
        echo "$code $fault" >>"$dir/ends"
    done
}
supervise a $((seed % 32000)) &
supervisor_a=$!
supervise b $((seed % 32000 + 1)) &
supervisor_b=$!
answers() { curl -sf -o /dev/null "http://127.0.0.1:$1/readyz"; }
until_true 30 answers "$a_port" && until_true 30 answers "$b_port"
ok $? "two servers on one database"

# --- somebody who looks at what is committed, and believes nothing else
bound="SELECT HEX(w.company_id), w.balance, w.credit_limit, w.held, w.open_calls, c.overrun, c.held, c.open, c.charged
  FROM wallets w JOIN (SELECT company_id, SUM(overrun) overrun, SUM(IF(state = 'open', held, 0)) held, SUM(state = 'open') open,
                              SUM(COALESCE(charge, debited)) charged FROM calls GROUP BY company_id) c USING (company_id)
 WHERE w.held <> c.held OR w.open_calls <> c.open OR w.balance <> -c.charged OR w.balance + w.credit_limit - w.held < -c.overrun"
watch() {
    local i
    while [ ! -e "$dir/stop" ]; do
        for i in {1..50}; do
            echo "$bound; SELECT 'looked'; DO SLEEP(0.02);"
        done | mariadb --defaults-extra-file="$dir/my.cnf" --batch --skip-column-names --unbuffered "$database" \
            >>"$dir/looks" 2>/dev/null || sleep 0.2
    done
}
watch &
watcher=$!

# --- the calls
"$TOLLGATE" sim calls --url "http://127.0.0.1:$a_port,http://127.0.0.1:$b_port" --key-file "$dir/key" --rate 4 --speed 12 \
    --for "$seconds" --companies 6 --overrun 34 --money $((seconds / 10)) --slice 20 --seed "$seed" --repeat 15 --drop 15 --reorder 20 --abandon 8 --board 4 \
    --connections 24 --retry-seconds 90 >"$dir/sim.out" 2>"$dir/sim.err" &
sim=$!

# --- what happens to them besides
kill_service() { # PIDFILE NAME
    local pid
    pid=$(cat "$1")
    kill -KILL "$pid"
    is_gone() { ! runs "$pid"; }
    until_true 20 is_gone
    sleep 0.$((RANDOM % 10))
    [ "$2" != Redis ] || rm -f "$E2E_DIR/s/redis.sock"
    scripts/services start "$E2E_DIR/s" 2>>"$dir/services.log"
    echo "$2" >>"$dir/services.killed"
}
expire_some() { # HOW MANY: they are due now, whatever they do
    sql "UPDATE calls SET expires_at = UTC_TIMESTAMP(6) WHERE state = 'open' ORDER BY RAND() LIMIT $1" 2>/dev/null
}
began=$SECONDS
for ((turn = 1; SECONDS - began < seconds; turn++)); do
    sleep 1
    expire_some 2
    case $((turn % 20)) in
    8) kill_service "$E2E_DIR/s/redis.pid" Redis ;;
    15) kill_service "$E2E_DIR/s/mysql/mysql.pid" MariaDB ;;
    esac
done
sleep 8 # the last hang up
until ! runs $sim; do
    expire_some 1000
    sleep 1
done
wait $sim
is $? 0 "the simulator's books are the server's"
touch "$dir/stop"
kill -TERM "$(cat "$dir/a.runs")" "$(cat "$dir/b.runs")" 2>/dev/null
wait $supervisor_a $supervisor_b $watcher
tail -n 14 "$dir/sim.out" | sed 's/^/# /'
sed 's/^/# /' "$dir/sim.err"

# --- the end
is "$(grep -v looked "$dir/looks" | head -n 5)" "" "at no moment was more charged and held than there was money for"
looks=$(grep -c looked "$dir/looks")
ok $((looks > seconds * 3 ? 0 : 1)) "… it was looked $looks times"
killed=$(grep -c '^137 ' "$dir/ends")
ok $((killed >= seconds / 12 ? 0 : 1)) "the servers killed themselves $killed times"
for point in charge_before_commit charge_after_commit; do
    ok $((($(grep -c "^137 $point" "$dir/ends")) > 0 ? 0 : 1)) "… at $point"
done
is "$(grep -vE '^(137|0|143) ' "$dir/ends" | head -n 3)" "" "no server ended in another way"
is "$(sort "$dir/services.killed" | uniq | tr '\n' ' ')" "MariaDB Redis " "both services were killed"
is "$(sql "SELECT COUNT(*) FROM calls WHERE state = 'open'")" 0 "no call is open"
is "$(sql "SELECT COUNT(*) FROM (SELECT 1 FROM usage_events WHERE source = 'tollgate' GROUP BY company_id, call_id, meter HAVING COUNT(*) > 1) x")" 0 \
    "no call was settled twice"
is "$(sql "SELECT COUNT(*) FROM (SELECT 1 FROM ledger_postings GROUP BY entry_id, currency HAVING SUM(amount) <> 0) x")" 0 "postings sum to zero"
calls=$(sql "SELECT COUNT(*) FROM calls")
expired=$(sql "SELECT COUNT(*) FROM calls WHERE state = 'expired'")
ok $((calls > seconds * 10 && expired > 10 ? 0 : 1)) "of $calls calls $expired expired"
verify_ledger
done_testing
