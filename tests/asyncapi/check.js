// Reads AsyncAPI documents, each a line of JSON on standard input; answers each with what is wrong in it, a line as well.
import { createInterface } from "node:readline";
import { Parser } from "@asyncapi/parser";

const parser = new Parser();
const ERROR_OR_WARNING = 1;
for await (const line of createInterface({ input: process.stdin })) {
  const { document, diagnostics } = await parser.parse(JSON.parse(line));
  const wrong = diagnostics.filter((one) => one.severity <= ERROR_OR_WARNING);
  console.log(JSON.stringify({ valid: document !== undefined, wrong: wrong.map((one) => one.message) }));
}
