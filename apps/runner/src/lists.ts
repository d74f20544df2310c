/** `ticketmark methods|models|datasets [ID]`: what there is, drawn from the registries; nothing is written twice. */
import {
  type Dataset,
  datasets,
  type Method,
  type Model,
  methods,
  modelSize,
  models,
  type Registry,
  settingsSchema,
  smallestImage,
} from "@ticketmark/core";
import { alignRows } from "./summary.ts";

type Describe = (id: string | undefined, json: boolean) => string;

/** One kind of thing: how its members look to programs and to people. */
function kind<T extends { readonly id: string; readonly name: string }>(
  registry: Registry<T>,
  toJson: (member: T) => object,
  toText: (member: T) => string[],
): Describe {
  return (id, json) => {
    const members = id === undefined ? registry.list : [registry.get(id)];
    if (json) return JSON.stringify(id === undefined ? members.map(toJson) : toJson(members[0]!), null, 2);
    const texts = members.map((member) => `${member.id}: ${member.name}\n${indent(toText(member).join("\n"))}`);
    return texts.join("\n\n");
  };
}

const link = ({ title, url }: { title: string; url: string }) => `${title}\n  ${url}`;
const indent = (text: string) => text.replaceAll(/^(?=.)/gm, "  ");

/** The input for which a model's parameters are counted. */
const EXAMPLE = datasets.list[0]!;

const countsOf = (model: Model) => ({
  ...modelSize(model, EXAMPLE.shape, EXAMPLE.classes)!,
  smallestImage: smallestImage(model),
});

function countsText(model: Model): string {
  const { parameters, prunable, multiplyAdds, smallestImage: side } = countsOf(model);
  const least = side > 1 ? `; images of at least ${side} × ${side}` : "";
  return `${parameters} parameters on ${EXAMPLE.name}, ${prunable} of them prunable; ${multiplyAdds} multiply-adds an image${least}`;
}

const kinds = {
  methods: kind<Method>(
    methods,
    (m) => ({
      id: m.id,
      name: m.name,
      paper: m.paper,
      summary: m.summary,
      sparse: m.sparse,
      settings: settingsSchema(m),
    }),
    (m) => [m.summary, link(m.paper), ...settingsText(settingsSchema(m))],
  ),
  models: kind<Model>(
    models,
    (m) => ({ id: m.id, name: m.name, paper: m.paper, summary: m.summary, ...countsOf(m) }),
    (m) => [m.summary, link(m.paper), countsText(m)],
  ),
  datasets: kind<Dataset>(
    datasets,
    ({ load: _, ...rest }) => rest,
    (d) => [
      d.summary,
      link(d.source),
      `${d.withClasses ? "at most " : ""}${d.trainCount} training and ${d.testCount} test images of ${d.shape.join("×")} (channels × height × width), ${d.classes} classes`,
      ...d.files.map(({ name, bytes, source }) => {
        const from = "package" in source ? `npm package ${source.package.name}` : source.archive.urls[0];
        return `${name}: ${bytes} bytes, from ${from}`;
      }),
      ...(d.images ? [imagesText(d.images)] : []),
      `recipe: ${JSON.stringify(d.recipe)}`,
    ],
  ),
} satisfies Record<string, Describe>;
export type KindName = keyof typeof kinds;

const imagesText = ({ archive }: NonNullable<Dataset["images"]>): string =>
  archive
    ? `${archive.name}: ${archive.bytes ?? "?"} bytes of JPEG files, from ${archive.urls[0]}`
    : "folders of JPEG files of your own, train/CLASS and val/CLASS: ticketmark data classes DIR prints the spec's classes";

/** The whole list, or one member. Throws Problem, naming what there is, for an unknown id. */
export const describe = (name: KindName, id: string | undefined, json: boolean): string => kinds[name](id, json);

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
