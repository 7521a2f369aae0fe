// The dead letters of a broker, for whoever sits at the keyboard.

import { existsSync } from "node:fs";
import { userInfo } from "node:os";
import { resolve } from "node:path";
import type { AnyEventContract } from "@throughline/contracts";
import { type DeadLetters, openDeadLetters } from "@throughline/core";
import { nats } from "@throughline/nats";
import { loadDeclarations } from "../contracts/load-declarations.ts";
import type { NatsOption } from "../nats-option.ts";

export interface LettersOptions extends NatsOption {
  readonly json: boolean;
}

const connectTimeoutMs = 5_000;

export async function openLetters(
  { nats: servers }: LettersOptions,
  contracts: readonly AnyEventContract[] = [],
): Promise<DeadLetters> {
  return await openDeadLetters({
    transport: nats({ servers, connectTimeoutMs }),
    operator: userInfo().username,
    contracts,
  });
}

/** Today's contracts, by which is found out what cannot be read; none where no module is named and none is in its usual place. */
export async function loadContracts(paths: readonly string[], cwd: string): Promise<readonly AnyEventContract[]> {
  if (paths.length === 0 && !existsSync(resolve(cwd, "throughline.config.ts"))) {
    return [];
  }
  const { system } = await loadDeclarations(paths, cwd);
  return system.events.map(({ contract }) => contract);
}
