// `npm run check`: format and lint, types, the direction of dependencies, and documents that must agree with the code.

import { runSteps } from "./run-steps.ts";

await runSteps([
  { name: "format and lint", command: ["node_modules/@biomejs/biome/bin/biome", "check", "--error-on-warnings", "."] },
  { name: "types", command: ["node_modules/typescript/bin/tsc", "-p", "."] },
  { name: "dependencies", command: ["scripts/check-dependencies.ts"] },
  { name: "documents", command: ["scripts/check-documents.ts"] },
]);
