/** `ticketmark methods|models|datasets|suites [ID]`: what there is, drawn from the registries; nothing is written twice. */
import {
  type Dataset,
  datasets,
  type Method,
  type Model,
  methods,
  models,
  parameters,
  type Registry,
  type Suite,
  settingsSchema,
  suites,
} from "@ticketmark/core";
import { alignRows } from "./summary.ts";

/** One kind of thing: its members as JSON, and one of them in full as text. */
interface Kind<T extends { readonly id: string; readonly name: string }> {
  readonly registry: Registry<T>;
  readonly json: (member: T) => Record<string, unknown>;
  readonly text: (member: T) => string;
}

const link = ({ title, url }: { title: string; url: string }) => `${title}\n  ${url}`;

const method: Kind<Method> = {
  registry: methods,
  json: (m) => ({
    id: m.id,
    name: m.name,
    paper: m.paper,
    summary: m.summary,
    sparse: m.sparse,
    settings: settingsSchema(m),
  }),
  text: (m) => [`${m.summary}\n${link(m.paper)}`, ...settingsText(settingsSchema(m))].join("\n"),
};

/** LeNet's input where a model is described without a data set. */
const EXAMPLE = datasets.list[0]!;

const model: Kind<Model> = {
  registry: models,
  json: (m) => ({ id: m.id, name: m.name, paper: m.paper, summary: m.summary, parameters: parameterCount(m) }),
  text: (m) => `${m.summary}\n${link(m.paper)}\n${parameterCount(m)} parameters on ${EXAMPLE.name}`,
};

const parameterCount = (m: Model) =>
  parameters(m.architecture(EXAMPLE.shape, EXAMPLE.classes)).reduce((total, { size }) => total + size, 0);

const dataset: Kind<Dataset> = {
  registry: datasets,
  json: ({ load: _, ...rest }) => rest,
  text: (d) =>
    [
      `${d.summary}\n${link(d.source)}`,
      `${d.trainCount} training and ${d.testCount} test images of ${d.shape.join("×")} (channels × height × width), ${d.classes} classes`,
      ...d.files.map(({ name, bytes, package: { name: from } }) => `${name}: ${bytes} bytes, from npm package ${from}`),
      `recipe: ${JSON.stringify(d.recipe)}`,
    ].join("\n"),
};

const suite: Kind<Suite> = {
  registry: suites,
  json: (s) => ({ id: s.id, name: s.name, summary: s.summary, specs: s.specs() }),
  text: (s) => [s.summary, ...s.specs().map((spec) => JSON.stringify(spec))].join("\n"),
};

const kinds = { methods: method, models: model, datasets: dataset, suites: suite };
export type KindName = keyof typeof kinds;

/** The whole list, or one member. Throws Problem, naming what there is, for an unknown id. */
export function describe(name: KindName, id: string | undefined, json: boolean): string {
  return describeKind<never>(kinds[name] as unknown as Kind<never>, id, json);
}

function describeKind<T extends { readonly id: string; readonly name: string }>(
  { registry, json: toJson, text }: Kind<T>,
  id: string | undefined,
  json: boolean,
): string {
  const members = id === undefined ? registry.list : [registry.get(id)];
  if (json) return JSON.stringify(id === undefined ? members.map(toJson) : toJson(members[0]!), null, 2);
  return members.map((member) => `${member.id}: ${member.name}\n${indent(text(member))}`).join("\n\n");
}

const indent = (text: string) => text.replaceAll(/^(?=.)/gm, "  ");

interface Property {
  readonly type?: string;
  readonly enum?: readonly unknown[];
  readonly const?: unknown;
  readonly default?: unknown;
  readonly description?: string;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly exclusiveMinimum?: number;
  readonly exclusiveMaximum?: number;
  readonly anyOf?: readonly Property[];
}

/** Lines "name  values (default): description" of a JSON schema's properties. */
function settingsText(schema: { readonly properties?: unknown }): string[] {
  const properties = Object.entries((schema.properties ?? {}) as Record<string, Property>);
  if (properties.length === 0) return ["no settings"];
  const rows = properties.map(([name, property]): [string, string] => {
    const preset = property.default === undefined ? "not set" : `default ${JSON.stringify(property.default)}`;
    return [`  ${name}`, `${valuesOf(property)}; ${preset}. ${property.description ?? ""}`];
  });
  return ["settings:", alignRows(rows)];
}

function valuesOf(property: Property): string {
  if (property.anyOf) return property.anyOf.map(valuesOf).join(" or ");
  if (property.enum) return property.enum.join(" | ");
  if (property.const !== undefined) return JSON.stringify(property.const);
  const { minimum, maximum, exclusiveMinimum, exclusiveMaximum } = property;
  const low = exclusiveMinimum === undefined ? minimum : `above ${exclusiveMinimum}`;
  const high = exclusiveMaximum === undefined ? maximum : `below ${exclusiveMaximum}`;
  const range = low !== undefined && high !== undefined ? ` ${low} … ${high}` : "";
  return `${property.type ?? "value"}${range}`;
}
