import type { Json } from "../../core/json.ts";
import type { RemoteRuntime } from "../../core/runtime.ts";
import { equal, rejects } from "../assert.ts";
import { ask, make } from "./kit.ts";
import type { BackendCase } from "./kit.ts";
import { bytesOf, streamOf } from "./move-cases.ts";

/** What a rememberer finds, and the last of what it was told. */
async function tell(
  runtime: RemoteRuntime,
  name: string,
  what: {
    readonly say?: string;
    readonly find?: string;
    readonly read?: string;
    readonly fail?: number;
  },
): Promise<Json | undefined> {
  return (await ask(runtime, name, what)).replies[0];
}

/** What agents remember, and find by its words. */
export const MEMORY_CASES: readonly BackendCase[] = [
  {
    guarantee: "files",
    name: "what an agent remembers is found by its words, with the tick, and not when it fails",
    async body({ runtime, crash }) {
      const name = await make(runtime, "rememberer");
      const hits = (text: string, n: number): Json[] => [
        ["kv", null, text],
        ["patterns", null, `They said: ${text}`],
        ["conversations", n, text],
      ];
      equal(await tell(runtime, name, { say: "A red Kite", find: "kites" }), {
        found: [],
        context: ["A red Kite"],
      });
      equal(await tell(runtime, name, { say: "Blue skies", find: "SKIES" }), {
        found: hits("Blue skies", 2),
        context: ["A red Kite", "Blue skies"],
      });
      equal(await tell(runtime, name, { say: "Lost words", fail: 9 }), undefined);
      const again = await crash();
      equal(await tell(again, name, { find: "lost" }), {
        found: [],
        context: ["A red Kite", "Blue skies"],
      });
      equal(await tell(again, name, { find: "kit*" }), {
        found: hits("A red Kite", 1).slice(1),
        context: ["A red Kite", "Blue skies"],
      });
      const read = async (path: string): Promise<string> =>
        new TextDecoder().decode(await again.fs(name).read(path));
      equal(await read("/memory/kv/last"), '"Blue skies"');
      const first = JSON.parse(await read("/memory/conversations/talk/1")) as { content: string };
      equal(first.content, "A red Kite");
      // Operators find the same.
      const seen = await again.searchMemory(name, "KIT*", { in: ["conversations", "kv"] });
      equal(seen, [
        {
          in: "conversations",
          id: "talk",
          n: 1,
          path: "/memory/conversations/talk/1",
          text: "A red Kite",
        },
      ]);
      equal((await again.searchMemory(name, "kite", { limit: 1 })).length, 1);
      await rejects(again.searchMemory(name, "..."), "INVALID");
      await rejects(again.searchMemory("nobody-of-this-name", "kite"), "NOT_FOUND");
      // Changed from outside, it is found as it is now.
      const said = new TextEncoder().encode("A green kite");
      await again.fs(name).write("/memory/conversations/talk/1", said);
      await again.fs(name).remove("/memory/kv/last");
      equal(await tell(again, name, { find: "green" }), {
        found: [["conversations", 1, "A green kite"]],
        context: ["A green kite", "Blue skies"],
      });
      equal((await again.verify(name)).ok, true);
    },
  },
  {
    guarantee: "files",
    name: "what an agent has read and what came of its goals is kept, as files, and found",
    async body({ runtime, crash }) {
      const name = await make(runtime, "rememberer");
      const read = "https://sea.example/tides?page=1";
      await tell(runtime, name, { read, fail: 1 });
      const again = await crash();
      const hits = await again.searchMemory(name, "tides");
      const [goal, note] = ["goals", "read"].map((area) => hits.find((hit) => hit.in === area));
      equal([hits.length, goal?.id, note?.id], [2, "read", read]);
      const files = again.fs(name);
      const text = new TextDecoder().decode(await files.read(note?.path ?? "/none"));
      const kept = JSON.parse(text) as Readonly<Record<string, Json>>;
      equal([kept["path"], kept["digest"], kept["reads"]], [read, "1", 1]);
      equal((await again.goals(name, "", 9))[0]?.result, "Tides come twice a day");
      await again.updateGoal(name, "read", { result: null });
      await files.remove(note?.path ?? "/none");
      equal(await again.searchMemory(name, "twice tides"), []);
      equal((await again.searchMemory(name, "tides")).length, 1);
      equal((await again.verify(name)).ok, true);
    },
  },
  {
    guarantee: "mobility",
    name: "what an agent remembers goes along, and is found where it goes",
    async body({ runtime, crash }) {
      const name = await make(runtime, "rememberer");
      await tell(runtime, name, { say: "The anchor holds" });
      const bundle = await bytesOf(await runtime.export(name));
      await runtime.purge(name);
      await runtime.import(streamOf(bundle));
      const found = [
        ["patterns", null, "They said: The anchor holds"],
        ["kv", null, "The anchor holds"],
        ["conversations", 1, "The anchor holds"],
      ];
      equal(await tell(runtime, name, { find: "anchor" }), {
        found,
        context: ["The anchor holds"],
      });
      const again = await crash();
      equal(await tell(again, name, { find: "holds" }), { found, context: ["The anchor holds"] });
      equal((await again.verify(name)).ok, true);
    },
  },
];
