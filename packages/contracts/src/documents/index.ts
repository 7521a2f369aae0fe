// Public surface of @throughline/contracts/documents: documents for others, made from the declarations.

export { type AsyncApiOptions, createAsyncApi } from "./asyncapi.ts";
export { createCatalogue } from "./catalogue.ts";
export { createDocuments, type DocumentOptions } from "./document-set.ts";
export { createSchemaFiles } from "./schema-files.ts";
