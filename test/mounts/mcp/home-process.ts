import { mounted, program } from "./fixture.ts";

// Has a program running, says which, and stays.
const server = mounted(program());
console.log(await server.call("pid"));
setInterval(() => undefined, 60_000);
