// npm run example:greeter [-- --data DIR]
import { ask, withAgents } from "../demo.ts";

await withAgents(async (runtime) => {
  for (const name of ["Ada", "Grace"]) {
    console.log(`you:     ${name}`);
    console.log(`greeter: ${await ask(runtime, "greeter", name)}`);
  }
  const { alarms, ticks } = await runtime.status("greeter");
  for (const { id, at } of alarms) {
    console.log(`Its alarm "${id}" is set for ${new Date(at).toISOString()}`);
  }
  const { ok } = await runtime.verify("greeter");
  console.log(`Its record of ${ticks} ticks is ${ok ? "intact" : "broken"}`);
});
