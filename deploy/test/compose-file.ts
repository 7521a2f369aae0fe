// compose.yaml as Compose reads it: merged, its variables put in.

import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { parse } from "yaml";

export interface ComposeService {
  readonly image?: string;
  readonly build?: {
    readonly context: string;
    readonly dockerfile: string;
    readonly args: { readonly SERVICE: string };
  };
  readonly environment?: Readonly<Record<string, string>>;
  readonly ports?: readonly string[];
  readonly volumes?: readonly string[];
  readonly healthcheck?: { readonly test: readonly string[] };
  readonly depends_on?: Readonly<Record<string, { readonly condition: string }>>;
  readonly read_only?: boolean;
  readonly cap_drop?: readonly string[];
}

export interface ComposeFile {
  readonly name: string;
  readonly services: Readonly<Record<string, ComposeService>>;
  readonly configs: Readonly<Record<string, { readonly content: string }>>;
  readonly volumes: Readonly<Record<string, null>>;
}

export function readRootFile(name: string): string {
  return readFileSync(fileURLToPath(new URL(`../../${name}`, import.meta.url)), "utf8");
}

/** @see https://github.com/compose-spec/compose-spec/blob/main/12-interpolation.md */
export function readComposeFile(env: Readonly<Record<string, string>> = {}): ComposeFile {
  const reviver = (_: unknown, value: unknown) => (typeof value === "string" ? interpolate(value, env) : value);
  return parse(readRootFile("compose.yaml"), reviver, { merge: true });
}

function interpolate(text: string, env: Readonly<Record<string, string>>): string {
  return text.replaceAll(
    /\$\{(?<name>\w+)(?::-(?<otherwise>[^}]*))?\}/g,
    (_, name: string, otherwise = "") => env[name] || otherwise,
  );
}

/** Those that are built here. */
export function builtServices({ services }: ComposeFile): readonly (readonly [string, ComposeService])[] {
  return Object.entries(services).filter(([, { build }]) => build !== undefined);
}
