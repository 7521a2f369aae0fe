// `npm run check`: format and lint, types, the direction of dependencies, documents that must agree with the code, and the
// contracts of the reference system, which must break nobody.

import { contractCommand } from "./reference-contracts.ts";
import { runSteps } from "./run-steps.ts";

await runSteps([
  { name: "format and lint", command: ["node_modules/@biomejs/biome/bin/biome", "check", "--error-on-warnings", "."] },
  { name: "types", command: ["node_modules/typescript/bin/tsc", "-p", "."] },
  { name: "dependencies", command: ["scripts/check-dependencies.ts"] },
  { name: "documents", command: ["scripts/check-documents.ts"] },
  { name: "contracts", command: contractCommand("check") },
  { name: "documents of the contracts", command: contractCommand("docs", "--check") },
]);
