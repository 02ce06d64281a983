import type { FileService } from "../../core/ports/index.ts";
import { partsOf } from "../../vfs/path.ts";
import { UsageError } from "../usage-error.ts";
import { entriesOf } from "./pages.ts";
import { below } from "./tree-path.ts";
import type { TreePath } from "./tree-path.ts";
import { named } from "./typed-error.ts";

/** Removes a directory with all that is in it, or a file. Links are removed and not followed. */
export async function removeAll(files: FileService, at: TreePath): Promise<void> {
  if (partsOf(at.path).length <= 2) {
    throw new UsageError(
      `Cannot remove "${at.typed}" with all that is in it: it is all of an agent, or of many: see "agentctl delete"`,
    );
  }
  const { kind } = await named(at, () => files.stat(at.path));
  if (kind === "directory") {
    for (const { name } of await named(at, () => entriesOf(files, at.path))) {
      await removeAll(files, below(at, name));
    }
  }
  await named(at, () => files.remove(at.path));
}
