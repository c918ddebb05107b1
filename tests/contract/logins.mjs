// logins - does the time of a refusal tell who is here, and do many logins hold up anybody else?
//
//   node logins.mjs PROXY-PORT PORT EMAIL PASSWORD KEY-FILE [ROUNDS]
//
// PROXY-PORT takes a PROXY line: each try comes from an address of its own, so that none is slowed down as a guesser. The
// kinds of tries take turns, so that a machine that is busy for a while is busy for all of them. Speaks TAP; what was
// measured is in comments, and only what no noise explains is a failure.
import { readFileSync } from "node:fs";
import { Agent, request } from "node:http";
import { connect } from "node:net";

const [proxyPort, port, email, password, keyFile, rounds = "41"] = process.argv.slice(2);
const key = readFileSync(keyFile, "utf8").trim();
const LOGINS = 100;
let number = 0;
let failed = 0;
let addresses = 0;

function ok(good, name, ...why) {
  number++;
  if (!good) failed++;
  console.log(`${good ? "ok" : "not ok"} ${number} - ${name}`);
  if (!good) for (const line of why) console.log(`#   ${line}`);
}

const millis = (n) => n.toFixed(1);
function share(list, part) {
  const sorted = [...list].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))];
}

// One login on a connection of its own: what came back, and how long it took from the last byte sent.
function login(who, secret) {
  const n = addresses++;
  const body = JSON.stringify({ email: who, password: secret });
  return new Promise((resolve, reject) => {
    let began;
    let text = "";
    const socket = connect(Number(proxyPort), "127.0.0.1", () => {
      began = performance.now();
      socket.write(`PROXY TCP4 10.7.${n >> 8}.${n & 255} 127.0.0.1 40000 80\r\nPOST /v1/auth/login HTTP/1.1\r\nHost: x\r\nConnection: close\r\n`
        + `Content-Type: application/json\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`);
    });
    socket.setNoDelay(true);
    socket.on("data", (part) => { text += part; });
    socket.on("error", reject);
    socket.on("close", () => resolve({ status: Number(text.slice(9, 12)), took: performance.now() - began, text }));
  });
}

// An answer without what differs between any two.
const plain = (text) => text.replace(/(request_id":"|x-request-id: |date: )[^"\r]*/gi, "$1").replace(/"request_id":""/, "");

async function compareTimes() {
  const kinds = { "a wrong password": () => email, "nobody's address": (n) => `nobody-${n}@example.com`, "somebody invited": () => "invited@example.com" };
  const took = Object.fromEntries(Object.keys(kinds).map((kind) => [kind, []]));
  const answers = new Set();
  for (let n = -2; n < Number(rounds); n++) // the first two are warming up
    for (const [kind, who] of Object.entries(kinds)) {
      const answer = await login(who(n), "not the password of anybody");
      answers.add(plain(answer.text));
      if (n >= 0) took[kind].push(answer.took);
    }
  const medians = Object.values(took).map((list) => share(list, 0.5));
  for (const [kind, list] of Object.entries(took)) console.log(`# ${kind}: ${list.length} tries, median ${millis(share(list, 0.5))} ms, a tenth below ${millis(share(list, 0.1))}, a tenth above ${millis(share(list, 0.9))}`);
  ok(answers.size === 1, "a refused login is the same answer, whoever is asked for", ...[...answers].map((a) => JSON.stringify(a)));
  ok(Math.max(...medians) <= 1.35 * Math.min(...medians), "and takes as long: the medians are within a third of each other", medians.map(millis).join(", "));
}

const agent = new Agent({ keepAlive: true, maxSockets: 2 });
function get(path) {
  const began = performance.now();
  return new Promise((resolve, reject) => {
    request({ port, path, agent, headers: { authorization: `Bearer ${key}` } }, (res) => {
      res.resume();
      res.on("end", () => resolve({ status: res.statusCode, took: performance.now() - began }));
    }).on("error", reject).end();
  });
}

async function readUntil(path, done) {
  const list = [];
  while (!done()) list.push(await get(path));
  return list;
}

async function crowd() {
  const paths = { "GET /v1/hello": "/v1/hello", "a read of the database": "/v1/companies?limit=1" };
  const measure = (done) => Promise.all(Object.values(paths).map((path) => readUntil(path, done)));
  const end = performance.now() + 1000;
  const quiet = await measure(() => performance.now() > end);
  let over = false;
  const began = performance.now();
  const logins = Promise.all(Array.from({ length: LOGINS }, () => login(email, password))).finally(() => { over = true; });
  const busy = await measure(() => over);
  const answers = await logins;
  const count = {};
  for (const { status } of answers) count[status] = (count[status] ?? 0) + 1;
  console.log(`# ${LOGINS} logins at once: all answered after ${millis(performance.now() - began)} ms, ${Object.entries(count).map(([status, n]) => `${n} × ${status}`).join(", ")}`);
  Object.keys(paths).forEach((name, i) => {
    const figures = (list) => [0.5, 0.99, 1].map((part) => millis(share(list.map((a) => a.took), part))).join(" / ");
    console.log(`# ${name}: p50 / p99 / longest ${figures(quiet[i])} ms before, ${figures(busy[i])} ms meanwhile (${busy[i].length} requests)`);
  });
  ok(answers.every(({ status }) => status === 200 || status === 503) && count[200] > 0, `${LOGINS} logins at once get in, or are told to come back`, JSON.stringify(count));
  ok(busy.every((list) => list.length > 0 && list.every(({ status }) => status === 200)), "meanwhile every other request is answered");
}

await compareTimes();
await crowd();
agent.destroy();
console.log(`1..${number}`);
process.exit(failed === 0 ? 0 : 1);
