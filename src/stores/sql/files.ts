import type { TreeRow } from "../../core/ports/store.ts";
import type { Base, Known } from "./base.ts";
import { spill } from "./large.ts";

/** Writes a file, over the one that is there. */
export function putFile(base: Base, agent: Known, file: TreeRow): void {
  base.sql.run(
    `INSERT INTO tree (agent, path, value) VALUES (?, ?, ?)
     ON CONFLICT (agent, path) DO UPDATE SET value = excluded.value`,
    agent.num,
    file.path,
    spill(base, file.value),
  );
  base.search.put(agent, file.path, file.value);
}

/** Removes a file; with a path that ends in "/", all files below it. */
export function removeFile(base: Base, agent: Known, path: string): void {
  base.search.remove(agent, path);
  if (path.endsWith("/")) {
    base.sql.run(
      "DELETE FROM tree WHERE agent = ? AND path >= ? AND path < ?",
      agent.num,
      path,
      `${path.slice(0, -1)}0`,
    );
  } else {
    base.sql.run("DELETE FROM tree WHERE agent = ? AND path = ?", agent.num, path);
  }
}
