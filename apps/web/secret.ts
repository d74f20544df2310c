/** Secrets: 256 random bits, shown once, stored as sha256. No salt is needed: nobody guesses 256 bits. */
import { createHash, randomBytes } from "node:crypto";

/** 43 characters, base64url. */
export const newSecret = (): string => randomBytes(32).toString("base64url");

/** What is stored, and looked up: sha256 in hex. Finding a row by it tells an attacker's clock nothing about the secret. */
export const hashSecret = (secret: string): string => createHash("sha256").update(secret).digest("hex");
