/** THE LIST of suites. One more is one file and one line here. */
import { registry } from "../registry.ts";
import { dlthAblations, dlthCifar10, dlthCifar100, dlthImagenetSubset } from "./dlth.ts";
import { fashionReference } from "./fashion-reference.ts";
import { mnistReference } from "./mnist-reference.ts";
import { quickstart } from "./quickstart.ts";
import { resnet20Mnist32 } from "./resnet20-mnist32.ts";
import type { Suite } from "./suite.ts";
import { tracking } from "./tracking.ts";

export const suites = registry<Suite>(
  "suite",
  [
    quickstart,
    mnistReference,
    fashionReference,
    resnet20Mnist32,
    dlthCifar10,
    dlthCifar100,
    dlthImagenetSubset,
    dlthAblations,
    tracking,
  ],
  "not-found",
);
