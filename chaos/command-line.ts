// The command line of `npm run chaos`.

import { parseArgs } from "node:util";
import { experiments } from "./experiments/experiments.ts";
import { isPlantedBug, plantedBugs } from "./system/inside/failpoints.ts";
import type { ChaosOptions } from "./system/run-chaos.ts";

export interface ChaosCommand extends Omit<ChaosOptions, "orderDeadlineMs" | "report" | "onProgress"> {
  /** None: the whole system. */
  readonly experiments: readonly string[];
  readonly scale: number;
  readonly full: boolean;
  readonly fullMs: number;
  readonly json: boolean;
  readonly help: boolean;
}

const names = Object.keys(experiments);

export const usage = `usage: npm run chaos -- [options]               the whole reference system, and a judgement afterwards
       npm run chaos -- ${names.join("|")} … [--scale 0.1] [--json]

  --seconds 60      how long orders are placed and things break, per round
  --orders 100000   at most so many orders, per round
  --rate 40         orders a second
  --every 5         seconds between two faults
  --seed 1          the same seed means the same faults; chosen and told where it is left out
  --nats single     or cluster: three servers, three replicas, leaders killed
  --full            round after round of 600 s, single and cluster in turn, for --hours 8
  --drain 120       seconds in which everything has to come to rest
  --bug NAME        plant a bug that has to be found: ${plantedBugs.join(", ")}
  --json            one JSON object for each round

Ends with 0 when nothing was found, 1 when something was, 2 when it was called wrongly.`;

export function readCommand(args: readonly string[]): ChaosCommand | { readonly problem: string } {
  try {
    const { values, positionals } = parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        scale: { type: "string", default: "1" },
        full: { type: "boolean", default: false },
        hours: { type: "string", default: "8" },
        seed: { type: "string", default: String(1 + Math.floor(Math.random() * 999_999)) },
        nats: { type: "string", default: "single" },
        seconds: { type: "string" },
        orders: { type: "string", default: "1000000" },
        rate: { type: "string", default: "40" },
        every: { type: "string", default: "5" },
        drain: { type: "string", default: "120" },
        bug: { type: "string" },
        json: { type: "boolean", default: false },
        help: { type: "boolean", short: "h", default: false },
      },
    });
    const unknown = positionals.find((name) => !names.includes(name));
    if (unknown !== undefined) {
      return { problem: `There is no experiment "${unknown}"; there are ${names.join(", ")}.` };
    }
    if (values.nats !== "single" && values.nats !== "cluster") {
      return { problem: `--nats is single or cluster, not "${values.nats}".` };
    }
    if (values.bug !== undefined && !isPlantedBug(values.bug)) {
      return { problem: `--bug is one of ${plantedBugs.join(", ")}, not "${values.bug}".` };
    }
    return {
      experiments: positionals,
      scale: positive("scale", values.scale),
      full: values.full,
      fullMs: positive("hours", values.hours) * 3_600_000,
      seed: positive("seed", values.seed),
      topology: values.nats,
      seconds: positive("seconds", values.seconds ?? (values.full ? "600" : "60")),
      orders: positive("orders", values.orders),
      perSecond: positive("rate", values.rate),
      faultEveryMs: positive("every", values.every) * 1_000,
      drainTimeoutMs: positive("drain", values.drain) * 1_000,
      bug: values.bug,
      json: values.json,
      help: values.help,
    };
  } catch (error) {
    return { problem: error instanceof Error ? error.message : String(error) };
  }
}

function positive(name: string, text: string): number {
  const value = Number(text);
  if (!(value > 0) || !Number.isFinite(value)) {
    throw new Error(`--${name} is a number above 0, not "${text}".`);
  }
  return value;
}
