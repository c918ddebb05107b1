// rules - what scripts/bench rules runs: the cost of rules, of changing them under load, of shadowing.
import { execFileSync, spawn } from 'node:child_process';
import { openSync, readFileSync, readSync, readdirSync, statSync, existsSync } from 'node:fs';
import { availableParallelism, cpus, loadavg } from 'node:os';
import path from 'node:path';
import { measure, memoryMb } from './measure.mjs';
import { Stand } from './stand.mjs';

const root = path.resolve(import.meta.dirname ?? path.dirname(new URL(import.meta.url).pathname), '../..');
const build = path.resolve(root, process.env.TOLLGATE_BUILD ?? 'build');
const BUNDLES = 10, SEATS = 3; // two threads for requests and the engine
const sleep = (millis) => new Promise((resolve) => setTimeout(resolve, millis));
const us = (n) => (n < 10 ? n.toFixed(2) : n < 100 ? n.toFixed(1) : n.toFixed(0));
const ms = (usecs) => (usecs / 1000).toFixed(usecs < 10000 ? 2 : 1);

function percentile(list, share) {
  const sorted = [...list].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))];
}

// --- a call, a build -------------------------------------------------------------------------------------------------

function printCalls() {
  const run = (program, args) => JSON.parse(execFileSync(program, args, { cwd: root, encoding: 'utf8', env: { ...process.env, TOLLGATE_BUILD: build } }));
  const ours = run(path.join(build, 'bench/hooks_bench'), ['lua']);
  const plain = run('lua5.4', ['tests/bench/rules_plain.lua']);
  console.log('\n### A call of each hook, µs of CPU\n\n| hook | plain Lua | in the VM, from JSON to JSON | more |\n|---|--:|--:|--:|');
  for (const [hook, usecs] of Object.entries(ours.calls)) console.log(`| ${hook} | ${us(plain[hook])} | ${us(usecs)} | ${us(usecs - plain[hook])} |`);
  console.log('\n### A VM\n\n| bundle | rules | ms to build | KiB held |\n|---|--:|--:|--:|');
  for (const [name, vm] of [['of the release', ours.release], ['of fifty files', ours.fifty]]) {
    console.log(`| ${name} | ${vm.rules} | ${ms(vm.usecs)} | ${(vm.bytes / 1024).toFixed(0)} |`);
  }
}

// --- bundles ---------------------------------------------------------------------------------------------------------

/** The rule files of the release, by path. */
function releaseFiles() {
  const files = {};
  for (const feature of readdirSync(path.join(root, 'lua'))) {
    const folder = path.join(root, 'lua', feature);
    const paths = feature !== 'types' && statSync(folder).isDirectory() ? ['rules.lua'] : [];
    if (paths.length > 0 && existsSync(path.join(folder, 'lib'))) paths.push(...readdirSync(path.join(folder, 'lib')).map((name) => `lib/${name}`));
    for (const name of paths) {
      if (existsSync(path.join(folder, name))) files[`${feature}/${name}`] = readFileSync(path.join(folder, name), 'utf8');
    }
  }
  return files;
}

/** Two of its hooks answer with n: whoever gets two different numbers was given two bundles. */
function numbered(n) {
  return `local function none() error("the bench does not ask this") end
return {
  { hook = "pricing.rate_usage", api = 1, needs = { "decimal" }, decide = function(_, cap)
    local total = cap.decimal.new(${n})
    return { status = "rated", billed_s = 1, total = total, lines = { { kind = "usage", amount = total } } }
  end },
  { hook = "pricing.normalize_number", api = 1, decide = function() return { digits = "1000000${n}" } end },
  { hook = "pricing.rate_components", api = 1, decide = none },
  { hook = "pricing.true_up", api = 1, decide = none },
}
`;
}

async function publish(stand, server, changes) {
  const files = Object.entries({ ...releaseFiles(), ...changes }).map(([file, source]) => ({ path: file, source }));
  return (await stand.api(server.port, 'POST', '/v1/rules/bundles', { files, base: 'none', note: 'bench' })).id;
}

/** µs of a time in the log, which has as many digits as it needs. */
function usecsOf(text) {
  const [, seconds, fraction = ''] = /^([^.]*?)(?:\.(\d+))?Z$/.exec(text);
  return Date.parse(`${seconds}Z`) * 1000 + Number(fraction.padEnd(6, '0'));
}

/** What the server's log says of swaps: when each seat took which revision, and when that was committed. */
class Swaps {
  constructor(log) {
    this.file = openSync(log, 'r');
    this.rest = '';
    this.list = [];
    this.committed = new Map();
  }

  read() {
    const buffer = Buffer.alloc(1 << 16);
    for (let n; (n = readSync(this.file, buffer, 0, buffer.length, null)) > 0;) this.rest += buffer.toString('utf8', 0, n);
    const lines = this.rest.split('\n');
    this.rest = lines.pop();
    for (const line of lines) {
      if (line.includes('"rules_swapped"')) this.list.push(JSON.parse(line));
      if (line.includes('"rules_activated"')) this.committed.set(JSON.parse(line).revision, usecsOf(JSON.parse(line).time));
    }
  }

  async applied(revision) {
    for (let tries = 0; tries < 2500; tries++) {
      this.read();
      if (this.committed.has(revision) && this.list.filter((swap) => swap.revision === revision).length >= SEATS) return;
      await sleep(2);
    }
    throw new Error(`revision ${revision} is not applied by every thread after 5 seconds`);
  }
}

/** Activates one after the other, each when the last one is applied; what each thread took, by its name. */
async function swap(stand, server, swaps, bundles, count, onSwap) {
  let { revision } = await stand.api(server.port, 'GET', '/v1/rules/active');
  const first = revision + 1;
  for (let i = 0; i < count; i++) {
    ({ revision } = await stand.api(server.port, 'PUT', '/v1/rules/active', { bundle: bundles[i % bundles.length], if_revision: revision }));
    await swaps.applied(revision);
    onSwap?.(i + 1);
  }
  const bySeat = {};
  for (const one of swaps.list) {
    if (one.revision < first) continue;
    const seat = (bySeat[one.seat] ??= { request: [], commit: [] });
    seat.request.push(one.published_usecs);
    seat.commit.push(usecsOf(one.time) - swaps.committed.get(one.revision));
  }
  return bySeat;
}

function printSwaps(title, bySeat) {
  console.log(`\n| ${title} | swaps | from the commit: p50 ms | p99 ms | most | from the request: p50 ms | p99 ms | most |\n|---|--:|--:|--:|--:|--:|--:|--:|`);
  for (const seat of Object.keys(bySeat).sort()) {
    const { request, commit } = bySeat[seat];
    const cells = [commit, request].map((list) => `${ms(percentile(list, 0.5))} | ${ms(percentile(list, 0.99))} | ${ms(Math.max(...list))}`);
    console.log(`| ${seat} | ${request.length} | ${cells.join(' | ')} |`);
  }
}

// --- swaps under load ------------------------------------------------------------------------------------------------

/** Counts of one run of h2load: {sent, good, mixed, failed}. 409 is an answer of two bundles, see bench/handler.lua. */
function load(server, requests) {
  return new Promise((resolve, reject) => {
    const child = spawn('h2load', ['-t1', '-c8', '-m16', `-n${requests}`, `https://127.0.0.1:${server.tlsPort}/same-rules`]);
    let out = '';
    child.stdout.on('data', (part) => { out += part; });
    child.on('error', reject);
    child.on('close', () => {
      const [, good, , mixed] = /status codes: (\d+) 2xx, (\d+) 3xx, (\d+) 4xx/.exec(out) ?? [];
      if (good === undefined) reject(new Error(`h2load says:\n${out}`));
      resolve({ sent: requests, good: Number(good), mixed: Number(mixed), failed: requests - good - mixed });
    });
  });
}

async function swapUnderLoad(stand, server, count) {
  const swaps = new Swaps(server.log);
  const bundles = [];
  for (let n = 0; n < BUNDLES; n++) bundles.push(await publish(stand, server, { 'pricing/rules.lua': numbered(n) }));
  printSwaps('publish to applied, nothing else running', await swap(stand, server, swaps, bundles, Math.min(count, 200)));
  let done = false;
  const memory = [];
  const sum = { sent: 0, good: 0, mixed: 0, failed: 0 };
  const began = Date.now();
  const loading = (async () => {
    while (!done) for (const [key, n] of Object.entries(await load(server, 20000))) sum[key] += n;
  })();
  const bySeat = await swap(stand, server, swaps, bundles, count, (i) => {
    if (i % Math.ceil(count / 5) === 0) memory.push(memoryMb(stand.pids(server)).toFixed(1));
  });
  done = true;
  await loading;
  printSwaps('publish to applied, under h2load', bySeat);
  console.log(`\n${count} swaps in ${((Date.now() - began) / 1000).toFixed(0)} s under h2load: ${sum.sent.toLocaleString('en')} requests, ` +
    `**${sum.failed} failed, ${sum.mixed} answers of two bundles**; memory after each fifth ${memory.join(', ')} MB`);
  await stand.api(server.port, 'PUT', '/v1/rules/active', { bundle: 'release', if_revision: (await stand.api(server.port, 'GET', '/v1/rules/active')).revision });
}

// --- shadow ----------------------------------------------------------------------------------------------------------

// A hook without money asked on a loop, and usage that the engine rates: previews of prices are not shadowed.
const asks = {
  one: { path: '/number', connections: 1, over: 'h1' },
  many: { path: '/number', connections: 64, over: 'h1' },
  usage: { path: '/v1/usage', connections: 16, batch: 100, over: 'h1' },
};

/** One round with a share: {one, many, usage: what measure() says, seen: calls that the candidate was asked too}. */
async function shadowed(stand, server, candidate, share, seconds, name) {
  await stand.api(server.port, 'PUT', '/v1/rules/shadow', share === null ? { bundle: null } : { bundle: candidate, share });
  await sleep(1000);
  const result = {};
  for (const [key, ask] of Object.entries(asks)) result[key] = await measure(stand, server, ask, seconds, `${name}-${key}`);
  await sleep(2500); // the keeper writes what was seen every two seconds
  const { hooks } = await stand.api(server.port, 'GET', '/v1/rules/shadow/report');
  const seen = hooks.reduce((sum, hook) => sum + hook.same + hook.different + hook.errors, 0);
  result.seen = seen / (result.one.requests + result.many.requests + result.usage.accepted);
  return result;
}

async function shadow(stand, server, options) {
  const files = releaseFiles();
  const candidate = await publish(stand, server, { 'pricing/rules.lua': `${files['pricing/rules.lua']}\n-- the same once more\n` });
  const shares = { off: null, '1 %': '0.01', '100 %': '1' };
  const rounds = Object.fromEntries(Object.keys(shares).map((name) => [name, []]));
  for (let round = 0; round <= options.rounds; round++) {
    for (const [name, share] of Object.entries(shares)) {
      const result = await shadowed(stand, server, candidate, share, round === 0 ? 1 : options.seconds, `shadow-${share ?? 'off'}-${round}`);
      if (round > 0) rounds[name].push(result);
    }
  }
  console.log('\n### With a shadow\n\n| share | a request that asks a rule, one at a time: p50 µs | p99 µs | 64 at a time: requests/s | p99 ms | usage by 100: events/s | p50 ms | p99 ms | calls that it saw |\n|---|--:|--:|--:|--:|--:|--:|--:|--:|');
  for (const [name, list] of Object.entries(rounds)) {
    const of = (pick) => percentile(list.map(pick), 0.5);
    const whole = (n) => Math.round(n).toLocaleString('en');
    console.log(`| ${name} | ${whole(of((r) => r.one.p50 * 1000))} | ${whole(of((r) => r.one.p99 * 1000))} | ${whole(of((r) => r.many.rate))} | ${of((r) => r.many.p99).toFixed(2)} | ` +
      `${whole(of((r) => r.usage.rate))} | ${of((r) => r.usage.p50).toFixed(0)} | ${of((r) => r.usage.p99).toFixed(0)} | ${(100 * of((r) => r.seen)).toFixed(1)} % |`);
  }
}

// --- all of it -------------------------------------------------------------------------------------------------------

function readArguments(args) {
  const options = { seconds: 4, rounds: 3, swaps: 1000 };
  for (let i = 0; i < args.length; i++) {
    const name = args[i].replace(/^--/, '');
    if (!(name in options) || !(Number(args[++i]) >= 1)) throw new Error('--seconds N --rounds N --swaps N');
    options[name] = Math.min(10000, Number(args[i]));
  }
  return options;
}

const options = readArguments(process.argv.slice(2));
console.log(`${availableParallelism()} CPUs (${cpus()[0].model}), shared by client, server and MariaDB; load before ${loadavg()[0].toFixed(1)}`);
printCalls();
const stand = new Stand();
process.on('SIGINT', () => stand.stop().then(() => process.exit(130)));
process.on('SIGTERM', () => stand.stop().then(() => process.exit(143)));
try {
  stand.startServices();
  stand.makeCertificate();
  stand.makeLua();
  await stand.makeData();
  await stand.stopServer('tollgate');
  const server = await stand.ours('tollgate', SEATS - 1, 'info');
  console.log('\n### Changing the rules');
  await swapUnderLoad(stand, server, options.swaps);
  await shadow(stand, server, options);
  console.log(`\nload after ${loadavg()[0].toFixed(1)}`);
} finally {
  await stand.stop();
}
