import { testWorker } from "./test-worker.ts";

export default testWorker({
  conditions: () => import("../drivers/plumber/conditions.test.ts"),
  errors: () => import("../drivers/plumber/errors.test.ts"),
  plumb: () => import("../drivers/plumber/plumb.test.ts"),
  properties: () => import("../drivers/plumber/properties.test.ts"),
  route: () => import("../drivers/plumber/route.test.ts"),
});
