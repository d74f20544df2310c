/** Next calls this once, before the first request. */
export async function register(): Promise<void> {
  // Next also compiles this file for its edge runtime, which the site does not use. The variable is a constant of each
  // build, not of the environment, and has to stand here: it keeps our modules out of that build.
  // biome-ignore lint/style/noProcessEnv: see above
  if (process.env.NEXT_RUNTIME === "nodejs") {
    const { start } = await import("./start.ts");
    await start();
  }
}
