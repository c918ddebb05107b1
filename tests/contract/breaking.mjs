// breaking - does this API document keep what the last release promised?
//
//   node breaking.mjs RELEASED.json DOCUMENT.json
//
// What may change is in compare.mjs. Who breaks something on purpose says so with scripts/release-api. Speaks TAP.
import { readFileSync } from "node:fs";
import { compare } from "./compare.mjs";

const [released, document] = process.argv.slice(2).map((file) => JSON.parse(readFileSync(file, "utf8")));
const faults = compare(released, document);
const count = Object.values(released.paths).flatMap((item) => Object.keys(item)).length;
console.log(`${faults.length === 0 ? "ok" : "not ok"} 1 - the ${count} operations of the last release are as they were, or take and give more`);
for (const fault of faults) console.log(`#   ${fault}`);
console.log("1..1");
process.exit(faults.length === 0 ? 0 : 1);
