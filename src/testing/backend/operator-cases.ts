import type { Operations } from "../../core/operations.ts";
import type { RemoteRuntime } from "../../core/runtime.ts";
import { equal, rejects } from "../assert.ts";
import { ask, fresh, make } from "./kit.ts";
import type { BackendCase, BackendFixture } from "./kit.ts";

/** What an operator does with single agents, where the backend's runtime offers it. */
export const OPERATOR_CASES: readonly BackendCase[] = [
  {
    guarantee: "lifecycle",
    name: "a name and labels are changed, once for each revision, and kept",
    body: operated(async ({ runtime, crash }) => {
      const name = await make(runtime, "keeper");
      const label = fresh("label");
      await ask(runtime, name, "one");
      const { id, revision } = await runtime.get(name);
      const next = fresh("renamed");
      const after = await runtime.update(name, { name: next, labels: [label, "b"] });
      equal([after.id, after.name, after.labels], [id, next, ["b", label]]);
      await rejects(runtime.update(next, { labels: [] }, { ifMatch: revision }), "PRECONDITION");
      await rejects(runtime.get(name), "NOT_FOUND");
      equal(
        (await runtime.list({ label })).items.map((item) => item.name),
        [next],
      );
      const other = await make(runtime, "keeper");
      await rejects(runtime.update(next, { name: other }), "EXISTS");
      await runtime.create({ name, type: "keeper" });
      const again = await crash();
      equal((await again.get(next)).id, id);
      equal(
        (await again.list({ label })).items.map((item) => item.name),
        [next],
      );
      equal((await ask(again, next, "two")).replies, [2]);
    }),
  },
];

type Operated = BackendFixture & {
  readonly runtime: RemoteRuntime & Operations;
  readonly crash: () => Promise<RemoteRuntime & Operations>;
};

/** A case for runtimes that have `Operations`; nothing for others. */
function operated(body: (fixture: Operated) => Promise<void>): BackendCase["body"] {
  return async (fixture) => {
    if ("update" in fixture.runtime) await body(fixture as Operated);
  };
}
