// strange - Range headers, multipart and form bodies, whatever somebody makes of them, at every operation.
//
//   node strange.mjs DOCUMENT.json URL KEY-FILE [SEED]
//
// Tollgate knows none of the three: a Range is ignored (RFC 9110, 14.2), a body that is not what the operation takes is
// refused with 4xx as documented, and the server stays as it is. Speaks TAP.
import { readFileSync } from "node:fs";
import { Agent, request } from "node:http";
import { Document } from "./document.mjs";

const [documentFile, url, keyFile, seedText = String(Date.now() % 1e9)] = process.argv.slice(2);
const doc = new Document(JSON.parse(readFileSync(documentFile, "utf8")));
const key = readFileSync(keyFile, "utf8").trim();
const agent = new Agent({ keepAlive: true });
let state = Number(seedText) >>> 0;
let number = 0;
let failed = 0;

function ok(faults, name) {
  number++;
  if (faults.length > 0) failed++;
  console.log(`${faults.length === 0 ? "ok" : "not ok"} ${number} - ${name}`);
  for (const line of faults.slice(0, 6)) console.log(`#   ${line.slice(0, 500)}`);
}

const below = (n) => {
  state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
  return Math.floor((state / 4294967296) * n);
};
const pick = (list) => list[below(list.length)];

function send(method, path, headers, body) {
  return new Promise((resolve, reject) => {
    const req = request(url + path, { method, agent, headers: { authorization: `Bearer ${key}`, ...headers }, timeout: 15000 }, (res) => {
      const parts = [];
      res.on("data", (part) => parts.push(part));
      res.on("end", () => resolve({ status: res.statusCode, headers: res.headers, body: Buffer.concat(parts) }));
    });
    req.on("timeout", () => req.destroy(new Error(`${method} ${path}: no answer`)));
    req.on("error", reject);
    req.end(body);
  });
}

// --- Range: on what can be had without an id
const NUMBERS = ["", "0", "1", "-1", "00", "5", "1e3", "0x10", " 7", "18446744073709551615", "18446744073709551616", "9".repeat(400), "NaN", "%31"];
const UNITS = ["bytes=", "bytes =", "BYTES=", "bytes", "items=", "=", "bytes==", ""];
const ranges = ["bytes=0-0", "bytes=-1", "bytes=5-2", "bytes=0-,".repeat(500), "bytes=0-0,-1,5-9", "bytes=,,,", "none"];
for (let i = 0; i < 60; i++)
  ranges.push(pick(UNITS) + Array.from({ length: 1 + below(4) }, () => `${pick(NUMBERS)}${pick(["-", "--", "", "/"])}${pick(NUMBERS)}`).join(pick([",", ", ", ";"])));

const plainGets = doc.operations.filter((o) => o.method === "GET" && !o.path.includes("{") && !o.operation.parameters.some((p) => p.required));
let asked = 0;
const inRange = [];
for (const o of plainGets) {
  const whole = await send("GET", o.path, {});
  for (const range of [ranges[0], ranges[1], pick(ranges), pick(ranges), pick(ranges)]) {
    const answer = await send("GET", o.path, { range, "if-range": pick(['"x"', "Thu, 01 Jan 1970 00:00:00 GMT", "W/"]) });
    asked++;
    if (answer.status !== whole.status || answer.headers["content-range"] || (answer.body.length === 0) !== (whole.body.length === 0))
      inRange.push(`GET ${o.path} Range: ${range} → ${answer.status} ${JSON.stringify(answer.headers)}`);
  }
}
for (const range of ranges) {
  const answer = await send("GET", "/v1/hello", { range });
  asked++;
  if (answer.status !== 200 || answer.headers["content-range"]) inRange.push(`Range: ${range} → ${answer.status}`);
}
ok(inRange, `${asked} Ranges are ignored`);

// --- bodies that no operation takes
const part = (name, value, more = "") => `Content-Disposition: form-data; name="${name}"${more}\r\n\r\n${value}`;
const B = "----WebKitFormBoundary7MA4YWxkTrZu0gW";
const multipart = (parts, end = `--${B}--\r\n`) => parts.map((p) => `--${B}\r\n${p}\r\n`).join("") + end;
const file = part("file", "prefix,per_minute\n1,0.01", '; filename="../../etc/passwd"\r\nContent-Type: text/csv');
const BODIES = [
  ["a form of fields", `multipart/form-data; boundary=${B}`, multipart([part("name", "x"), part("currency", "USD")])],
  ["a form with a file", `multipart/form-data; boundary=${B}`, multipart([file])],
  ["one that does not end", `multipart/form-data; boundary=${B}`, multipart([file], "")],
  ["one without a boundary", "multipart/form-data", multipart([file])],
  ["one with another boundary", "multipart/form-data; boundary=other", multipart([file])],
  ["an empty boundary", 'multipart/form-data; boundary=""', "--\r\n\r\n\r\n----\r\n"],
  ["a boundary of 4000 characters", `multipart/form-data; boundary=${"b".repeat(4000)}`, multipart([file])],
  ["a thousand parts", `multipart/form-data; boundary=${B}`, multipart(Array.from({ length: 1000 }, (_, i) => part(`n${i}`, "x")))],
  ["nothing but boundaries", `multipart/form-data; boundary=${B}`, `--${B}\r\n`.repeat(2000)],
  ["a header of 60,000 characters", `multipart/form-data; boundary=${B}`, multipart([part("x".repeat(60000), "y")])],
  ["parts in parts", `multipart/mixed; boundary=${B}`, multipart([`Content-Type: multipart/mixed; boundary=${B}\r\n\r\n${multipart([file])}`])],
  ["byte ranges", "multipart/byteranges; boundary=x", "--x\r\nContent-Range: bytes 0-1/2\r\n\r\nab\r\n--x--"],
  ["a form of the web", "application/x-www-form-urlencoded", "name=x&currency=USD&%00=%ff&a[b][]=c&__proto__=1"],
  ["percent signs", "application/x-www-form-urlencoded", "%".repeat(5000)],
  ["zeroes", "multipart/form-data; boundary=\"\\0\"", Buffer.alloc(5000)],
];
const nobodys = (o) => o.path.replace(/\{\w+\}/g, () => {
  const prefix = /^\^([a-z]+)_/.exec(o.operation.parameters.find((p) => p.in === "path").schema.pattern ?? "")?.[1];
  return prefix ? `${prefix}_01h2xcejqtf2nbrexx3vqjhp41` : "none";
});
for (const o of doc.operations.filter((each) => each.operation.requestBody)) {
  const faults = [];
  for (const [name, type, whole] of BODIES) {
    const cut = typeof whole === "string" && below(3) === 0 ? whole.slice(0, below(whole.length)) : whole;
    const answer = await send(o.method, nobodys(o), { "content-type": type, "content-length": Buffer.byteLength(cut) }, cut);
    const heard = { method: o.method, path: nobodys(o), status: answer.status, contentType: answer.headers["content-type"] ?? "", body: answer.body.toString() };
    const fault = answer.status < 400 || answer.status >= 500 ? "neither taken nor our fault is right" : doc.faultOf(heard);
    if (fault) faults.push(`${name} → ${answer.status} ${fault}: ${heard.body}`);
  }
  ok(faults, `${o.method} ${o.path} refuses ${BODIES.length} forms`);
}
agent.destroy();
if (failed > 0) console.log(`# seed ${seedText}`);
console.log(`1..${number}`);
process.exit(failed === 0 ? 0 : 1);
