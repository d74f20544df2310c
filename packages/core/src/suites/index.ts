/** THE LIST of suites. One more is one file and one line here. */
import { registry } from "../registry.ts";
import { mnistReference } from "./mnist-reference.ts";
import { quickstart } from "./quickstart.ts";
import type { Suite } from "./suite.ts";

export const suites = registry<Suite>("suite", [quickstart, mnistReference], "not-found");
