import { CopyButton } from "./copy-button.tsx";

export function CodeBlock({ code, what }: { code: string; what: string }) {
  return (
    <div className="flex items-start gap-2 rounded-[3px] border border-rule bg-shade py-1.5 pl-3 pr-1.5">
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: a region that scrolls must be reachable by keyboard */}
      <pre tabIndex={0} className="min-w-0 grow overflow-x-auto py-0.5 font-mono text-xs leading-relaxed">
        {code}
      </pre>
      <CopyButton text={code} what={what} />
    </div>
  );
}
