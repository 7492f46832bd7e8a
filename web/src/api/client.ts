/** Requests to the server: JSON in, JSON out, problem documents thrown as `Problem`. */

/** One field that a problem document names. */
interface FieldProblem {
  field?: string;
  detail?: string;
  value?: unknown;
  allowed?: string;
}

interface ProblemDocument extends FieldProblem {
  title?: string;
  status?: number;
  code?: string;
  errors?: FieldProblem[];
}

/** What the server refused, in its own words (RFC 9457); *status* is 0 when it was not reached. */
export class Problem extends Error {
  readonly status: number;
  readonly code: string;
  readonly fields: Readonly<Record<string, string>>;

  constructor(status: number, document: ProblemDocument) {
    super(document.detail ?? document.title ?? `the server answered ${status}`);
    this.status = status;
    this.code = document.code ?? "unknown";
    this.fields = fieldsOf(document);
  }

  /** The request never got an answer: wait and try again. */
  get unreachable(): boolean {
    return this.status === 0;
  }
}

/** What is wrong by the last part of each field's name: `body.password` is `password`. */
function fieldsOf(document: ProblemDocument): Record<string, string> {
  const found: Record<string, string> = {};
  for (const problem of [document, ...(document.errors ?? [])]) {
    const name = problem.field?.split(".").at(-1);
    if (!name) continue;
    found[name] = problem.detail ?? (problem.allowed ? `allowed: ${problem.allowed}` : "not accepted");
  }
  return found;
}

export interface Asked {
  method: "GET" | "POST";
  body?: unknown;
  token?: string;
}

/**
 * The answer to one request.
 *
 * @throws Problem - the server refused, did not answer, or answered something else than JSON.
 */
export async function ask<Answer>(path: string, { method, body, token }: Asked): Promise<Answer> {
  const headers: Record<string, string> = { Accept: "application/json" };
  if (body !== undefined) headers["Content-Type"] = "application/json";
  if (token !== undefined) headers["Authorization"] = `Bearer ${token}`;
  if (method === "POST") headers["Idempotency-Key"] = crypto.randomUUID();
  const response = await reach(path, {
    method,
    headers,
    credentials: "same-origin",
    cache: "no-store",
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const answer: unknown = await response.json().catch(() => undefined);
  if (!response.ok) throw new Problem(response.status, (answer ?? {}) as ProblemDocument);
  if (answer === undefined) throw new Problem(response.status, { detail: "the server's answer was not JSON" });
  return answer as Answer;
}

async function reach(path: string, request: RequestInit): Promise<Response> {
  try {
    return await fetch(path, request);
  } catch {
    throw new Problem(0, { detail: "the server cannot be reached", code: "unreachable" });
  }
}
