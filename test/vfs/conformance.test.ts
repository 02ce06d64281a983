import { test } from "node:test";
import { memorySuites } from "./fixtures.ts";

for (const { name, skip, run } of memorySuites()) void test(name, { skip }, run);
