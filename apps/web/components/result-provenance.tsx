/** Who says so, about which bytes, and how to see for oneself. */
import { fromBase64, type Statement, statementSchema, toBase64 } from "@ticketmark/core";
import type { ReactNode } from "react";
import type { WholeResult } from "../db/pages.ts";
import { CodeBlock } from "./code-block.tsx";
import { CommitLink } from "./commit-link.tsx";
import { Digest } from "./digest.tsx";
import { formatBytes, formatTime } from "./format.ts";
import { Facts } from "./spec-list.tsx";

interface Props {
  readonly result: WholeResult;
  /** Address of this site. */
  readonly site: string;
  readonly envelope: Uint8Array;
  readonly publicKey: Uint8Array;
  readonly revokedAt: Date | null;
  /** Of the files that are kept. */
  readonly sizes: ReadonlyMap<string, number>;
  /** The commit of its code has a page here. */
  readonly commitKnown: boolean;
}

export function ResultProvenance({ result, site, envelope, publicKey, revokedAt, sizes, commitKnown }: Props) {
  const statement = statementIn(envelope);
  const files = [
    ["result", result.resultDigest],
    ["ticket", result.ticketDigest],
    ["trained", result.trainedDigest],
  ] as const;
  return (
    <>
      <Facts
        rows={[
          ["Runner", result.runner.name],
          ["Key", <Digest key="key" digest={result.keyId} />],
          ...(revokedAt ? [["Key revoked", `${formatTime(revokedAt)} UTC`] as const] : []),
          ["Received", `${formatTime(result.receivedAt)} UTC, row ${result.seq} of the log`],
          ...(statement ? codeRows(statement, commitKnown) : []),
          ["Spec", <Digest key="spec" digest={result.specDigest} />],
          ["Group", <Digest key="group" digest={result.groupDigest} />],
          [
            "Envelope",
            <span key="envelope">
              <Digest digest={result.envelopeDigest} />{" "}
              <a className="link" href={`/api/v1/results/${result.id}/envelope`}>
                exact signed bytes
              </a>
            </span>,
          ],
          ...files.map(([name, digest]): [string, ReactNode] => [
            `File: ${name}`,
            digest ? (
              <span key={name}>
                <Digest digest={digest} />{" "}
                {sizes.has(digest) ? (
                  <a className="link" href={`/api/v1/files/${digest}`}>
                    {formatBytes(sizes.get(digest)!)}
                  </a>
                ) : (
                  "verified, not kept"
                )}
              </span>
            ) : (
              "none"
            ),
          ]),
          ["Data", <Digest key="data" digest={result.result.datasetDigest} />],
        ]}
      />
      <details className="mt-3">
        <summary className="note">How to verify the signature yourself</summary>
        <p className="note my-2 max-w-prose">
          The envelope is a DSSE envelope: Ed25519 over its type and its exact payload, an in-toto statement that names
          the files by their sha256. With nothing but Node:
        </p>
        <CodeBlock
          what="the verification"
          code={verification(`${site}/api/v1/results/${result.id}/envelope`, toBase64(publicKey))}
        />
      </details>
    </>
  );
}

function codeRows({ predicate }: Statement, commitKnown: boolean): [string, ReactNode][] {
  const { code, numerics, job } = predicate;
  return [
    [
      "Code",
      <span key="code">
        version {code.version},{" "}
        {code.commit === null ? (
          "not from a git checkout"
        ) : (
          <>
            commit {commitKnown ? <CommitLink hash={code.commit} /> : code.commit.slice(0, 12)}
            {code.dirty && ", with local changes"}
          </>
        )}
      </span>,
    ],
    ["Numerics", String(numerics)],
    [
      "Job, attempt",
      job.id ? <a key="job" className="link" href={`/jobs/${job.id}`}>{`job, attempt ${job.attempt}`}</a> : "none",
    ],
    [
      "Lease nonce",
      <code key="nonce" className="break-all font-mono text-xs">
        {job.leaseNonce ?? "none"}
      </code>,
    ],
  ];
}

/** Stored only after its signature held; null if this site no longer knows the statement's form. */
function statementIn(envelope: Uint8Array): Statement | null {
  const { payload } = JSON.parse(new TextDecoder().decode(envelope)) as { payload: string };
  return statementSchema.safeParse(JSON.parse(new TextDecoder().decode(fromBase64(payload)))).data ?? null;
}

/** Shown to be run on the reader's machine. The 12 bytes before the key are the fixed head of an Ed25519 key in DER. */
const verification = (envelope: string, key: string) => `curl -sO ${envelope}
node -e '
  const { createPublicKey, verify } = require("crypto");
  const { payloadType, payload, signatures } = JSON.parse(require("fs").readFileSync("envelope"));
  const body = Buffer.from(payload, "base64");
  const signed = Buffer.concat([Buffer.from(\`DSSEv1 \${payloadType.length} \${payloadType} \${body.length} \`), body]);
  const der = Buffer.concat([Buffer.from("302a300506032b6570032100", "hex"), Buffer.from("${key}", "base64")]);
  const key = createPublicKey({ key: der, format: "der", type: "spki" });
  console.log(verify(null, signed, key, Buffer.from(signatures[0].sig, "base64")), body.toString());
'`;
