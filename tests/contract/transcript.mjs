// transcript - every answer that the end-to-end scripts got, held against the API document.
//
//   node transcript.mjs DOCUMENT.json TRANSCRIPT [whole]
//
// A line of the transcript: method, path, status, content type, body in base64; between tabs. A whole one has every
// operation in it. Speaks TAP.
import { readFileSync } from "node:fs";
import { Document } from "./document.mjs";

const [documentFile, transcriptFile, whole] = process.argv.slice(2);
const doc = new Document(JSON.parse(readFileSync(documentFile, "utf8")));
let number = 0;
let failed = 0;

function ok(good, name, ...why) {
  number++;
  if (!good) failed++;
  console.log(`${good ? "ok" : "not ok"} ${number} - ${name}`);
  if (!good) for (const line of why.flat()) console.log(`#   ${line}`);
}

const faults = await doc.faults();
ok(faults.length === 0, "the document is valid OpenAPI 3.1", faults.slice(0, 5).map((f) => JSON.stringify(f)));

const broken = new Map(); // what is wrong → how often, and the first
const answered = new Set();
let answers = 0;
for (const line of readFileSync(transcriptFile, "utf8").split("\n")) {
  const [method, path, status, contentType, body] = line.split("\t");
  // nobody answered, or there is no body to look at: that is another test's business
  if (!path || status === "000" || method === "HEAD" || method === "OPTIONS") continue;
  const answer = { method, path, status: Number(status), contentType, body: Buffer.from(body, "base64").toString() };
  const fault = doc.faultOf(answer);
  const found = doc.find(method, path);
  answers++;
  if (found && answer.status < 300) answered.add(found);
  if (fault !== null) {
    const key = `${method} ${found?.path ?? path} ${status}: ${fault}`.slice(0, 400);
    const entry = broken.get(key) ?? { count: 0, example: `${path} → ${answer.body.slice(0, 300)}` };
    entry.count++;
    broken.set(key, entry);
  }
}
ok(answers > 0, `there are answers to check: ${answers}`);
ok(
  broken.size === 0,
  "every answer is as the document says",
  [...broken].slice(0, 20).flatMap(([what, entry]) => [`${what} (${entry.count} times)`, `  ${entry.example}`]),
);
const silent = doc.operations.filter((o) => !answered.has(o)).map((o) => `${o.method} ${o.path}`);
if (whole) ok(silent.length === 0, "every operation was asked for and has succeeded", silent);
else console.log(`ok ${++number} - every operation was asked for and has succeeded # SKIP only some scripts ran`);
console.log(`1..${number}`);
process.exit(failed === 0 ? 0 : 1);
