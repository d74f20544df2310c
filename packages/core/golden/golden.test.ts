/** The committed folder on every cpu engine there is, and cases that were made wrong: they must not pass. */
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { openCpuEngine } from "../src/engine/cpu/node/open.ts";
import type { Engine } from "../src/engine/engine.ts";
import { referenceEngine } from "../src/engine/reference/reference.ts";
import { type Outcome, readFolder } from "./reader.ts";

const committed = fileURLToPath(new URL(".", import.meta.url));
let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "ticketmark-golden-"));
});
afterAll(() => rm(folder, { recursive: true }));

async function outcomesOf(path: string, engine: Engine): Promise<Outcome[]> {
  const outcomes: Outcome[] = [];
  for await (const outcome of readFolder(path, engine)) outcomes.push(outcome);
  return outcomes;
}

const CASES = 62;

function expectAll(outcomes: readonly Outcome[]): void {
  expect(outcomes.filter(({ status }) => status !== "PASS")).toEqual([]);
  expect(outcomes.length).toBe(CASES);
}

describe("the committed cases", () => {
  test("on the reference engine", async () => expectAll(await outcomesOf(committed, referenceEngine())));

  for (const build of ["wasm", "native"]) {
    test(`on the cpu engine, ${build}`, async ({ skip }) => {
      const opened = await openCpuEngine({ threads: 1, native: build === "native", cacheDir: join(folder, "kernels") });
      if (!opened.reason.startsWith(build)) {
        if (process.env.TICKETMARK_REQUIRE?.includes(build)) throw new Error(opened.reason);
        console.log(`skipped: ${opened.reason}`);
        return skip();
      }
      expectAll(await outcomesOf(committed, opened.engine));
    });
  }

  test("every file of the folder is read", async () => {
    const files = (await readdir(committed)).filter((name) => name.endsWith(".json") && name !== "index.json");
    const named = new Set((await outcomesOf(committed, referenceEngine())).map(({ name }) => name.split("/")[0]));
    expect([...named].sort()).toEqual(files.map((name) => name.replace(".json", "")).sort());
  });
});

// biome-ignore lint/suspicious/noExplicitAny: cases are bent at will here
type Bend = (file: any) => void;

/** The committed case, bent. */
async function bent(name: string, bend: Bend): Promise<Outcome> {
  const file = JSON.parse(await readFile(join(committed, `${name}.json`), "utf8"));
  bend(file);
  const own = await mkdtemp(join(folder, "bent-"));
  await writeFile(join(own, `${name}.json`), JSON.stringify(file));
  const outcomes = await outcomesOf(own, referenceEngine());
  return outcomes.find(({ status }) => status === "FAIL") ?? outcomes.find(({ status }) => status === "PASS")!;
}

/** Adds to the first number of a float tensor. */
const nudge = (tensor: { data: string }, by: number): void => {
  const bytes = Buffer.from(tensor.data, "base64");
  bytes.writeFloatLE(bytes.readFloatLE(0) + by, 0);
  tensor.data = bytes.toString("base64");
};

/** Turns the first value of a mask. */
const flip = (tensor: { data: string }): void => {
  const bytes = Buffer.from(tensor.data, "base64");
  bytes[0] = 1 - bytes[0]!;
  tensor.data = bytes.toString("base64");
};

const reverse = (tensor: { data: string }): void => {
  const bytes = new Uint8Array(Buffer.from(tensor.data, "base64"));
  tensor.data = Buffer.from(new Float32Array(bytes.buffer).reverse().buffer).toString("base64");
};

const set =
  (values: object): Bend =>
  ({ config }) =>
    Object.assign(config, values);

describe("a case that says something else than the product does fails", () => {
  const wrong: [string, string, Bend, RegExp][] = [
    ["other schedule", "rst_mlp_x2", set({ schedule: "x^3" }), /lambda/],
    ["other interval", "rst_mlp_interval1", set({ interval: 2 }), /lambda/],
    ["one step more to settle", "rst_mlp_terminates", set({ stabilize: 9 }), /terminated_by_itself/],
    ["no weight decay", "rst_mlp_interval1", set({ weight_decay: 0 }), /weights/],
    ["other momentum", "rst_mlp_interval1", set({ momentum: 0.8 }), /weights/],
    ["loss gradient kept", "rst_mlp_block_loss_grad", set({ block_loss_grad: false }), /weights/],
    ["other learning rate at the end", "rst_mlp_interval1", set({ lr_ft: 0.2 }), /final/],
    ["other pick", "rst_mlp_pick_min", set({ pick: "max" }), /mask/],
    ["no training between rounds", "rstiter_mlp_ft", set({ RST_Iter_ft: 0 }), /loss/],
    ["no weight deletion", "rstiter_mlp_weight_delete", set({ weight_delete: false }), /weights/],
    ["other learning rates in a round", "lthiter_mlp", set({ lr_ft_mini: { 0: 0.05 } }), /state at pick/],
    ["a loss", "l1iter_mlp", (file) => (file.expected.loss[3] += 1e-4), /^loss/],
    [
      "a weight",
      "l1_mlp",
      (file) => nudge(file.expected.finetune.after_step[3].state["net.0.bias"], 1e-4),
      /net.0.bias/,
    ],
    [
      "a momentum",
      "rst_mlp_default",
      (file) => nudge(file.expected.after_step[6].momentum["net.4.bias"], 1e-3),
      /momentum/,
    ],
    [
      "a draw",
      "rstiter_mlp",
      (file) => file.expected.cycles[1].layers["net.0"].permutation.reverse(),
      /cycle 2: pruned/,
    ],
    ["a count", "pick_rules", (file) => file.n_pruned[5][2]++, /0.5 of 144/],
    ["a round's count", "pick_rules", (file) => file.cycles[3].n_pruned_closed_form[280][4]++, /in 5 rounds/],
    ["an old cut", "pick_rules", (file) => file.iter_rand[1].cycles[1].previous_still_pruned++, /still pruned/],
    ["a last iteration", "rst_lambda_schedules", (file) => file.rows[0].last_iteration--, /last iteration/],
    ["a lambda", "rst_lambda_schedules", (file) => (file.rows[2].lambda_after_update[12] += 1e-9), /lambda after 12/],
    ["an output", "layers", (file) => nudge(file.cases.linear.output, 1e-3), /output/],
    ["a convolution's gradient", "layers", (file) => nudge(file.cases.conv3x3_s2_odd.grads.weight, 1e-3), /of weight/],
    ["a pool's winner", "layers", (file) => nudge(file.cases.maxpool2x2.grads.x, 1e-3), /of x/],
    ["a shortcut's pixel", "layers", (file) => nudge(file.cases.shortcut_A.inputs.x, 1), /output/],
    ["a sum's gradient", "layers", (file) => nudge(file.cases.basic_block_add.grads.b, 1e-3), /of a and b/],
    ["a remembered mean", "layers", (file) => nudge(file.cases.batchnorm2d_train.running_mean_after, 1e-3), /mean/],
    [
      "a remembered variance",
      "layers",
      (file) => nudge(file.cases.batchnorm1d_train.running_var_after, 1e-3),
      /varian/,
    ],
    ["an evaluation", "layers", (file) => nudge(file.cases.batchnorm2d_train.output_eval, 1e-3), /in evaluation/],
    ["a start", "layers", (file) => (file.init.samples.kaiming_normal_conv.sample_std *= 1.05), /conv: deviation/],
    ["a batch norm's start", "layers", (file) => (file.init.batchnorm = "weight 0, bias 0"), /batchnorm/],
    ["other blocks", "rst_resnet_terminates", set({ blocks: [1, 1, 1] }), /no parameter layer2\.1/],
    ["a stage's ratio", "rst_resnet_interval1", set({ stage_pr: [0, 0.9, 0.9, 0.8, 0] }), /mask layer3/],
    [
      "no state rewound",
      "lthiter_resnet",
      (file) => nudge(file.expected.state_returned["bn1.running_var"], 0.1),
      /bn1/,
    ],
    [
      "no state carried over",
      "rst_resnet_x3",
      (file) => nudge(file.expected.finetune.after_step[3].state["bn1.running_mean"], 1e-3),
      /final step 3: weights bn1\.running_mean/,
    ],
    [
      "a gradient of a pruned weight",
      "baseline_rigl",
      (file) => nudge(file.runs[0].before_update.grads["net.0.weight"], 0.1),
      /gradients/,
    ],
    ["another rate", "baseline_rigl", (file) => (file.runs[1].prune_rate = 0.4), /mask of/],
    ["an update before the change", "baseline_set", (file) => (file.runs[0].lr = 0.2), /weights before/],
    [
      "what grew at once keeps its value",
      "baseline_rigl",
      (file) => (file.runs[0].after_update.weights = file.runs[0].before_update.weights),
      /weights after/,
    ],
    [
      "another momentum",
      "baseline_rigl",
      (file) => nudge(file.runs[1].after_update.momentum["linear.weight"], 0.01),
      /momentum after/,
    ],
    ["draws in another order", "baseline_set", (file) => reverse(file.runs[0].uniform_draws[1]), /mask of/],
    ["a layer's density", "baseline_erk", (file) => (file.rows[7].layer_density[2] += 1e-11), /tiny at 0\.05, er/],
    ["other layers", "baseline_erk", (file) => (file.shapes.tiny[1][1] = [8, 4, 1, 1]), /tiny at 0\.5, erk/],
    ["a global count", "baseline_misc", (file) => file.imp_global.levels[2].remaining++, /level 3: remaining/],
    ["a global mask", "baseline_misc", (file) => reverse(file.imp_global.levels[1].weights.a), /level 2: mask a/],
    ["a threshold", "baseline_misc", (file) => file.shrinkbench_threshold.rows[1].mask.reverse(), /at 0\.25/],
    ["a smart ratio", "baseline_misc", (file) => (file.smart_ratio.rows[2].layers[4][2] -= 2), /but for one/],
    ["an early mask", "baseline_early_bird", (file) => file.rows[1].epochs[3].mask.reverse(), /at 0\.5, epoch 4: mask/],
    ["a distance", "baseline_early_bird", (file) => (file.rows[0].epochs[4].distances[1] += 1 / 60), /5: distances/],
    ["an emergence", "baseline_early_bird", (file) => (file.rows[2].epochs[5].emerged = true), /6: emerged/],
    ["a score", "baseline_grasp_mlp", (file) => nudge(file.runs[1].scores["net.4"], 1e-9), /at 0\.9: scores of net\.4/],
    ["a score's mask", "baseline_grasp_resnet", (file) => flip(file.runs[0].masks.linear), /at 0\.5: mask linear/],
    ["two fewer to remove", "baseline_grasp_resnet", (file) => (file.runs[0].removed_k -= 2), /but for one/],
    ["one kept more", "baseline_grasp_mlp", (file) => file.runs[0].kept++, /kept/],
    ["SNIP's batch norm", "baseline_synflow_repo_convbn", (file) => (file.runs[1].bn_mode = "eval"), /SNIP.*scores/],
    ["GraSP's batch norm", "baseline_synflow_repo_convbn", (file) => (file.runs[2].bn_mode = "train"), /GraSP.*scores/],
    ["a round's density", "baseline_synflow_repo_fc", (file) => (file.runs[4].densities[50] += 1e-6), /densities/],
    [
      "a round's mask",
      "baseline_synflow_repo_conv",
      (file) => flip(file.runs[4].masks[50]["2.weight"]),
      /50: mask 2\.weight/,
    ],
    [
      "a round's score",
      "baseline_synflow_repo_conv",
      (file) => nudge(file.runs[4].scores[10]["0.weight"], 1e9),
      /10: scores/,
    ],
    ["fewer rounds", "baseline_synflow_repo_fc", (file) => (file.runs[4].rounds = 60), /densities/],
    ["a scope", "baseline_synflow_repo_fc", (file) => (file.runs[7].scope = "global"), /Mag.*mask/],
    [
      "other strides",
      "baseline_synflow_repo_convbn",
      (file) => (file.architecture = file.architecture.replace(" stride2", "")),
      /no weight 7 of 216/,
    ],
    ["what remains", "baseline_synflow_repo_conv", (file) => file.runs[6].remaining++, /Mag.*remaining/],
    ["a number for a tensor", "l1_resnet", (file) => (file.init["bn1.running_mean"] = 0), /running_mean/],
  ];
  for (const [what, name, bend, fault] of wrong)
    test(`${what} (${name})`, async () => {
      const outcomes = [await bent(name, bend)];
      expect(outcomes[0]).toMatchObject({ status: "FAIL" });
      expect(outcomes[0]!.detail).toMatch(fault);
    });

  test("a setting the reader does not know", async () => {
    expect(await bent("rst_mlp_default", set({ warmup: 3 }))).toMatchObject({ status: "FAIL", detail: /warmup/ });
  });
});

test("a mask that is given is taken as drawn", async () => {
  const outcome = await bent("l1_mlp", set({ pick: "rand" }));
  expect(outcome).toMatchObject({ status: "PASS" });
});

test("what is no case fails, an unknown kind is skipped by name, an empty folder has no outcomes", async () => {
  const own = await mkdtemp(join(folder, "odd-"));
  expect(await outcomesOf(own, referenceEngine())).toEqual([]);
  await writeFile(join(own, "a.json"), "{");
  await writeFile(join(own, "b.json"), "[]");
  await writeFile(join(own, "c.json"), JSON.stringify({ case: "c", kind: "new" }));
  await writeFile(join(own, "d.json"), JSON.stringify({ case: "d", kind: "rst" }));
  await writeFile(join(own, "e.json"), JSON.stringify({ case: "e", kind: "layers" }));
  const outcomes = await outcomesOf(own, referenceEngine());
  expect(outcomes.map(({ name, status }) => `${name} ${status}`)).toEqual([
    "a FAIL",
    "b FAIL",
    "c SKIP",
    "d FAIL",
    "e FAIL",
  ]);
});
