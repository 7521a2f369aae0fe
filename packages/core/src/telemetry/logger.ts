// The logging port: the part of Pino's interface that the toolkit uses, and a small default that needs no dependency.

type LogFields = Readonly<Record<string, unknown>>;

/** Structurally a subset of Pino's logger: pass a Pino instance as it is. */
export interface Logger {
  debug(fields: LogFields, message: string): void;
  info(fields: LogFields, message: string): void;
  warn(fields: LogFields, message: string): void;
  error(fields: LogFields, message: string): void;
  child(bindings: LogFields): Logger;
}

/** Writes one JSON object a line to standard output, from level info on. */
export function createConsoleLogger(bindings: LogFields = {}): Logger {
  const write = (level: string) => (fields: LogFields, message: string) => {
    const line = { level, time: new Date().toISOString(), ...bindings, ...fields, msg: message };
    process.stdout.write(`${JSON.stringify(line, describeError)}\n`);
  };
  return {
    debug: () => undefined,
    info: write("info"),
    warn: write("warn"),
    error: write("error"),
    child: (more) => createConsoleLogger({ ...bindings, ...more }),
  };
}

/** Says nothing; for tests and benchmarks. */
export const silentLogger: Logger = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
  child: () => silentLogger,
};

function describeError(_key: string, value: unknown): unknown {
  return value instanceof Error ? { ...value, type: value.name, message: value.message, stack: value.stack } : value;
}
