import { afterEach, beforeEach, expect, test, vi } from "vitest";
import type { FromServer } from "../src/api/types";
import { backOff } from "../src/stream";
import { aClient, news, subscribed, TOPICS, welcome, type FakeSocket } from "./sockets";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

/** The newest connection, once the client has one. */
async function connected(client: ReturnType<typeof aClient>): Promise<FakeSocket> {
  await vi.advanceTimersByTimeAsync(0);
  const socket = client.sockets.at(-1);
  if (!socket) throw new Error("the client has not connected");
  socket.onopen?.();
  return socket;
}

/** A client that has heard news up to *seq*. */
async function listening(seq: number) {
  const client = aClient();
  client.stream.start();
  const socket = await connected(client);
  socket.say(welcome());
  socket.say(subscribed());
  socket.say(news(seq, "snapshot"));
  return { ...client, socket };
}

const seqs = (client: { messages: { seq: number }[] }): number[] => client.messages.map((m) => m.seq);

test("the token is the first thing said, and topics are asked for once it was taken", async () => {
  const client = aClient();
  client.stream.start();
  const socket = await connected(client);
  expect(socket.heard).toEqual([{ type: "auth", token: "token" }]);
  socket.say(welcome());
  expect(socket.heard[1]).toEqual({ type: "subscribe", topics: TOPICS });
  expect(client.connections).toEqual(["connecting"]);
  socket.say(subscribed());
  expect(client.connections).toEqual(["connecting", "live"]);
});

test("a message that follows the last one of its topic is handed on, one heard before is not", async () => {
  const client = await listening(4);
  client.socket.say(news(5));
  client.socket.say(news(5));
  client.socket.say(news(3));
  expect(seqs(client)).toEqual([4, 5]);
  expect(client.socket.heard).toHaveLength(2); // It is no gap, and nothing is asked for again.
});

test("a gap is asked for once, and nothing after it is handed on before it is filled", async () => {
  const client = await listening(4);
  client.socket.say(news(6));
  client.socket.say(news(7));
  const asked = client.socket.heard.slice(2);
  expect(asked).toEqual([{ type: "subscribe", topics: ["news"], stream_id: "one", after: { news: 4 } }]);
  client.socket.say(subscribed(["news"]));
  for (const seq of [5, 6, 7, 8]) client.socket.say(news(seq));
  expect(seqs(client)).toEqual([4, 5, 6, 7, 8]);
});

test("where asking leaves a gap, the whole topic is asked for", async () => {
  const client = await listening(4);
  client.socket.say(news(6));
  client.socket.say(subscribed(["news"]));
  client.socket.say(news(7));
  expect(client.socket.heard.at(-1)).toEqual({ type: "subscribe", topics: ["news"] });
  client.socket.say(news(9, "snapshot"));
  client.socket.say(news(10));
  expect(seqs(client)).toEqual([4, 9, 10]);
});

test("after a lost connection the same stream is resumed where it was", async () => {
  const client = await listening(4);
  client.socket.cut(1006);
  expect(client.connections.at(-1)).toBe("lost");
  await vi.advanceTimersByTimeAsync(500);
  const again = await connected(client);
  again.say(welcome());
  expect(again.heard[1]).toEqual({ type: "subscribe", topics: TOPICS, stream_id: "one", after: { news: 4 } });
  again.say(subscribed(["news"]));
  again.say(news(5));
  expect(seqs(client)).toEqual([4, 5]);
});

test("a restarted server's stream is heard from its beginning", async () => {
  const client = await listening(40);
  client.socket.cut(1001);
  await vi.advanceTimersByTimeAsync(500);
  const again = await connected(client);
  again.say(welcome("two"));
  expect(again.heard[1]).toEqual({ type: "subscribe", topics: TOPICS });
  again.say(news(1, "snapshot"));
  expect(seqs(client)).toEqual([40, 1]);
});

test("waiting doubles from half a second to ten, and is spread over its upper half", () => {
  const longest = [0, 1, 2, 3, 4, 5, 20].map((attempt) => backOff(attempt, 1));
  expect(longest).toEqual([500, 1000, 2000, 4000, 8000, 10_000, 10_000]);
  for (const attempt of [0, 3, 20]) expect(backOff(attempt, 0)).toBe(backOff(attempt, 1) / 2);
});

test("each failure in a row waits longer, and a success begins anew", async () => {
  const client = aClient();
  client.stream.start();
  (await connected(client)).cut(1006);
  await vi.advanceTimersByTimeAsync(500);
  (await connected(client)).cut(1006);
  await vi.advanceTimersByTimeAsync(999);
  expect(client.sockets).toHaveLength(2);
  await vi.advanceTimersByTimeAsync(1);
  const third = await connected(client);
  third.say(welcome());
  third.say(subscribed());
  third.cut(1006);
  await vi.advanceTimersByTimeAsync(500);
  expect(client.sockets).toHaveLength(4);
});

test("a refused token is renewed before the next attempt", async () => {
  const client = await listening(1);
  client.socket.cut(4401);
  await vi.advanceTimersByTimeAsync(500);
  const again = await connected(client);
  expect(client.token).toHaveBeenLastCalledWith(true);
  expect(again.heard[0]).toEqual({ type: "auth", token: "renewed" });
});

test("a revoked session is not reconnected", async () => {
  const client = await listening(1);
  client.socket.cut(4403);
  await vi.advanceTimersByTimeAsync(60_000);
  expect(client.connections.at(-1)).toBe("revoked");
  expect(client.sockets).toHaveLength(1);
});

test("a new token is told on the open connection, and its welcome changes nothing", async () => {
  const client = await listening(1);
  client.stream.renew("fresh");
  client.socket.say(welcome());
  expect(client.socket.heard.slice(2)).toEqual([{ type: "auth", token: "fresh" }]);
});

test("silence is asked about, and lasting silence is a lost connection", async () => {
  const client = await listening(1);
  await vi.advanceTimersByTimeAsync(5000);
  expect(client.socket.heard.at(-1)).toEqual({ type: "ping" });
  client.socket.say({ type: "pong", at: "2026-11-23T12:00:00Z" });
  await vi.advanceTimersByTimeAsync(5000);
  expect(client.connections.at(-1)).toBe("live");
  await vi.advanceTimersByTimeAsync(5000);
  expect(client.connections.at(-1)).toBe("lost");
  expect(client.socket.closed).toBe(true);
});

test("a topic or a message that we do not know is said, and the rest goes on", async () => {
  const client = await listening(1);
  client.socket.say({ ...news(9), topic: "weather" } as unknown as FromServer);
  client.socket.say({ type: "fanfare" } as unknown as FromServer);
  client.socket.say(news(2));
  expect(client.problems).toEqual(["unknown topic weather", 'unknown message {"type":"fanfare"}']);
  expect(seqs(client)).toEqual([1, 2]);
});

test("a topic that the server does not offer is not asked for", async () => {
  const client = aClient();
  client.stream.start();
  const socket = await connected(client);
  socket.say(welcome("one", ["status"]));
  expect(socket.heard[1]).toEqual({ type: "subscribe", topics: ["status"] });
  expect(client.problems).toEqual(["the server does not offer news"]);
});

test("a stopped client neither reconnects nor listens", async () => {
  const client = await listening(1);
  client.stream.stop();
  client.socket.say(news(2));
  await vi.advanceTimersByTimeAsync(60_000);
  expect(client.sockets).toHaveLength(1);
  expect(seqs(client)).toEqual([1]);
});
