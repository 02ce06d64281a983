import type { BackendFixture, Guarantee } from "./backend/kit.ts";
import { FILE_CASES } from "./backend/file-cases.ts";
import { LIFE_CASES } from "./backend/life-cases.ts";
import { MAIL_CASES } from "./backend/mail-cases.ts";
import { MEMORY_CASES } from "./backend/memory-cases.ts";
import { MODEL_CASES } from "./backend/model-cases.ts";
import { MOVE_CASES } from "./backend/move-cases.ts";
import { OPERATOR_CASES } from "./backend/operator-cases.ts";
import { SPAWN_CASES } from "./backend/spawn-cases.ts";
import { WORK_CASES } from "./backend/work-cases.ts";
import type { ConformanceCase } from "./store-conformance.ts";

export { conformanceAgents } from "./backend/agents.ts";
export type { BackendFixture, Guarantee } from "./backend/kit.ts";
export { localOutside, outsideHandler, remoteOutside } from "./backend/outside.ts";
export type { Outside } from "./backend/outside.ts";

/** One case of the backend suite, with the guarantee that it proves. */
export interface BackendConformanceCase extends ConformanceCase {
  readonly guarantee: Guarantee;
}

/**
 * What every backend must do: the guarantees of the design, section 4, as plain data for any test
 * runner. `make` gives a backend that runs `conformanceAgents`, fresh or shared by all cases.
 */
export function backendConformance(
  make: () => Promise<BackendFixture>,
): readonly BackendConformanceCase[] {
  return ALL_CASES.map(({ guarantee, name, body }) => ({
    guarantee,
    name: `${guarantee}: ${name}`,
    run: async () => {
      const fixture = await make();
      try {
        await body(fixture);
      } finally {
        await fixture.dispose();
      }
    },
  }));
}

const ALL_CASES = [
  ...MAIL_CASES,
  ...WORK_CASES,
  ...SPAWN_CASES,
  ...MODEL_CASES,
  ...LIFE_CASES,
  ...FILE_CASES,
  ...MEMORY_CASES,
  ...OPERATOR_CASES,
  ...MOVE_CASES,
];
