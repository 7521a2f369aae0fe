// `npm run docs`: writes every document that is made from the code. `npm run check` holds them to it.

import { contractCommand } from "./reference-contracts.ts";
import { runSteps } from "./run-steps.ts";

await runSteps([
  { name: "errors", command: ["scripts/check-documents.ts", "--write"] },
  { name: "documents of the contracts", command: contractCommand("docs") },
]);
