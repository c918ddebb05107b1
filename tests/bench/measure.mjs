// measure - one round of load on one server: what the client saw, what the server's and MariaDB's processors did.
import { spawn } from 'node:child_process';
import { readFileSync, rmSync } from 'node:fs';
import path from 'node:path';

const TICKS = 100; // USER_HZ of Linux
const here = path.dirname(new URL(import.meta.url).pathname);

function run(program, args, secondsMax) {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'] });
    let out = '', err = '';
    const timer = setTimeout(() => child.kill('SIGKILL'), secondsMax * 1000);
    child.on('close', () => clearTimeout(timer));
    child.stdout.on('data', (part) => { out += part; });
    child.stderr.on('data', (part) => { err += part; });
    child.on('error', reject);
    child.on('close', (code) => (code === 0 ? resolve(out) : reject(new Error(`${program} ended with ${code}: ${err}${out}`))));
  });
}

/** Processor seconds of all threads of these processes. */
function cpuSeconds(pids) {
  return pids.reduce((sum, pid) => {
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').replace(/^.*\) /, '').split(' ');
    return sum + (Number(fields[11]) + Number(fields[12])) / TICKS;
  }, 0);
}

export function memoryMb(pids) {
  return pids.reduce((sum, pid) => sum + Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))[1]) / 1024, 0);
}

async function wrk(server, load, seconds, args) {
  const out = await run('wrk', ['-t1', `-c${load.connections}`, `-d${seconds}s`, '--timeout', '10s', '-s', path.join(here, 'wrk.lua'),
    `http://127.0.0.1:${server.port}${load.path}`, '--', ...args], seconds + 30);
  const r = JSON.parse(out.trim().split('\n').pop());
  if (r.failed > 0) throw new Error(`${server.name} ${load.path}: ${r.failed} requests failed: ${r.why}`);
  return { requests: r.requests, seconds: r.usecs / 1e6, accepted: r.accepted, p50: r.p50 / 1e3, p99: r.p99 / 1e3, p999: r.p999 / 1e3 };
}

function percentile(sorted, share) {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] / 1e3;
}

// By count, not by time: against node's HTTP/2 h2load -D does not come to an end.
async function h2load(server, load, seconds, dir) {
  const log = path.join(dir, 'h2load.log');
  rmSync(log, { force: true });
  const requests = Math.max(10000, Math.round(seconds * (server.rateOverH2 ?? 0)));
  const body = load.body ? ['-d', load.bodyFile, '-H', 'content-type: application/json'] : [];
  const out = await run('h2load', ['-t1', '-c16', '-m32', `-n${requests}`, `--log-file=${log}`, ...body,
    `https://127.0.0.1:${server.tlsPort}${load.path}`], 10 * seconds + 30);
  if (!/ h2\b/.test(/Application protocol:.*/.exec(out)?.[0] ?? '')) throw new Error(`${server.name} does not speak HTTP/2:\n${out}`);
  const lines = readFileSync(log, 'utf8').trim().split('\n').map((line) => line.split('\t'));
  const bad = lines.filter(([, status]) => status !== '200').length;
  if (bad > 0 || lines.length !== requests) throw new Error(`${server.name} ${load.path}: ${bad} of ${lines.length} answers are not 200`);
  const took = Number(/finished in ([\d.]+)s/.exec(out)?.[1] ?? Number(/finished in ([\d.]+)ms/.exec(out)[1]) / 1000);
  server.rateOverH2 = requests / took;
  const usecs = Float64Array.from(lines, (line) => Number(line[2])).sort();
  return { requests, seconds: took, accepted: 0, p50: percentile(usecs, 0.5), p99: percentile(usecs, 0.99), p999: percentile(usecs, 0.999) };
}

/** One round. `load`: {path, method, body, connections, batch, over: "h1" | "h2"}. */
export async function measure(stand, server, load, seconds, run_name) {
  const mine = stand.pids(server), database = stand.pids(null);
  const before = [cpuSeconds(mine), cpuSeconds(database)];
  let result;
  if (load.over === 'h2') result = await h2load(server, load, seconds, stand.dir);
  else if (load.batch) result = await wrk(server, load, seconds, ['usage', String(load.batch), run_name, stand.apiKey, stand.companies.join(',')]);
  else result = await wrk(server, load, seconds, ['static', load.method ?? 'GET', load.body ?? '']);
  result.cpu = cpuSeconds(mine) - before[0];
  result.databaseCpu = cpuSeconds(database) - before[1];
  result.memory = memoryMb(mine);
  result.rate = (load.batch ? result.accepted : result.requests) / result.seconds;
  result.perCpu = (load.batch ? result.accepted : result.requests) / result.cpu;
  return result;
}
