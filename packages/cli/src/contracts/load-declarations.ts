// Loads modules and picks the services and contracts out of what they export, by their shape: a workspace may hold more
// than one copy of the toolkit.

import { existsSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { type AnyEventContract, ThroughlineError } from "@throughline/contracts";
import {
  collectEvents,
  collectProcedures,
  type DeclaredService,
  type DeclaredSystem,
} from "@throughline/contracts/compatibility";

export interface Declarations {
  readonly services: readonly DeclaredService[];
  readonly contracts: readonly AnyEventContract[];
  readonly system: DeclaredSystem;
  /** The folder of the first module: files are looked for beside it. */
  readonly folder: string;
}

const defaultModules = ["throughline.config.ts", "throughline.config.js", "throughline.config.mjs"];
/** Exports may be lists and objects of declarations; deeper than this nobody puts them. */
const maxDepth = 3;

/** @throws CONTRACT_MODULE_INVALID */
export async function loadDeclarations(paths: readonly string[], cwd: string): Promise<Declarations> {
  const files = paths.length > 0 ? paths.map((path) => resolve(cwd, path)) : [findDefault(cwd)];
  const found: unknown[] = [];
  for (const file of files) {
    collect(await load(file), found, 0);
  }
  const services = [...new Set(found.filter(isService))];
  const contracts = [...new Set(found.filter(isContract))];
  if (services.length + contracts.length === 0) {
    throw invalidModule(`${files.join(", ")} export neither services nor contracts.`);
  }
  const repeated = services.find((service) =>
    services.some((other) => other !== service && other.name === service.name),
  );
  if (repeated !== undefined) {
    throw invalidModule(`Two different services are named "${repeated.name}".`);
  }
  const system = { events: collectEvents(services, contracts), procedures: collectProcedures(services) };
  return { services, contracts, system, folder: dirname(files[0] as string) };
}

function findDefault(cwd: string): string {
  const found = defaultModules.map((name) => resolve(cwd, name)).find((file) => existsSync(file));
  if (found === undefined) {
    throw invalidModule(`${cwd} has no ${defaultModules[0]}, and no module was named.`);
  }
  return found;
}

async function load(file: string): Promise<unknown> {
  if (!existsSync(file)) {
    throw invalidModule(`${file} does not exist.`);
  }
  try {
    return await import(pathToFileURL(file).href);
  } catch (cause) {
    throw invalidModule(`${file} does not load: ${cause instanceof Error ? cause.message : String(cause)}`, cause);
  }
}

function collect(value: unknown, found: unknown[], depth: number): void {
  if (isService(value) || isContract(value)) {
    found.push(value);
  } else if (typeof value === "object" && value !== null && depth < maxDepth) {
    for (const child of Object.values(value)) {
      collect(child, found, depth + 1);
    }
  }
}

function isService(value: unknown): value is DeclaredService {
  const { name, publishes, subscriptions } = (value ?? {}) as Partial<DeclaredService>;
  return typeof name === "string" && Array.isArray(publishes) && Array.isArray(subscriptions);
}

function isContract(value: unknown): value is AnyEventContract {
  const { type, versions, parseVersion } = (value ?? {}) as Partial<AnyEventContract>;
  return (
    typeof type === "string" && Array.isArray(versions) && versions.length > 0 && typeof parseVersion === "function"
  );
}

function invalidModule(problem: string, cause?: unknown): ThroughlineError {
  return new ThroughlineError("CONTRACT_MODULE_INVALID", problem, { cause });
}
