/** THE LIST of suites. One more is one file and one line here. */
import { registry } from "../registry.ts";
import { quickstart } from "./quickstart.ts";
import type { Suite } from "./suite.ts";

export const suites = registry<Suite>("suite", [quickstart], "not-found");
