import { listen } from "../src/models/scripted-listener.ts";
import { scriptedServer } from "../src/models/scripted.ts";

// The server of the rows of models, in a process of its own; prints where it is.
const [text = "", delay = "0"] = process.argv.slice(2);
const { url } = await listen(scriptedServer(() => ({ text, delay: Number(delay) })));
process.stdout.write(`${url}\n`);
