import { COMMANDS, FILE_KINDS, JOB_STATES, LEVELS, resultSchema } from "@ticketmark/core";
import { expect, it } from "vitest";
import { command, fileKind, jobState, level, outcome } from "./schema.ts";

it("knows the values that core knows, in core's order", () => {
  expect(jobState.enumValues).toEqual(JOB_STATES);
  expect(command.enumValues).toEqual(COMMANDS);
  expect(level.enumValues).toEqual(LEVELS);
  expect(fileKind.enumValues).toEqual(FILE_KINDS);
  expect(outcome.enumValues).toEqual(resultSchema.shape.outcome.options);
});
