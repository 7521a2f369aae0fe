// In every image: asks the service beside it how it is, where no shell and no curl could.
//   /bin/node /app/probe.mjs http://127.0.0.1:8081/health/ready

const timeoutMs = 4_000;
const [url = ""] = process.argv.slice(2);

try {
  const answer = await fetch(url, { signal: AbortSignal.timeout(timeoutMs) });
  process.stdout.write(`${await answer.text()}\n`);
  process.exitCode = answer.ok ? 0 : 1;
} catch (error) {
  process.stderr.write(`${url}: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
}
