// Loaded into the services before anything else (`node --import`): whoever imports the store gets ours around it. The services
// themselves know nothing of failpoints and planted bugs.

import { registerHooks } from "node:module";

const store = new URL("./store.ts", import.meta.url).href;

registerHooks({
  resolve: (specifier, context, next) =>
    specifier === "@throughline/postgres" && context.parentURL !== store
      ? { url: store, shortCircuit: true }
      : next(specifier, context),
});
