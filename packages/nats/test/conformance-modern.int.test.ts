// The modern server has everything.

import { findServersToTest } from "@throughline/servers";
import { testServer } from "./single-server-conformance.ts";

const [{ name, server }] = await findServersToTest();
testServer(name, server, ["atomic-batch", "schedule", "cron", "fleet-pause", "partitions", "interruption"]);
