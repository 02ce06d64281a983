// Runs seeds FROM (second argument) up to but not with TO (third) of a simulation, `kernel`, `moves`,
// `files` or `models` (first): in a process of its own, where no test runner follows every promise. Prints what broke, and
// how to replay it, and exits with 1.
import { simulateFiles } from "./files.ts";
import { simulateModels } from "./models.ts";
import { simulateMoves } from "./moves.ts";
import { simulate } from "./simulation.ts";

const [what = "", ...range] = process.argv.slice(2);
const [from, to] = range.map(Number) as [number, number];
const run = {
  kernel: simulate,
  moves: simulateMoves,
  files: simulateFiles,
  models: simulateModels,
}[what];
if (run === undefined) throw new Error(`There is no simulation "${what}"`);
for (let seed = from; seed < to; seed += 1) {
  const broken = await run(seed);
  if (broken.length > 0) {
    const lines = broken.map((line) => `  ${line.slice(0, 300)}`).join("\n");
    const replay = `node test/sim/main.ts ${what} ${seed} ${seed + 1}`;
    console.log(`seed ${seed} broke (replay: ${replay}):\n${lines}`);
    process.exit(1);
  }
}
