// roles - each role asks for every operation there is, and gets exactly what the role's permissions say.
//
//   node roles.mjs DOCUMENT.json URL KEY-FILE SUBJECTS.jsonl [POLICY]
//
// Nobody lists the routes or the roles: the ones come from the document (x-permission), the others from GET /v1/roles. A
// line of the subjects is {label, token, roles, company?}: who asks, with which roles (none is a role of its own that may
// do nothing), acting in which company. What is sent has ids that nobody has and an empty body, so that nothing happens
// where somebody may; 404 and 422 mean that they may. Speaks TAP; as comments the table of roles and sections.
//
// POLICY (hours, own_company_only, reauthenticate): everybody's company forbids every write by such a policy. Then each
// write that a role allows is refused for that reason and no other, whatever the role, and each read is not.
import { readFileSync } from "node:fs";
import { Document } from "./document.mjs";

const [documentFile, url, keyFile, subjectsFile, policy] = process.argv.slice(2);
const doc = new Document(JSON.parse(readFileSync(documentFile, "utf8")));
const key = readFileSync(keyFile, "utf8").trim();
const subjects = readFileSync(subjectsFile, "utf8").trim().split("\n").map((line) => JSON.parse(line));
const NOBODYS = "01h2xcejqtf2nbrexx3vqjhp41";
let number = 0;
let failed = 0;

function ok(good, name, why = []) {
  number++;
  if (!good) failed++;
  console.log(`${good ? "ok" : "not ok"} ${number} - ${name}`);
  if (!good) for (const line of why.slice(0, 10)) console.log(`#   ${line.slice(0, 400)}`);
}

// The matrix as it is meant, written down once more: identity/permissions.lua and src/web/auth.c must agree with it.
const says = (held, wanted) => held === "*" || held === wanted || held === wanted.replace(/:.*/, ":*");
const may = (permissions, wanted) => wanted.startsWith("me:") || permissions.some((held) => says(held, wanted));

async function ask(subject, o) {
  const path = o.path.replace(/\{\w+\}/g, () => {
    const prefix = /^\^([a-z]+)_/.exec(o.operation.parameters.find((p) => p.in === "path").schema.pattern ?? "")?.[1];
    return prefix ? `${prefix}_${NOBODYS}` : "none";
  });
  const request = { method: o.method, headers: { authorization: `Bearer ${subject.token}` }, signal: AbortSignal.timeout(15000) };
  if (subject.company) request.headers["tollgate-company"] = subject.company;
  const type = Object.keys(o.operation.requestBody?.content ?? {})[0];
  if (type) {
    request.headers["content-type"] = type;
    request.body = type === "application/json" ? "{}" : "";
  }
  const response = await fetch(url + path, request);
  const text = await response.text();
  const problem = response.status >= 400 ? JSON.parse(text) : {};
  // Who may, but has not given the password just now, is not refused for their role.
  const refused = response.status === 403 && !problem.type.endsWith("/reauthentication_required");
  return { refused, status: response.status, text, type: problem.type?.replace(/.*\//, "") };
}

const answer = await fetch(`${url}/v1/roles?limit=500`, { headers: { authorization: `Bearer ${key}` } });
const { data, built_in: builtIn } = await answer.json();
const permissionsOf = new Map([...builtIn.map((r) => [r.name, r.permissions]), ...data.map((r) => [r.id, r.permissions])]);
const missing = builtIn.filter((r) => !subjects.some((s) => s.roles.length === 1 && s.roles[0] === r.name));
ok(missing.length === 0, `each of the ${builtIn.length} built-in roles has somebody who has it alone`, missing.map((r) => r.name));

// What a policy does to what roles allow; null: as it should. Whose thing it is can only be told of what is there.
const forbidden = policy === "reauthenticate" ? "reauthentication_required" : `policy_${policy}`;
function faultOfPolicy(o, got) {
  const wanted = o.operation["x-permission"];
  const excepted = wanted.endsWith(":read") || wanted.startsWith("me:") || o.operation["x-no-policy"];
  const isOther = policy === "own_company_only" && (o.path.includes("{") ? got.status === 404 : got.type === "malformed_json");
  const isForbidden = got.type === forbidden || isOther;
  if (excepted ? got.type !== forbidden || o.operation["x-step-up"] : isForbidden) return null;
  return `${o.method} ${o.path} (${wanted}): ${excepted ? "no policy forbids it" : `${forbidden} expected`}, and was ${got.status} ${got.text}`;
}

// The end of a session comes last.
const guarded = doc.operations
  .filter((o) => o.operation["x-permission"] && !(policy && o.path.endsWith("/logout")))
  .sort((a, b) => a.path.endsWith("/logout") - b.path.endsWith("/logout"));
const sections = [...new Set(guarded.map((o) => o.operation.tags[0]))];
const table = [];
for (const subject of subjects) {
  const held = subject.roles.flatMap((role) => permissionsOf.get(role));
  const faults = [];
  const counts = Object.fromEntries(sections.map((section) => [section, [0, 0]]));
  for (const o of guarded) {
    const wanted = o.operation["x-permission"];
    const expected = may(held, wanted);
    const got = await ask(subject, o);
    const fault = policy && expected && faultOfPolicy(o, got);
    if (fault) faults.push(fault);
    const count = counts[o.operation.tags[0]];
    count[1]++;
    if (!got.refused) count[0]++;
    if ((!policy && got.refused === expected) || (policy && !expected && !got.refused) || got.status === 401 || got.status === 429 || got.status >= 500)
      faults.push(`${o.method} ${o.path} (${wanted}): ${expected ? "allowed" : "refused"} by the roles, and was ${got.status} ${got.text}`);
  }
  const n = guarded.filter((o) => may(held, o.operation["x-permission"])).length;
  const says = policy ? `a policy (${policy}) forbids ${subject.label} each write of the` : `${subject.label} may do`;
  ok(faults.length === 0, `${says} ${n} of ${guarded.length} operations${policy ? "" : ", and no other"}`, faults);
  table.push([subject.label, ...sections.map((s) => (counts[s][0] === 0 ? "-" : counts[s][0] === counts[s][1] ? "all" : counts[s].join("/")))]);
}

const head = ["", ...sections];
const widths = head.map((_, i) => Math.max(...[head, ...table].map((row) => row[i].length)));
for (const row of [head, ...table]) console.log(`# | ${row.map((cell, i) => cell.padEnd(widths[i])).join(" | ")} |`);
console.log(`1..${number}`);
process.exit(failed === 0 ? 0 : 1);
