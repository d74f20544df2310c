/** Next calls this once, before the first request. */
export async function register(): Promise<void> {
  const { start } = await import("./start.ts");
  await start();
}
