/** Names as the papers print them. An id that this site does not know (an older or newer core made it) names itself. */
import { datasets, methods, models } from "@ticketmark/core";

const nameIn = (list: readonly { readonly id: string; readonly name: string }[], id: string): string =>
  list.find((member) => member.id === id)?.name ?? id;

export const methodName = (id: string): string => nameIn(methods.list, id);
export const datasetName = (id: string): string => nameIn(datasets.list, id);
export const modelName = (id: string): string => nameIn(models.list, id);

/** Methods in the order of their list, which tells related ones together; unknown ones last. */
export const inOrder = (ids: readonly string[]): string[] => [
  ...methods.ids.filter((id) => ids.includes(id)),
  ...ids.filter((id) => !methods.ids.includes(id)).sort(),
];

/** All of them by id, for parts that are drawn in the browser. */
export const allNames = (): Record<string, string> =>
  Object.fromEntries([...datasets.list, ...models.list, ...methods.list].map(({ id, name }) => [id, name]));

/** Training images that protocol "validation" holds out; null for a data set this site does not know. */
export const validationCount = (id: string): number | null =>
  datasets.list.find((dataset) => dataset.id === id)?.validationCount ?? null;
