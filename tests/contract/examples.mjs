// examples - every example of the API document, sent as it stands, in the order of the document.
//
//   node examples.mjs DOCUMENT.json URL KEY-FILE
//
// An id in a path is the last that an answer showed of its kind; a call goes on before it ends. Expected: success, as
// the document describes it. TAP.
import { readFileSync } from "node:fs";
import { Document } from "./document.mjs";

const [documentFile, url, keyFile] = process.argv.slice(2);
const doc = new Document(JSON.parse(readFileSync(documentFile, "utf8")));
const key = readFileSync(keyFile, "utf8").trim();
const last = new Map(); // prefix → id
let number = 0;
let failed = 0;

function remember(text) {
  for (const [id, prefix] of text.matchAll(/\b([a-z]{2,5})_[0-7][0-9a-hjkmnp-tv-z]{25}\b/g)) last.set(prefix, id);
  for (const [, id] of text.matchAll(/"call_id":"([^"]+)"/g)) last.set("call_id", id);
}

const rank = { POST: 0, PUT: 1, PATCH: 2 };
const ofCalls = ["renew", "stop", "settle", "corrections"];
const turn = (o) => 100 * rank[o.method] + ofCalls.indexOf(o.path.split("/").pop());
const withBody = doc.operations.filter((o) => o.operation.requestBody).sort((a, b) => turn(a) - turn(b));
for (const o of withBody)
  for (const [type, media] of Object.entries(o.operation.requestBody.content)) {
    if (media.example === undefined || /ndjson/.test(type)) continue;
    const parameter = o.operation.parameters.find((p) => p.in === "path");
    const kind = parameter && (/^\^([a-z]+)_/.exec(parameter.schema.pattern ?? "")?.[1] ?? parameter.name);
    if (kind && !last.has(kind)) // nothing has shown one: the list that the path begins with does
      remember(await (await fetch(url + o.path.split("/{")[0], { headers: { authorization: `Bearer ${key}` } })).text());
    const path = o.path.replace(/\{\w+\}/, () => last.get(kind) ?? "none");
    const body = typeof media.example === "string" ? media.example : JSON.stringify(media.example);
    const headers = { authorization: `Bearer ${key}`, "content-type": type };
    const response = await fetch(url + path, { method: o.method, headers, body });
    const text = await response.text();
    const answer = { method: o.method, path, status: response.status, contentType: response.headers.get("content-type") ?? "", body: text };
    const fault = response.status < 300 ? doc.faultOf(answer) : text;
    if (response.status < 300) remember(text);
    number++;
    if (fault !== null) failed++;
    console.log(`${fault === null ? "ok" : "not ok"} ${number} - the example of ${o.method} ${o.path}`);
    if (fault !== null) console.log(`#   ${response.status} ${fault}`);
  }
console.log(`1..${number}`);
process.exit(failed === 0 ? 0 : 1);
