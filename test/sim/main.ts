// Runs seeds FROM (first argument) up to but not with TO (second): in a process of its own, where no
// test runner follows every promise. Prints what broke, and how to replay it, and exits with 1.
import { simulate } from "./simulation.ts";

const [from, to] = process.argv.slice(2).map(Number) as [number, number];
for (let seed = from; seed < to; seed += 1) {
  const broken = await simulate(seed);
  if (broken.length > 0) {
    const lines = broken.map((line) => `  ${line.slice(0, 300)}`).join("\n");
    console.log(
      `seed ${seed} broke (replay: node test/sim/main.ts ${seed} ${seed + 1}):\n${lines}`,
    );
    process.exit(1);
  }
}
