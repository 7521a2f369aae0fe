// Makes sure of the servers that tests run against before the first test starts: building one takes longer than a test
// may take, and a test that waits for a build would be blamed for it.

import { findDebianNatsServer, findNatsServer } from "@throughline/servers";

const onProgress = (step: string) => process.stderr.write(`  ${step} …\n`);

const modern = await findNatsServer({ onProgress });
process.stderr.write(`  nats-server ${modern.version} (${modern.source})\n`);
try {
  const floor = await findDebianNatsServer({ onProgress });
  process.stderr.write(`  nats-server ${floor.version} (${floor.source})\n`);
} catch {
  process.stderr.write("  Debian's nats-server cannot be had here: its tests will be skipped, and say why\n");
}
