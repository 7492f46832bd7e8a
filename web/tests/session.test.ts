import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { Problem } from "../src/api/client";
import { Session, type SessionState } from "../src/session";

type Answer = { status: number; body: unknown } | "unreachable";
const GRANTED = {
  access_token: "first",
  token_type: "bearer",
  expires_in: 900,
  user: { id: "u", username: "ada", role: "admin" },
};
const REFUSED: Answer = { status: 401, body: { status: 401, detail: "no", code: "credentials_refused" } };

let answers: Record<string, Answer[]>;
let asked: { path: string; authorization: string | undefined }[];
let states: SessionState[];
let tokens: string[];

/** Answers in order per path; the last one of a path is repeated. */
function answer(path: string, request: RequestInit): Promise<Response> {
  const headers = request.headers as Record<string, string>;
  asked.push({ path, authorization: headers["Authorization"] });
  const queue = answers[path] ?? [];
  const next = queue.length > 1 ? queue.shift() : queue[0];
  if (next === undefined) throw new Error(`the test has no answer for ${path}`);
  if (next === "unreachable") return Promise.reject(new TypeError("no route"));
  return Promise.resolve(new Response(JSON.stringify(next.body), { status: next.status }));
}

function aSession(): Session {
  return new Session({ onState: (state) => states.push(state), onToken: (token) => tokens.push(token) });
}

beforeEach(() => {
  vi.useFakeTimers();
  vi.stubGlobal("fetch", vi.fn(answer));
  answers = { "/api/auth/setup": [{ status: 200, body: { setup_needed: false, may_refresh: true } }] };
  asked = [];
  states = [];
  tokens = [];
});
afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

const times = (path: string): number => asked.filter((a) => a.path === path).length;

test("a cookie that still counts signs in without a password", async () => {
  answers["/api/auth/refresh"] = [{ status: 200, body: GRANTED }];
  await aSession().start();
  expect(states).toEqual(["signed_in"]);
  expect(tokens).toEqual(["first"]);
});

test("the first run asks for the set-up, and for no cookie", async () => {
  answers["/api/auth/setup"] = [{ status: 200, body: { setup_needed: true, may_refresh: false } }];
  await aSession().start();
  expect(states).toEqual(["setup"]);
  expect(times("/api/auth/refresh")).toBe(0);
});

test("who carries no cookie is asked to sign in, and nothing is asked that could only be refused", async () => {
  answers["/api/auth/setup"] = [{ status: 200, body: { setup_needed: false, may_refresh: false } }];
  await aSession().start();
  expect(states).toEqual(["signed_out"]);
  expect(times("/api/auth/refresh")).toBe(0);
});

test("a refresh that lost a race with another tab is tried once more after 300 ms", async () => {
  answers["/api/auth/refresh"] = [REFUSED, { status: 200, body: GRANTED }];
  const started = aSession().start();
  await vi.advanceTimersByTimeAsync(300);
  await started;
  expect(states).toEqual(["signed_in"]);
});

test("a refresh that is refused twice is a sign-out", async () => {
  answers["/api/auth/refresh"] = [REFUSED];
  const started = aSession().start();
  await vi.advanceTimersByTimeAsync(300);
  await started;
  expect(states).toEqual(["signed_out"]);
  expect(times("/api/auth/refresh")).toBe(2);
});

test("a server that does not answer is no sign-out: it is asked again until it does", async () => {
  answers["/api/auth/setup"] = ["unreachable", { status: 200, body: { setup_needed: false, may_refresh: true } }];
  answers["/api/auth/refresh"] = [{ status: 200, body: GRANTED }];
  await aSession().start();
  expect(states).toEqual(["unreachable"]);
  await vi.advanceTimersByTimeAsync(2000);
  expect(states).toEqual(["unreachable", "signed_in"]);
});

test("a token is renewed at 80 % of its life, and those who hold connections are told", async () => {
  answers["/api/auth/refresh"] = [
    { status: 200, body: GRANTED },
    { status: 200, body: { ...GRANTED, access_token: "second" } },
  ];
  await aSession().start();
  await vi.advanceTimersByTimeAsync(719_999);
  expect(tokens).toEqual(["first"]);
  await vi.advanceTimersByTimeAsync(1);
  expect(tokens).toEqual(["first", "second"]);
});

test("renewals asked for at the same time share one request", async () => {
  answers["/api/auth/refresh"] = [{ status: 200, body: GRANTED }];
  const session = aSession();
  expect(await Promise.all([session.refresh(), session.refresh(), session.bearer()])).toEqual(["first", "first", "first"]);
  expect(times("/api/auth/refresh")).toBe(1);
});

test("a command whose token was refused is sent once more with a new one", async () => {
  answers["/api/auth/refresh"] = [
    { status: 200, body: GRANTED },
    { status: 200, body: { ...GRANTED, access_token: "second" } },
  ];
  const session = aSession();
  await session.start();
  const used: string[] = [];
  const done = await session.authorised((token) => {
    used.push(token);
    return token === "second" ? Promise.resolve("done") : Promise.reject(new Problem(401, {}));
  });
  expect(done).toBe("done");
  expect(used).toEqual(["first", "second"]);
});

test("signing out forgets the token at once, also when the server cannot be told", async () => {
  answers["/api/auth/refresh"] = [{ status: 200, body: GRANTED }];
  answers["/api/auth/logout"] = ["unreachable"];
  const session = aSession();
  await session.start();
  await session.signOut();
  expect(states.at(-1)).toBe("signed_out");
  expect(asked.at(-1)).toEqual({ path: "/api/auth/logout", authorization: "Bearer first" });
  await vi.advanceTimersByTimeAsync(1_000_000);
  expect(times("/api/auth/refresh")).toBe(1);
});

test("a problem names each field and what is allowed there", () => {
  const problem = new Problem(422, {
    detail: "password is '***'; allowed: at least 12 characters",
    field: "password",
    allowed: "at least 12 characters",
    errors: [
      { field: "password", allowed: "at least 12 characters" },
      { field: "body.username", allowed: "letters" },
    ],
  });
  expect(problem.fields).toEqual({ password: "Allowed: at least 12 characters", username: "Allowed: letters" });
});

test("no token is left where a script of another visit could find it", async () => {
  answers["/api/auth/refresh"] = [{ status: 200, body: GRANTED }];
  await aSession().start();
  expect([localStorage.length, sessionStorage.length, document.cookie]).toEqual([0, 0, ""]);
});
