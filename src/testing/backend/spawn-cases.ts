import type { Json } from "../../core/json.ts";
import type { RemoteRuntime } from "../../core/runtime.ts";
import { equal, ok } from "../assert.ts";
import { ask, fresh, make, stateOf, until } from "./kit.ts";
import type { BackendCase } from "./kit.ts";

/** What a `spawner` answers. */
interface Spawned {
  readonly made: string | null;
  readonly children: readonly string[];
}

async function spawn(
  runtime: RemoteRuntime,
  parent: string,
  wanted: { readonly [member: string]: Json },
): Promise<Spawned> {
  return (await ask(runtime, parent, wanted)).replies[0] as unknown as Spawned;
}

const exists = async (runtime: RemoteRuntime, ref: string): Promise<boolean> =>
  runtime.get(ref).then(
    () => true,
    () => false,
  );

/** Guarantees about agents that agents make. */
export const SPAWN_CASES: readonly BackendCase[] = [
  {
    guarantee: "children",
    name: "a child is made with its parent's commit, hears its first message, and may answer its parent",
    async body({ runtime }) {
      const parent = await make(runtime, "spawner");
      const name = fresh("child");
      const { made } = await spawn(runtime, parent, { name, type: "reporter", payload: "hello" });
      await until("the child is made", () => exists(runtime, name));
      const child = await runtime.get(name);
      const { id } = await runtime.get(parent);
      equal([child.id, child.type, child.parent, child.generation], [made, "reporter", id, 1]);
      ok(child.publicKey !== (await runtime.key(parent)).publicKey, "it has a key of its own");
      await until("it heard", async () => (await stateOf(runtime, name, "got")) !== undefined);
      await until("it heard", async () => (await runtime.status(name)).queued === 0);
      equal(await stateOf(runtime, name, "got"), ["hello"]);
      await until("it answered", async () => {
        const rows = await runtime.log(parent, 0, 100);
        return rows.some(({ record }) => record.includes(`"from":"${child.id}"`));
      });
      equal((await spawn(runtime, parent, {})).children, [name]);
      equal([(await runtime.verify(parent)).ok, (await runtime.verify(name)).ok], [true, true]);
    },
  },
  {
    guarantee: "children",
    name: "a child of a tick that is parked is there before the tick goes on, and is made once",
    async body({ runtime, crash, outside }) {
      const parent = await make(runtime, "spawner");
      const [name, gate, id] = [fresh("child"), fresh("gate"), fresh("spawn")];
      const payload = { name, type: "keeper", payload: "once", sleep: "300ms", gate };
      await runtime.send(parent, { payload, id });
      await until("the child is made", () => exists(runtime, name));
      const { id: npub } = await runtime.get(name);
      await outside.pass(`${gate} reached`);
      const after = await crash();
      await outside.open(gate);
      const answer = await ask(after, parent, payload, { id });
      equal(answer.replies, [{ made: npub, children: [name] }]);
      equal(await stateOf(after, name, "got"), ["once"]);
      equal((await after.list({ parent })).items.length, 1);
      equal(await after.deadLetters(parent, 0, 9), []);
    },
  },
  {
    guarantee: "children",
    name: "a child is made after a crash right after the answer",
    async body({ runtime, crash }) {
      const parent = await make(runtime, "spawner");
      const name = fresh("child");
      const { made } = await spawn(runtime, parent, { name, type: "keeper", payload: "hello" });
      const after = await crash();
      await until("the child is made", () => exists(after, name));
      equal((await after.get(name)).id, made);
      await until("it heard", async () => (await after.status(name)).ticks === 2);
      equal(await stateOf(after, name, "got"), ["hello"]);
    },
  },
  {
    guarantee: "children",
    name: "a name that is taken is refused at once, and one that is taken in between is made another",
    async body({ runtime, outside }) {
      const parent = await make(runtime, "spawner");
      const [name, gate, id] = [fresh("child"), fresh("gate"), fresh("spawn")];
      equal((await spawn(runtime, parent, { name: parent })).made, "EXISTS");
      const payload = { name, type: "keeper", gate };
      await runtime.send(parent, { payload, id });
      await outside.pass(`${gate} reached`);
      await runtime.create({ name, type: "keeper" });
      await outside.open(gate);
      const answer = await ask(runtime, parent, payload, { id });
      const { made } = answer.replies[0] as unknown as Spawned;
      await until("the child is made", () => exists(runtime, made!));
      const called = `${name}-${made!.slice(-6)}`;
      equal((await runtime.get(made!)).name, called);
      await until("its parent knows", async () =>
        (await spawn(runtime, parent, {})).children.includes(called),
      );
    },
  },
  {
    guarantee: "children",
    name: "an agent that ends is its parent's child no more, and one whose parent ends lives on",
    async body({ runtime }) {
      const parent = await make(runtime, "spawner");
      const [a, b] = [fresh("child"), fresh("child")];
      await spawn(runtime, parent, { name: a, type: "keeper" });
      await spawn(runtime, parent, { name: b, type: "keeper" });
      await until("both are made", async () => (await exists(runtime, a)) && exists(runtime, b));
      await runtime.terminate(a);
      await until("its parent knows", async () => {
        const { children } = await spawn(runtime, parent, {});
        return children.length === 1 && children[0] === b;
      });
      const { id } = await runtime.get(parent);
      await runtime.purge(parent);
      equal((await runtime.get(b)).parent, id);
      equal((await ask(runtime, b, "still here")).replies, [1]);
      await runtime.terminate(b);
    },
  },
];
