// The broker that commands look at.

import { Option } from "commander";

const defaultUrl = "nats://127.0.0.1:4222";

export interface NatsOption {
  readonly nats: string;
}

/** `--nats`, else NATS_URL, else a server on this machine. */
export function natsOption(): Option {
  return new Option("--nats <url>", "the broker; several of a cluster with commas").env("NATS_URL").default(defaultUrl);
}
