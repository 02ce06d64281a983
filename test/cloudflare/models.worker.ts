import { testWorker } from "./test-worker.ts";

export default testWorker({
  answer: () => import("../models/answer.test.ts"),
  "call-failure": () => import("../models/call-failure.test.ts"),
  call: () => import("../models/call.test.ts"),
  prices: () => import("../models/prices.test.ts"),
  resolve: () => import("../models/resolve.test.ts"),
  secrets: () => import("../models/secrets.test.ts"),
  scripted: () => import("../models/scripted.test.ts"),
  think: () => import("../models/think.test.ts"),
  tools: () => import("../models/tools.test.ts"),
});
