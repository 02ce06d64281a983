import type { FileService } from "../../core/ports/index.ts";
import type { TickOutput } from "../../core/trajectory.ts";
import type { RemoteRuntime } from "../../core/runtime.ts";
import { equal, rejects } from "../assert.ts";
import { ask, fresh, make, until } from "./kit.ts";
import type { BackendCase } from "./kit.ts";

/** What an agent of the type `librarian` is to do with its files, in order; `fail` so many tries. */
interface Errand {
  readonly do: readonly (readonly [act: string, ...args: unknown[]])[];
  readonly fail?: number;
}

/** Has a librarian do it; what each act gave, or the error's name. */
async function errand(runtime: RemoteRuntime, name: string, what: Errand): Promise<unknown> {
  return (await ask(runtime, name, { ...what } as never)).replies[0];
}

async function readText(files: FileService, path: string): Promise<string> {
  return new TextDecoder().decode(await files.read(path));
}

function bytes(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

/** An agent's tree of files: by its own code, and from outside. */
export const FILE_CASES: readonly BackendCase[] = [
  {
    guarantee: "files",
    name: "what agent code writes is there with the tick, and not when it fails",
    body: async ({ runtime, crash }) => {
      const name = await make(runtime, "librarian");
      const said = await errand(runtime, name, {
        do: [
          ["write", "/memory/files/notes/a.txt", "one"],
          ["read", "/memory/files/notes/a.txt"],
          ["write", "/goals/g1", '{"title":"Find it"}'],
        ],
      });
      equal(said, ["/memory/files/notes/a.txt", "one", "/goals/g1"]);
      const lost = await ask(runtime, name, {
        do: [["write", "/memory/files/notes/b.txt", "two"]],
        fail: 9,
      });
      equal(lost.outcome, "failed");
      const files = (await crash()).fs(name);
      equal(await readText(files, "/memory/files/notes/a.txt"), "one");
      const goal = JSON.parse(await readText(files, "/goals/g1")) as { title: string };
      equal(goal.title, "Find it");
      equal(
        (await files.list("/memory/files/notes")).items.map((entry) => entry.name),
        ["a.txt"],
      );
      await rejects(files.read("/memory/files/notes/b.txt"), "NOT_FOUND");
    },
  },
  {
    guarantee: "files",
    name: "what is not mounted, or disabled, is refused, and the record says who tried",
    body: async ({ runtime }) => {
      const name = await make(runtime, "librarian");
      const said = await errand(runtime, name, {
        do: [
          ["read", "/nowhere/secret"],
          ["write", "/ctl", "terminate"],
          ["read", "/../state"],
          ["write", "/status", "fine"],
        ],
      });
      equal(said, ["ENOENT", "EACCES", "EINVAL", "EACCES"]);
      const { lastTick } = await runtime.status(name);
      const refused = (lastTick?.steps ?? []).map(({ key, error }) => [key, error?.code]);
      equal(refused, [
        ["fs:read:/nowhere/secret", "NOT_FOUND"],
        ["fs:write:/ctl", "DENIED"],
        ["fs:read:/../state", "INVALID"],
        ["fs:write:/status", "DENIED"],
      ]);
    },
  },
  {
    guarantee: "files",
    name: "what agent code does outside is a step: done at once, and not again when the tick is",
    body: async ({ runtime }) => {
      const name = await make(runtime, "librarian");
      const said = await errand(runtime, name, {
        do: [
          ["write", "/fs/desk/a", "x", { at: "end" }],
          ["read", "/fs/desk/a"],
        ],
        fail: 2,
      });
      equal(said, ["/fs/desk/a", "x"]);
      const { lastTick } = await runtime.status(name);
      equal(
        (lastTick?.steps ?? []).map(({ key, replayed }) => [key, replayed === true]),
        [
          ["step:fs:write:/fs/desk/a#0", true],
          ["step:fs:read:/fs/desk/a#0", true],
        ],
      );
    },
  },
  {
    guarantee: "files",
    name: "a change from outside is a tick of the agent, and on its record",
    body: async ({ runtime, crash }) => {
      const name = await make(runtime, "librarian");
      await ask(runtime, name, { do: [] });
      const files = runtime.fs(name);
      const { ticks } = await runtime.status(name);
      await files.write("/goals/g2", bytes('{"title":"Sort it"}'));
      await files.write("/state", bytes('{"shelf": [1, 2]}'));
      await files.makeDirectory?.("/memory/files/box");
      await files.write("/memory/files/box/raw", new Uint8Array([0, 255, 10, 128]));
      await files.rename("/memory/files/box/raw", "/memory/files/box/bytes");
      const again = await crash();
      equal((await again.status(name)).ticks, ticks + 5);
      equal(
        (await again.goals(name, "", 9)).map(({ id, title }) => [id, title]),
        [["g2", "Sort it"]],
      );
      equal(await again.state(name), { shelf: [1, 2] });
      equal([...(await again.fs(name).read("/memory/files/box/bytes"))], [0, 255, 10, 128]);
      await rejects(again.fs(name).remove("/memory/files/box"), "EXISTS");
      await again.fs(name).remove("/memory/files/box/bytes");
      await again.fs(name).remove("/memory/files/box");
      await rejects(again.fs(name).write("/state", bytes("no json")), "INVALID");
      equal((await again.verify(name)).ok, true);
      equal((await again.deadLetters(name, 0, 9)).length, 0);
    },
  },
  {
    guarantee: "files",
    name: "a file changes only for whoever knows its revision, and two writers do not mix",
    body: async ({ runtime }) => {
      const name = await make(runtime, "librarian");
      const files = runtime.fs(name);
      await files.write("/goals/g", bytes('{"title":"first"}'));
      const { revision } = await files.stat("/goals/g");
      await files.write("/goals/g", bytes('{"title":"second"}'), { ifMatch: revision! });
      await rejects(
        files.write("/goals/g", bytes('{"title":"third"}'), { ifMatch: revision! }),
        "PRECONDITION",
      );
      const titles = ["a", "b", "c", "d"].map((letter) => letter.repeat(200));
      await Promise.all(
        titles.map((title) => files.write("/goals/g", bytes(JSON.stringify({ title })))),
      );
      const { title } = JSON.parse(await readText(files, "/goals/g")) as { title: string };
      equal(titles.includes(title), true);
    },
  },
  {
    guarantee: "files",
    name: "mail is delivered by the inbox, and read there while it waits",
    body: async ({ runtime }) => {
      const name = await make(runtime, "librarian");
      await runtime.pause(name);
      const files = runtime.fs(name);
      await files.write("/inbox", bytes("hello\n"), { at: "end" });
      await files.write("/inbox/errand.json", bytes('{"do": [["write", "/memory/files/x", "y"]]}'));
      const { items } = await files.list("/inbox");
      equal(items.length, 2);
      const first = JSON.parse(await readText(files, `/inbox/${items[0]!.name}`)) as {
        envelope: { payload: unknown };
      };
      equal(first.envelope.payload, "hello");
      await files.write("/ctl", bytes("resume\n"));
      await until("the errand to be done", async () =>
        files.read("/memory/files/x").then(
          () => true,
          () => false,
        ),
      );
      await rejects(files.write("/ctl", bytes("explode\n")), "INVALID");
      await rejects(files.write("/inbox/big", new Uint8Array(2_000_000)), "LIMIT");
    },
  },
  {
    guarantee: "files",
    name: "a key signs by a file, and the record says so",
    body: async ({ runtime }) => {
      const name = await make(runtime, "librarian");
      const hash = "ab".repeat(32);
      const files = runtime.fs(name);
      const npub = (await readText(files, "/identity/npub")).trim();
      equal(npub, (await runtime.get(name)).id);
      const signature = new TextDecoder().decode(
        await files.exchange!("/identity/sign", bytes(hash)),
      );
      const key = (await readText(files, "/identity/pubkey")).trim();
      const asked = bytes(`${key} ${hash} ${signature.trim()}`);
      equal(
        new TextDecoder().decode(await files.exchange!("/identity/verify", asked)).trim(),
        "true",
      );
      const records = await runtime.log(name, 0, 9);
      equal(
        records.some(({ record }) => record.includes('"use":"sign"')),
        true,
      );
      const inside = (await errand(runtime, name, {
        do: [["exchange", "/identity/sign", hash]],
      })) as [string];
      equal(/^[0-9a-f]{128}$/.test(inside[0].trim()), true, "a signature");
    },
  },
  {
    guarantee: "files",
    name: "mounts change while agents live, are on the record and stay after a crash",
    body: async ({ runtime, crash }) => {
      const [name, other] = [await make(runtime, "librarian"), await make(runtime, "librarian")];
      const note = fresh("note");
      await runtime.fs(other).write("/memory/files/open/note", bytes(note));
      const files = runtime.fs(name);
      const look: Errand = { do: [["read", "/fs/other/note"]] };
      equal(await errand(runtime, name, look), ["ENOENT"]);
      await files.write(
        "/mounts",
        bytes(`mount /fs/other agent read-only ${other}/memory/files/open\n`),
        { at: "end" },
      );
      equal(await errand(runtime, name, look), [note]);
      // It was given the files of this agent, and not of whoever has the name later.
      await runtime.update(other, { name: fresh("renamed") });
      await runtime.create({ name: other, type: "librarian" });
      equal(await errand(runtime, name, look), [note]);
      const again = await crash();
      const write: Errand = {
        do: [
          ["write", "/fs/other/note", "mine"],
          ["read", "/fs/other/../state"],
        ],
      };
      equal(await errand(again, name, write), ["EACCES", "EINVAL"]);
      await again.fs(name).write("/mounts", bytes("access /fs/other disabled\n"), { at: "end" });
      equal(await errand(again, name, look), ["EACCES"]);
      await again.fs(name).write("/mounts", bytes("unmount /fs/other\n"), { at: "end" });
      equal(await errand(again, name, look), ["ENOENT"]);
      const records = await again.log(name, 0, 50);
      equal(records.filter(({ record }) => record.includes("mounts/")).length, 3);
    },
  },
  {
    guarantee: "files",
    name: "a budget that is used up stays so after a crash, and its use is on the record",
    body: async ({ runtime, crash }) => {
      const name = await make(runtime, "librarian");
      const mount = "mount /fs/till scratch budgeted:2/1h\n";
      await runtime.fs(name).write("/mounts", bytes(mount), { at: "end" });
      equal(
        await readText(runtime.fs(name), "/mounts").then((table) => table.split("\n")[1]),
        TILL,
      );
      const said = await errand(runtime, name, {
        do: [
          ["write", "/fs/till/a", "1"],
          ["write", "/fs/till/b", "2"],
          ["write", "/fs/till/c", "3"],
        ],
      });
      equal(said, ["/fs/till/a", "/fs/till/b", "EDQUOT"]);
      const again = await crash();
      equal(await errand(again, name, { do: [["write", "/fs/till/c", "3"]] }), ["EDQUOT"]);
      await rejects(again.fs(name).write("/fs/till/c", bytes("3")), "RATE_LIMITED");
      equal((await again.verify(name)).ok, true);
      const logs = (await again.log(name, 0, 50)).flatMap(
        ({ output }) => (JSON.parse(output ?? "{}") as TickOutput).logs ?? [],
      );
      equal(
        logs.map(({ text, data }) => [text, data]),
        [[mount.trim(), { by: "an operator" }]],
      );
    },
  },
  {
    guarantee: "files",
    name: "a key signs for another agent where that is mounted sign-only, and does nothing else",
    body: async ({ runtime }) => {
      const [name, seller] = [await make(runtime, "librarian"), await make(runtime, "librarian")];
      const mounts = [
        `mount /fs/notary agent sign-only ${seller}/identity`,
        `mount /fs/seller agent read-write ${seller}/`,
      ];
      await runtime.fs(name).write("/mounts", bytes(mounts.join("\n")), { at: "end" });
      const hash = "cd".repeat(32);
      const said = (await errand(runtime, name, {
        do: [
          ["exchange", "/fs/notary/sign", hash],
          ["read", "/fs/notary/pubkey"],
          ["exchange", "/fs/notary/encrypt", `${seller}\ntext`],
          ["exchange", "/fs/notary/decrypt", `${seller}\ntext`],
          // Who may use the agent's files has no use of its key by that.
          ["exchange", "/fs/seller/identity/sign", hash],
        ],
      })) as readonly string[];
      const [signature = "", key = "", ...refused] = said;
      equal(refused, ["EACCES", "EACCES", "EACCES"]);
      const files = runtime.fs(seller);
      equal(key, await readText(files, "/identity/pubkey"));
      const asked = bytes(`${key.trim()} ${hash} ${signature.trim()}`);
      equal(
        new TextDecoder().decode(await files.exchange!("/identity/verify", asked)).trim(),
        "true",
      );
      const uses = (await runtime.log(seller, 0, 9)).filter(({ record }) =>
        record.includes('"use":"sign"'),
      );
      equal(uses.length, 1);
      const { lastTick } = await runtime.status(name);
      const messages = (lastTick?.steps ?? []).flatMap(({ error }) => error?.message ?? []);
      equal(messages, [
        'Cannot ask "/fs/notary/encrypt": the mount "/fs/notary" is sign-only',
        'Cannot ask "/fs/notary/decrypt": the mount "/fs/notary" is sign-only',
        'Cannot ask "/fs/seller/identity/sign": what is mounted at "/fs/seller" is read-only there',
      ]);
    },
  },
];

/** A line of the table of mounts, after that of the type. */
const TILL = "/fs/till scratch budgeted:2/1h";
