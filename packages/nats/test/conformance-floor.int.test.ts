// Debian's server, the floor, lacks much; what it lacks is refused, and everything else holds.

import { findServersToTest } from "@throughline/servers";
import { testServer } from "./single-server-conformance.ts";

const [, { name, server }] = await findServersToTest();
testServer(name, server, ["interruption"]);
