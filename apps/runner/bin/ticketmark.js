#!/usr/bin/env node
// The one command-line program. Node runs TypeScript through tsx here; the program itself is src/main.ts.
import { register } from "tsx/esm/api";

register();
await import("../src/main.ts");
