// calls - what scripts/bench calls runs: live calls by `tollgate sim calls`, beside the same in Fastify and the same SQL with
// one transaction an operation. Every run of the simulator compares the books; a difference ends the bench.
import { execFile, execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { Agent, request } from 'node:http';
import { availableParallelism, cpus, loadavg } from 'node:os';
import path from 'node:path';
import { measure, memoryMb } from './measure.mjs';
import { Stand } from './stand.mjs';

const root = path.resolve(path.dirname(new URL(import.meta.url).pathname), '../..');
const build = path.resolve(root, process.env.TOLLGATE_BUILD ?? 'build');
const TICKS = 100;

function readArguments(args) {
  const options = { seconds: 8, many: 10000, peers: true };
  for (let i = 0; i < args.length; i++) {
    if (args[i] === '--seconds') options.seconds = Math.min(120, Number(args[++i]));
    else if (args[i] === '--companies') options.many = Math.min(100000, Number(args[++i]));
    else if (args[i] === '--no-peers') options.peers = false;
    else throw new Error(`${args[i]}: --seconds N, --companies N and --no-peers are known`);
  }
  if (!(options.seconds >= 1 && options.many >= 1)) throw new Error('--seconds and --companies are numbers from 1');
  return options;
}

const cpuSeconds = (pids) => pids.reduce((sum, pid) => {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').replace(/^.*\) /, '').split(' ');
  return sum + (Number(fields[11]) + Number(fields[12])) / TICKS;
}, 0);

/** One run of the simulator: its JSON, and the processor seconds of the server and of MariaDB (making companies included). */
function sim(stand, server, args) {
  const pids = [stand.pids(server), stand.pids(null)], before = pids.map(cpuSeconds);
  return new Promise((resolve, reject) => {
    execFile(path.join(build, 'tollgate'), ['sim', 'calls', '--url', `http://127.0.0.1:${server.port}`, '--key-file',
      path.join(stand.dir, 'api-key'), '--money', '1000000', '--overrun', '0', '--json', ...args.map(String)],
    { maxBuffer: 1 << 24 }, (err, out, errors) => {
      if (err) return reject(new Error(`${server.name} ${args.join(' ')}: ${errors}${out}`));
      const result = JSON.parse(out);
      result.cpu = pids.map((list, i) => cpuSeconds(list) - before[i]);
      resolve(result);
    });
  });
}

function straight(stand, seconds, connections, companies) {
  const out = execFileSync(path.join(build, 'bench/calls_straight_bench'), [seconds, connections, companies].map(String),
    { cwd: root, env: stand.env, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
  return JSON.parse(out);
}

const whole = (n) => Math.round(n).toLocaleString('en');
const ms = (us) => (us < 10000 ? (us / 1000).toFixed(2) : (us / 1000).toFixed(0));
const quantiles = (route) => (route ? [route.p50_us, route.p99_us, route.p999_us].map(ms).join(' / ') : '–');
const pairs = (result) => result.routes.settle.n / result.seconds;
function row(name, result) {
  const { authorize, renew, settle } = result.routes;
  const each = (route) => (route && route.n > 20 ? `${whole(route.n / result.seconds)} | ${quantiles(route)}` : '– | –');
  console.log(`| ${name} | ${each(authorize)} | ${each(renew)} | ${each(settle)} |`);
}
const head = () => console.log('\n| | authorize/s | p50 / p99 / p99.9 ms | renew/s | p50 / p99 / p99.9 ms | settle/s | p50 / p99 / p99.9 ms |\n|---|--:|--:|--:|--:|--:|--:|');

/** One usage event after the other on a connection that stays: from the event to its committed balance. */
async function usageOneByOne(stand, server, run, until) {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  const took = [];
  for (let i = 0; performance.now() < until(); i++) {
    const body = JSON.stringify([{ event_id: `${run}-${i}`, source: 'one', meter: 'call.seconds', event_time: '2026-07-15T10:00:00Z',
      quantity: '61', company: stand.companies[i % stand.companies.length], properties: { to: '+12125550100' } }]);
    const began = performance.now();
    await new Promise((resolve, reject) => {
      const req = request({ agent, host: '127.0.0.1', port: server.port, path: '/v1/usage', method: 'POST',
        headers: { authorization: `Bearer ${stand.apiKey}`, 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) } }, (res) => {
        res.resume();
        res.on('end', () => (res.statusCode === 200 ? resolve() : reject(new Error(`usage: ${res.statusCode}`))));
      });
      req.on('error', reject);
      req.end(body);
    });
    took.push((performance.now() - began) * 1000);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  agent.destroy();
  took.sort((a, b) => a - b);
  const at = (share) => took[Math.min(took.length - 1, Math.floor(took.length * share))];
  return { n: took.length, p50_us: at(0.5), p99_us: at(0.99), p999_us: at(0.999) };
}

async function ours(stand, server, options, found) {
  const { seconds, many } = options, full = ['--at-once', 256, '--connections', 256, '--for', seconds];
  const kinds = [['one company', 1], [`${many} companies`, many]];
  await sim(stand, server, ['--at-once', 8, '--for', 1, '--companies', many, '--talk', 1, '--money', 1500000]); // makes them
  head();
  for (const [name, n] of kinds) {
    row(`idle, ${name}`, await sim(stand, server, ['--at-once', 1, '--for', seconds, '--companies', n, '--talk', 120]));
  }
  for (const [name, n] of kinds) {
    const result = await sim(stand, server, [...full, '--companies', n, '--talk', 1]);
    found[n] = pairs(result);
    row(`pairs, ${name}`, result);
    found.cpu = result.cpu.map((s) => (s / result.routes.settle.n) * 1e6);
  }
  for (const [name, n] of kinds) row(`renewals, ${name}`, await sim(stand, server, [...full, '--companies', n, '--talk', 600]));
  for (const [name, n] of kinds) {
    const rate = Math.max(1, found[n] / 2 / 20);
    const end = { at: Infinity };
    const usage = usageOneByOne(stand, server, `half-${n}-${Date.now()}`, () => end.at);
    const result = await sim(stand, server, ['--rate', rate, '--speed', 20, '--for', seconds, '--companies', n, '--talk', 20, '--connections', 256]);
    end.at = 0;
    row(`half load, ${name}`, result);
    found[`half-${n}`] = await usage;
  }
  const alone = performance.now() + seconds * 1000;
  found.usageIdle = await usageOneByOne(stand, server, `idle-${Date.now()}`, () => alone);
}

async function peers(stand, options, found) {
  const { seconds, many } = options;
  stand.sql(readFileSync(path.join(root, 'tests/bench/calls.sql'), 'utf8'));
  const server = await stand.start('fastify-calls', '/readyz', (port) => ({
    program: process.execPath, args: [path.join(root, 'tests/bench/peers/fastify/calls.mjs')],
    env: { NODE_ENV: 'production', BENCH_PORT: String(port), BENCH_DATABASE_URL: stand.env.TOLLGATE_OWNER_URL },
  }));
  await sim(stand, server, ['--at-once', 8, '--for', 1, '--companies', many, '--talk', 1, '--money', 1500000]);
  head();
  for (const n of [1, many]) {
    const result = await sim(stand, server, ['--at-once', 256, '--connections', 256, '--for', seconds, '--companies', n, '--talk', 1]);
    found[`fastify-${n}`] = pairs(result);
    row(`Fastify, ${n === 1 ? 'one company' : `${n} companies`}`, result);
  }
  await stand.stopServer('fastify-calls');
  for (const n of [1, many]) {
    for (const connections of n === 1 ? [1] : [1, 16]) {
      const result = straight(stand, seconds, connections, n);
      found[`straight-${n}-${connections}`] = result.per_second;
      console.log(`| one transaction an operation, ${connections} connections, ${n} companies | ${whole(result.per_second)} | ${quantiles(result.authorize)} | – | – | ${whole(result.per_second)} | ${quantiles(result.settle)} |`);
    }
  }
}

function conclude(options, found) {
  const { many } = options, by = (n) => (n ? `**${n.toFixed(1)}×**` : '–');
  console.log(`\nauthorize+settle pairs a second: one company ${whole(found[1])}, ${many} companies ${whole(found[many])}`);
  console.log(`a pair costs the server ${whole(found.cpu[0])} µs of processors, MariaDB ${whole(found.cpu[1])} µs (${many} companies; with setting up and reading the books)`);
  if (options.peers) {
    for (const n of [1, many]) {
      const name = n === 1 ? 'one company' : `${many} companies`, best = found[`straight-${n}-16`];
      console.log(`${name}: ours / Fastify ${by(found[n] / found[`fastify-${n}`])}, ours / one transaction an operation ${by(found[n] / found[`straight-${n}-1`])}${best ? `, over 16 connections ${by(found[n] / best)}` : ''}`);
    }
  }
  for (const [name, key] of [['idle', 'usageIdle'], ['half load, one company', 'half-1'], [`half load, ${many} companies`, `half-${many}`]]) {
    console.log(`usage event to committed balance, ${name}: p50 / p99 / p99.9 ms ${quantiles(found[key])} (${found[key].n} events)`);
  }
}

const options = readArguments(process.argv.slice(2));
const stand = new Stand();
process.on('SIGINT', () => stand.stop().then(() => process.exit(130)));
process.on('SIGTERM', () => stand.stop().then(() => process.exit(143)));
try {
  stand.startServices();
  stand.makeCertificate();
  stand.makeLua();
  await stand.makeData();
  const server = stand.servers.tollgate, found = {};
  console.log(`rounds of ${options.seconds} s; ${availableParallelism()} CPUs (${cpus()[0].model}), shared by client, server and MariaDB; load before ${loadavg()[0].toFixed(1)}`);
  await ours(stand, server, options, found);
  const usage = await measure(stand, server, { path: '/v1/usage', batch: 100, connections: 64, over: 'h1' }, options.seconds, 'calls-usage');
  console.log(`\nusage in batches of 100: ${whole(usage.rate)} events a second; the server has ${memoryMb(stand.pids(server)).toFixed(0)} MB`);
  console.log(`\`tollgate ledger verify\`: ${stand.tollgate(['ledger', 'verify']).trim()}`);
  if (options.peers) await peers(stand, options, found);
  conclude(options, found);
  console.log(`load after ${loadavg()[0].toFixed(1)}`);
} finally {
  await stand.stop();
}
