import { mkdirSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { documentOf } from "../src/control/openapi.ts";
import { OPERATIONS } from "../src/control/operations.ts";
import { PACKAGE_VERSION } from "../src/core/version.ts";

// Writes the OpenAPI document of the API, as `GET /openapi.json` gives it: `node scripts/openapi.ts [FILE]`.
const file = process.argv[2] ?? "dist/openapi.json";
mkdirSync(dirname(file), { recursive: true });
writeFileSync(file, `${JSON.stringify(documentOf(OPERATIONS, PACKAGE_VERSION), null, 2)}\n`);
process.stdout.write(`${file}\n`);
