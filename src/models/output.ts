import type { LanguageModelV4CallOptions } from "@ai-sdk/provider";
import { OpenAgentsError } from "../core/errors.ts";
import type { Json } from "../core/json.ts";
import type { StandardSchema } from "../core/standard-schema.ts";
import { validate } from "../core/standard-schema.ts";
import { schemaOf } from "./tool.ts";

type ResponseFormat = NonNullable<LanguageModelV4CallOptions["responseFormat"]>;

/** What an answer is to be, where it is not to be text. */
export interface OutputFormat {
  /** How a model is told. */
  readonly responseFormat: ResponseFormat;
  /** The answer, or what is wrong with it. */
  read(text: string): Promise<{ readonly value: unknown } | { readonly problem: string }>;
}

/** @throws CONFIG for a schema that cannot be made JSON Schema */
export function outputFormat(schema: StandardSchema): OutputFormat {
  const jsonSchema = schemaOf(schema);
  if (jsonSchema === undefined) {
    throw new OpenAgentsError(
      "CONFIG",
      'Cannot use "output": it cannot be made JSON Schema: use a library that can, such as zod 4.2',
    );
  }
  return {
    responseFormat: {
      type: "json",
      schema: jsonSchema,
    },
    async read(text) {
      let value: Json;
      try {
        value = JSON.parse(bare(text)) as Json;
      } catch (error) {
        return { problem: `it is no JSON: ${(error as Error).message}` };
      }
      return validate(schema, value);
    },
  };
}

/** Models like to put JSON into a fence of Markdown. */
function bare(text: string): string {
  return /^\s*```(?:json)?\s*\n([\s\S]*)\n\s*```\s*$/i.exec(text)?.[1] ?? text;
}
