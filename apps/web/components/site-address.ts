import { headers } from "next/headers";

/** The site's own address as the reader has it, for commands to copy: "http://127.0.0.1:3000". */
export async function siteAddress(): Promise<string> {
  const sent = await headers();
  const host = sent.get("x-forwarded-host") ?? sent.get("host") ?? "127.0.0.1:3000";
  return `${sent.get("x-forwarded-proto") ?? "http"}://${host}`;
}
