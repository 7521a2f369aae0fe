// The command line of `throughline contracts` for the reference system: the same in checks and where its files are written.

export function contractCommand(command: "check" | "lock" | "docs", ...options: readonly string[]): readonly string[] {
  const title = command === "docs" ? ["--title", "Order system"] : [];
  return [
    "packages/cli/src/main.ts",
    "contracts",
    command,
    "examples/orders/throughline.config.ts",
    ...title,
    ...options,
  ];
}
