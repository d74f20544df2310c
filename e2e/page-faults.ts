/** What may be wrong with any page: errors in the console, requests that fail or leave the site, a structure that cannot be read. */
import type { Page } from "@playwright/test";

/** What went wrong while pages loaded: console errors, exceptions, requests that failed or left the site. */
export function watch(page: Page, origin: string): string[] {
  const faults: string[] = [];
  page.on("console", (message) => {
    if (["error", "warning"].includes(message.type())) faults.push(`${message.type()}: ${message.text()}`);
  });
  page.on("pageerror", (error) => faults.push(error.message));
  page.on("request", (request) => {
    if (!/^(data|blob):/.test(request.url()) && !request.url().startsWith(origin)) faults.push(`asks ${request.url()}`);
  });
  page.on("response", (response) => {
    if (response.status() >= 400) faults.push(`${response.status()} ${response.url()}`);
  });
  return faults;
}

/** Basic accessibility, read from the page itself. */
export const structureFaults = (page: Page) =>
  page.evaluate(() => {
    const faults: string[] = [];
    const all = (selector: string) => [...document.querySelectorAll<HTMLElement>(selector)];
    const said = (element: HTMLElement) =>
      element.getAttribute("aria-label") ||
      (element.getAttribute("aria-labelledby") ?? "")
        .split(" ")
        .map((id) => document.getElementById(id)?.textContent ?? "")
        .join("") ||
      element.textContent?.trim() ||
      element.querySelector("img")?.alt ||
      element.title;
    if (!document.documentElement.lang) faults.push("no language");
    if (!document.title) faults.push("no title");
    if (all("main").length !== 1) faults.push(`${all("main").length} main landmarks`);
    if (all("h1").length !== 1) faults.push(`${all("h1").length} h1`);
    for (const landmark of ["header", "nav", "footer"]) if (all(landmark).length === 0) faults.push(`no ${landmark}`);
    let level = 0;
    for (const heading of all("h1,h2,h3,h4,h5,h6")) {
      const now = Number(heading.tagName[1]);
      if (now > level + 1) faults.push(`${heading.tagName} "${heading.textContent}" after h${level}`);
      level = now;
    }
    for (const field of all('input:not([type="hidden"]),select,textarea') as HTMLInputElement[])
      if (!field.labels?.length && !said(field)) faults.push(`field without a label: ${field.outerHTML.slice(0, 120)}`);
    for (const control of all("a[href],button,summary"))
      if (!said(control)) faults.push(`control without a name: ${control.outerHTML.slice(0, 120)}`);
    for (const image of all('img:not([alt]),[role="img"]:not([aria-label]):not([aria-labelledby])'))
      if (!image.querySelector("title")) faults.push(`picture without a text: ${image.outerHTML.slice(0, 120)}`);
    const names = all("[id]").map((element) => element.id);
    for (const id of new Set(names.filter((id, i) => names.indexOf(id) !== i))) faults.push(`id twice: ${id}`);
    for (const table of all("table")) if (!table.querySelector("th")) faults.push("table without headers");
    return faults;
  });

/** Pixels that the page is wider than the screen. */
export const overflow = (page: Page) =>
  page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
