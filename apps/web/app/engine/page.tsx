import { digestOf, PINS, parseSpec } from "@ticketmark/core";
import type { Metadata } from "next";
import Link from "next/link";
import { connection } from "next/server";
import { readKernels } from "../../check/kernels.ts";
import { CodeBlock } from "../../components/code-block.tsx";
import { Digest } from "../../components/digest.tsx";
import { formatSparsity } from "../../components/format.ts";
import { MethodName } from "../../components/method-name.tsx";
import { modelName } from "../../components/registry-names.ts";
import { SameBits } from "../../components/same-bits.tsx";

export const metadata: Metadata = {
  title: "The same bits here",
  description: "Trains three small nets in your browser and compares every bit with what all other computers get.",
};

interface Props {
  readonly searchParams: Promise<Readonly<Record<string, string | string[] | undefined>>>;
}

/** `?run` starts at once. */
export default async function EnginePage({ searchParams }: Props) {
  await connection();
  const atOnce = (await searchParams).run !== undefined;
  const runs = PINS.map((pin) => ({ pin, spec: parseSpec(pin.spec) }));
  return (
    <>
      <h1 className="title">The same bits here</h1>
      <div className="mt-1.5 max-w-prose space-y-2 text-soft">
        <p>
          Results on the cpu engine are exact: one spec gives one ticket and one trained net on every computer, to the
          last bit. So nobody has to be believed: anyone can run a{" "}
          <Link className="link" href="/">
            result
          </Link>{" "}
          again and compare digests, and a change of the code that alters a single bit is noticed.
        </p>
        <p>
          Here your browser does that. It trains three small nets by the leaderboard’s{" "}
          <Link className="link" href="/methods">
            methods
          </Link>
          , with the code that runners run, on 8 × 8 patterns that it makes itself, and compares what comes out with the
          digests that every build and every number of threads must give. It takes a few seconds; nothing leaves your
          browser.
        </p>
      </div>
      <SameBits
        atOnce={atOnce}
        runs={runs.map(({ pin, spec }) => ({
          pin,
          spec,
          what: (
            <>
              <h2 className="font-medium">
                <MethodName method={spec.method.id} /> at {formatSparsity(spec.sparsity)} %, {modelName(spec.model)}
              </h2>
              <p className="note mt-0.5">{pin.name}</p>
              <details className="mt-1">
                <summary className="note">The spec as JSON</summary>
                <div className="mt-2">
                  <CodeBlock what="the spec" code={JSON.stringify(spec, null, 2)} />
                </div>
              </details>
            </>
          ),
        }))}
      />
      <p className="note mt-6 max-w-prose">
        The engine:{" "}
        <a className="link" href="/engine/kernels.wasm" download>
          kernels.wasm
        </a>
        , sha256 <Digest digest={digestOf(await readKernels())} />, one thread. Runners build the same source for their
        own processor where they can, and use its cores; the bits are the same.
      </p>
    </>
  );
}
