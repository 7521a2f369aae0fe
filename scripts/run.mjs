// The door to every command: plain JavaScript for any Node from 18 on. Installs what is missing, then hands over to the
// pinned Node, which runs the project's TypeScript as it is.
//
//   node scripts/run.mjs <script> [arguments]

import { spawn, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const startedAt = Date.now();
const root = dirname(dirname(fileURLToPath(import.meta.url)));
const modules = join(root, "node_modules");
const stamp = join(modules, ".throughline-installed");
const state = join(root, ".throughline");
const pinnedNode = join(modules, "node", "bin", process.platform === "win32" ? "node.exe" : "node");

async function main() {
  const [script, ...args] = process.argv.slice(2);
  if (script === undefined) {
    console.error("usage: node scripts/run.mjs <script> [arguments]");
    process.exit(2);
  }
  const fingerprint = installFingerprint();
  if (!isInstalled(fingerprint)) {
    await withInstallLock(async () => {
      if (!isInstalled(fingerprint)) {
        await install();
        writeFileSync(stamp, fingerprint);
      }
    });
  }
  handOver(join(root, script), args);
}

/** What the installation depends on: the lockfile, and the machine it was made for. */
function installFingerprint() {
  const lockfile = readFileSync(join(root, "package-lock.json"));
  return createHash("sha256").update(lockfile).update(`${process.platform}-${process.arch}`).digest("hex");
}

function isInstalled(fingerprint) {
  return existsSync(pinnedNode) && existsSync(stamp) && readFileSync(stamp, "utf8") === fingerprint;
}

/** Two commands started at once on a fresh checkout must not install over each other. */
async function withInstallLock(action) {
  const lock = join(state, "install.lock");
  mkdirSync(state, { recursive: true });
  for (let announced = false; !tryLock(lock); announced = true) {
    if (!announced) {
      console.error("Another command is installing packages; waiting for it.");
    }
    await new Promise((resolve) => setTimeout(resolve, 250));
  }
  const unlock = () => rmSync(lock, { force: true });
  process.once("exit", unlock);
  await action();
  process.off("exit", unlock);
  unlock();
}

/** The lock names its holder: one left behind by a process that is gone is taken over. */
function tryLock(lock) {
  try {
    writeFileSync(lock, String(process.pid), { flag: "wx" });
    return true;
  } catch (error) {
    if (error.code !== "EEXIST") {
      throw error;
    }
  }
  try {
    process.kill(Number(readFileSync(lock, "utf8")), 0);
  } catch {
    rmSync(lock, { force: true });
  }
  return false;
}

async function install() {
  const lockedNode = JSON.parse(readFileSync(join(root, "package.json"), "utf8")).devDependencies.node;
  console.error(`Installing packages and Node ${lockedNode} (first run, or the lockfile changed) …`);
  const ticker = setInterval(() => {
    console.error(`  still installing, ${Math.round((Date.now() - startedAt) / 1000)} s`);
  }, 5_000);
  const windows = process.platform === "win32";
  // The package manager may set variables for the script that it runs now; the new one must not inherit them.
  const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith("npm_")));
  const npm = spawn("npm", ["ci", "--no-audit", "--no-fund", "--loglevel=error", "--prefer-offline"], {
    cwd: root,
    env,
    shell: windows,
    stdio: ["ignore", "pipe", "pipe"],
  });
  let output = "";
  for (const stream of [npm.stdout, npm.stderr]) {
    stream.on("data", (text) => {
      output += text;
    });
  }
  const code = await new Promise((resolve) => {
    npm.on("error", (error) => {
      output += error.message;
      resolve(1);
    });
    npm.on("close", resolve);
  });
  clearInterval(ticker);
  if (code !== 0) {
    console.error(`npm ci failed (exit code ${code}):\n${output}`);
    console.error("Fix: check that the npm registry can be reached (npm ping), then run the command again.");
    process.exit(1);
  }
  const version = spawnSync(pinnedNode, ["--version"], { encoding: "utf8" }).stdout?.trim();
  if (version !== `v${lockedNode}`) {
    console.error(`Node ${lockedNode} was not installed (found ${version ?? "none"} at ${pinnedNode}).`);
    console.error("Fix: allow install scripts for the package `node` (npm config get ignore-scripts must say false).");
    process.exit(1);
  }
  console.error(`Installed in ${((Date.now() - startedAt) / 1000).toFixed(1)} s.`);
}

function handOver(script, args) {
  const isTypeScript = script.endsWith(".ts");
  const conditions = isTypeScript ? ["--conditions=throughline-source"] : [];
  const child = spawn(pinnedNode, [...conditions, script, ...args], {
    stdio: ["inherit", "inherit", "inherit", "ipc"],
    env: {
      ...process.env,
      NODE_COMPILE_CACHE: process.env.NODE_COMPILE_CACHE ?? join(state, "compile-cache"),
      THROUGHLINE_STARTED_AT: String(startedAt),
    },
  });
  // A terminal sends Ctrl-C to the child as well; this process only waits for it.
  process.on("SIGINT", () => undefined);
  for (const signal of ["SIGTERM", "SIGHUP"]) {
    process.on(signal, () => child.kill(signal));
  }
  child.on("error", (error) => {
    console.error(`${pinnedNode} could not be started: ${error.message}`);
    process.exit(1);
  });
  child.on("exit", (code, signal) => {
    if (signal === null) {
      process.exit(code ?? 1);
    }
    process.removeAllListeners(signal);
    process.kill(process.pid, signal);
  });
}

await main();
