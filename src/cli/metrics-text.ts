import type { Client } from "../control/client.ts";
import type { Output } from "./output.ts";

/** A series of a metric. */
interface Series {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  /** As JSON has no infinity, that is a text. */
  readonly value: number | string;
}

/** Prints metrics as Prometheus reads them, or as JSON: a list of series. */
export async function printMetrics(client: Client, out: Output, path: string): Promise<void> {
  const text = await new Response(await client.bytes(path, "text/plain")).text();
  if (out.json) out.document(seriesOf(text));
  else out.print(text.trimEnd());
}

const LINE = /^([\w:]+)(?:\{(.*)\})? (\S+)$/;
const LABEL = /(\w+)="((?:[^"\\]|\\.)*)"/g;
const ESCAPED: Readonly<Record<string, string>> = { n: "\n" };

/** The series in a text of Prometheus' format, version 0.0.4, without comments and times. */
export function seriesOf(text: string): readonly Series[] {
  return text.split("\n").flatMap((line) => {
    const [, name, labels = "", value = ""] = LINE.exec(line) ?? [];
    if (name === undefined) return [];
    const number = Number(value);
    const pairs = [...labels.matchAll(LABEL)].map(([, label = "", shown = ""]) => [
      label,
      shown.replaceAll(/\\(.)/g, (_, sign: string) => ESCAPED[sign] ?? sign),
    ]);
    const series = { name, labels: Object.fromEntries(pairs) as Record<string, string> };
    return [{ ...series, value: Number.isFinite(number) ? number : value }];
  });
}
