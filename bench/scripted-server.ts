import { listen } from "../src/models/scripted-listener.ts";
import { scriptedServer } from "../src/models/scripted.ts";

// The server of the rows of models, in a process of its own; prints where it is.
const [answer = ""] = process.argv.slice(2);
const { url } = await listen(scriptedServer(() => answer));
process.stdout.write(`${url}\n`);
