"use client";
/** How to add a runner, with a token made for it on the spot. */
import { useActionState } from "react";
import { newEnrolment } from "../app/actions.ts";
import { CodeBlock } from "./code-block.tsx";
import { formatTime } from "./format.ts";
import { shellWord } from "./shell-word.ts";

interface Props {
  readonly site: string;
  readonly maintainer: boolean;
  /** The one this site follows; null = none. */
  readonly repository: string | null;
  readonly branches: readonly string[];
}

/** The site's settings make a path absolute. */
const isPath = (repository: string): boolean => /^([/\\]|[A-Za-z]:[/\\])/.test(repository);

export function AddRunner({ site, maintainer, repository, branches }: Props) {
  const [enrolment, make, pending] = useActionState(newEnrolment, null);
  const token = enrolment?.token ?? "TOKEN";
  return (
    <section aria-labelledby="add" className="mt-10 max-w-3xl border-t border-rule pt-6">
      <h2 id="add" className="heading">
        Add your own runner
      </h2>
      <ol className="mt-2 list-decimal space-y-4 pl-5 marker:text-soft">
        <li>
          <p className="mb-1.5">In a clone of the code, with Node 20.19 or newer, see what the machine can do:</p>
          <CodeBlock what="the first command" code={"npm install\nnpx ticketmark doctor"} />
        </li>
        <li>
          <p>Get an enrolment token. It works once, and for a day.</p>
          {maintainer ? (
            <form action={make} className="mt-1.5 flex flex-wrap items-center gap-4">
              <button type="submit" className="button" disabled={pending}>
                {enrolment ? "Make another token" : "Make a token"}
              </button>
              {repository !== null && (
                <label className="flex items-center gap-2 text-sm">
                  <input type="checkbox" name="trusted" defaultChecked={enrolment?.trusted} />
                  Trusted: it may tell this site which commits {repository} has
                </label>
              )}
              {enrolment && (
                <span role="status" className="note">
                  Made{enrolment.trusted && ", for a trusted runner"}; it is in the command below, and is not shown
                  again. Until {formatTime(enrolment.expiresAt)} UTC.
                </span>
              )}
            </form>
          ) : (
            <p className="note">
              Maintainers make them here:{" "}
              <a className="link" href="/sign-in?next=/runners">
                sign in
              </a>
              , or ask one.
            </p>
          )}
        </li>
        <li>
          <p className="mb-1.5">Enrol the machine, which makes its key, and start it:</p>
          <CodeBlock
            what="the commands"
            code={`npx ticketmark runner enrol --server ${site} --token=${token} --name "$(hostname)"\nnpx ticketmark runner start`}
          />
        </li>
      </ol>
      {repository !== null && (
        <div className="mt-4">
          <p className="mb-1.5">
            To measure this site’s repository, commit by commit, start it so instead
            {isPath(repository) &&
              ", on the machine of this site: the repository is a folder there, which no other reaches"}
            :
          </p>
          <CodeBlock
            what="the command to follow the repository"
            code={`npx ticketmark runner start --repository ${shellWord(repository)}${branches.map((name) => ` --branch ${shellWord(name)}`).join("")}`}
          />
          <p className="note mt-1.5">
            One such runner must be trusted: it tells which commits there are. A commit’s code runs as the user who
            started the runner, and can read that runner’s key: give it a user or a machine of its own, and let nothing
            else run there that would disturb the times.
          </p>
        </div>
      )}
      <p className="note mt-3">
        Ctrl-C hands the job back with a snapshot; the next start goes on from it. A job is data: it brings no code
        along. What it runs is the runner’s own code
        {repository !== null && ", or a commit of the repository and the branches that its owner named"}.
      </p>
    </section>
  );
}
