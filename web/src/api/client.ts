/** Requests to the server, typed by its OpenAPI document: JSON in, JSON out, problem documents thrown as `Problem`. */
import type { paths } from "./schema";

type Json<Part> = Part extends { content: { "application/json": infer Value } } ? Value : never;
type Operation<Path extends keyof paths, Method extends keyof paths[Path]> = paths[Path][Method];

export type GetPath = { [P in keyof paths]: paths[P] extends { get: object } ? P : never }[keyof paths];
export type PostPath = { [P in keyof paths]: paths[P] extends { post: object } ? P : never }[keyof paths];

/** What an operation answers when it succeeds. */
export type AnswerTo<Asked> = Asked extends { responses: infer Responses }
  ? Json<Responses[keyof Responses & (200 | 201)]>
  : never;
/** What an operation is told in its body, `undefined` where it has none. */
export type BodyOf<Asked> = Asked extends { requestBody: infer Body } ? Json<Body> : undefined;

export interface Extras {
  token?: string | undefined;
  /** What stands in the braces of the path. */
  ids?: Readonly<Record<string, string>> | undefined;
}

/** One field that a problem document names. */
interface FieldProblem {
  field?: string;
  detail?: string;
  allowed?: string;
}

interface ProblemDocument extends FieldProblem {
  title?: string;
  code?: string;
  errors?: FieldProblem[];
}

/** What the server refused, in its own words (RFC 9457); *status* is 0 when it was not reached. */
export class Problem extends Error {
  readonly status: number;
  readonly code: string;
  /** What is wrong, by the last part of each field's name: `body.password` is `password`. */
  readonly fields: Readonly<Record<string, string>>;

  constructor(status: number, document: ProblemDocument) {
    super(document.detail ?? document.title ?? `the server answered ${status}`);
    this.status = status;
    this.code = document.code ?? "unknown";
    this.fields = Object.fromEntries(
      [document, ...(document.errors ?? [])].flatMap((wrong) => {
        const name = wrong.field?.split(".").at(-1);
        const words = wrong.allowed ? `Allowed: ${wrong.allowed}` : (wrong.detail ?? "not accepted");
        return name ? [[name, words]] : [];
      }),
    );
  }

  /** The request never got an answer: wait and try again. */
  get unreachable(): boolean {
    return this.status === 0;
  }
}

/** @throws Problem - the server refused, did not answer, or answered something else than JSON. */
export function get<Path extends GetPath>(path: Path, extras: Extras = {}): Promise<AnswerTo<Operation<Path, "get">>> {
  return ask("GET", path, undefined, extras);
}

/**
 * Have something done, once, under a key of its own.
 *
 * @throws Problem - the server refused, did not answer, or answered something else than JSON.
 */
export function post<Path extends PostPath>(
  path: Path,
  body: BodyOf<Operation<Path, "post">>,
  extras: Extras = {},
): Promise<AnswerTo<Operation<Path, "post">>> {
  return ask("POST", path, body, extras);
}

async function ask<Answer>(method: string, path: string, body: unknown, { token, ids = {} }: Extras): Promise<Answer> {
  const headers: Record<string, string> = { Accept: "application/json" };
  if (body !== undefined) headers["Content-Type"] = "application/json";
  if (token !== undefined) headers["Authorization"] = `Bearer ${token}`;
  if (method === "POST") headers["Idempotency-Key"] = crypto.randomUUID();
  const place = path.replace(/\{(\w+)\}/g, (_, name: string) => encodeURIComponent(ids[name] ?? ""));
  const request: RequestInit = { method, headers, credentials: "same-origin", cache: "no-store" };
  if (body !== undefined) request.body = JSON.stringify(body);
  const response = await reach(place, request);
  const answer: unknown = await response.json().catch(() => undefined);
  if (!response.ok) throw new Problem(response.status, (answer ?? {}) as ProblemDocument);
  if (answer === undefined) throw new Problem(response.status, { detail: "the server's answer was not JSON" });
  return answer as Answer;
}

async function reach(place: string, request: RequestInit): Promise<Response> {
  try {
    return await fetch(place, request);
  } catch {
    throw new Problem(0, { detail: "the server cannot be reached", code: "unreachable" });
  }
}
