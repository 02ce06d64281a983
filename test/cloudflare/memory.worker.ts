import { testWorker } from "./test-worker.ts";

export default testWorker({
  conversations: () => import("../memory/conversations.test.ts"),
  "files-read": () => import("../memory/files-read.test.ts"),
  goals: () => import("../memory/goals.test.ts"),
  patterns: () => import("../memory/patterns.test.ts"),
  peers: () => import("../memory/peers.test.ts"),
});
