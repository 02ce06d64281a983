import { defineRuntime } from "@openagents/runtime";
import { greeter } from "./greeter/greeter.ts";
import { buyer, seller } from "./pair/pair.ts";
import { reader } from "./watcher/reader.ts";
import { watcher } from "./watcher/watcher.ts";

export default defineRuntime({
  agents: [greeter, watcher, reader, buyer, seller],
  // One agent of each type, there from the first start on.
  ensure: [
    { name: "greeter", type: "greeter" },
    { name: "watcher", type: "watcher" },
    { name: "reader", type: "reader" },
    { name: "buyer", type: "buyer" },
    { name: "seller", type: "seller" },
  ],
});
