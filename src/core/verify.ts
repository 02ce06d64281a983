import { filesOf, recordOf } from "./pages.ts";
import type { Store } from "./ports/index.ts";
import { ChainChecker } from "./trajectory.ts";
import type { Verdict } from "./trajectory.ts";
import { paths } from "./tree.ts";

/** Checks an agent's trajectory and its files against it. Nothing may tick meanwhile. */
export async function verifyAgent(store: Store, id: string): Promise<Verdict> {
  const checker = new ChainChecker(id);
  for await (const row of recordOf(store, id)) {
    const reason = checker.add(row);
    if (reason !== undefined)
      return { ok: false, records: checker.records, wrong: checker.records + 1, reason };
  }
  const missing = new Set(checker.paths());
  let unrecorded = 0;
  for await (const { path, value } of filesOf(store, id)) {
    // Written in the middle of a tick, and gone with its end.
    if (path.startsWith(paths.crashMarks)) continue;
    if (path.startsWith(paths.journals) && !checker.knows(path)) {
      unrecorded += 1;
      continue;
    }
    missing.delete(path);
    const wrong = checker.checkFile(path, value);
    if (wrong !== undefined) return { ok: false, records: checker.records, ...wrong };
  }
  for (const path of missing) {
    if (path.startsWith(paths.journals) && mayBeGone(checker, path)) continue;
    const wrong = checker.checkFile(path, undefined);
    if (wrong !== undefined) return { ok: false, records: checker.records, ...wrong };
  }
  const whole = { ok: true, records: checker.records, head: checker.head } as const;
  return unrecorded > 0 ? { ...whole, unrecorded } : whole;
}

/** True for a journal that may have been dropped outside of a tick, with its dead letter. */
function mayBeGone(checker: ChainChecker, path: string): boolean {
  const [, trigger] = path.split("/");
  return !checker.knows(`${paths.parkeds}${trigger}`);
}
