import { testWorker } from "./test-worker.ts";

export default testWorker({
  access: () => import("../vfs/access.test.ts"),
  changes: () => import("../vfs/changes.test.ts"),
  namespace: () => import("../vfs/namespace.test.ts"),
  "namespace-model": () => import("../vfs/namespace-model.test.ts"),
  nodes: () => import("../vfs/nodes.test.ts"),
  path: () => import("../vfs/path.test.ts"),
  scratch: () => import("../vfs/scratch.test.ts"),
  union: () => import("../vfs/union.test.ts"),
});
