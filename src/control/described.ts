import * as z from "zod/v4";

/** What the document says of a schema beside what it checks: members of a JSON Schema, as they are written there. */
export interface Description {
  /** Its name among the components of the document: it is written once. */
  readonly id?: string;
  readonly description?: string;
  readonly example?: unknown;
  readonly [member: string]: unknown;
}

/** The descriptions of the API's schemas, apart from those that others keep in zod's own registry. */
export const described: z.core.$ZodRegistry<Description> = z.registry<Description>();
