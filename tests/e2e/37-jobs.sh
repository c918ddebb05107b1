# 37 - jobs on the running server: its schedules are kept and run, each slot once on however many threads; a job that
# a killed server left behind is run by the next.
. tests/e2e/lib.sh
fresh_server
done_jobs() { # WANTED
    [ "$(sql "SELECT COUNT(*) FROM jobs WHERE handler = 'jobs.jobs:purge' AND state = 'done'")" = "$1" ]
}
until_true 15 done_jobs 1
ok $? "the first slot of the schedule that the application declares is run"
is "$(sql "SELECT name, every_s, last_run_at IS NOT NULL, next_run_at > UTC_TIMESTAMP() FROM cron WHERE name = 'jobs.purge'")" \
    $'jobs.purge\t3600\t1\t1' "and the next is an hour away"
like "$(curl -s "http://127.0.0.1:$port/metrics")" 'tollgate_jobs_total\{handler="jobs.jobs:purge",outcome="done"\} 1' "it is counted"

sql "UPDATE cron SET next_run_at = UTC_TIMESTAMP(6) - INTERVAL 3 HOUR"
until_true 15 done_jobs 2
ok $? "slots that were missed"
sleep 2
done_jobs 2
ok $? "are run once, not made up for"

sql "INSERT INTO jobs (id, handler, arguments, state, run_at, attempts, lease_until, lease_token, created_at, updated_at)
     VALUES (RANDOM_BYTES(16), 'jobs.jobs:purge', '{}', 'running', UTC_TIMESTAMP(6) - INTERVAL 1 SECOND, 1,
             UTC_TIMESTAMP(6) - INTERVAL 1 SECOND, RANDOM_BYTES(16), UTC_TIMESTAMP(6), UTC_TIMESTAMP(6))"
until_true 15 done_jobs 3
ok $? "what a killed server left behind is taken when its lease is over"
is "$(sql "SELECT COUNT(*) FROM jobs WHERE state <> 'done'")" 0 "nothing is left"
stop_server
is "$server_code" 0 "and the server ends as it should"
done_testing
