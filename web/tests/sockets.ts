/** A server's end of the stream, for tests: it hears what the client says, and says what the test wants. */
import { vi } from "vitest";
import type { FromClient, FromServer, Topic, TopicMessage } from "../src/api/types";
import { Stream, type Connection, type StreamListener } from "../src/stream";

export class FakeSocket {
  onopen: (() => void) | null = null;
  onmessage: ((event: { data: string }) => void) | null = null;
  onclose: ((event: { code: number }) => void) | null = null;
  readonly heard: FromClient[] = [];
  closed = false;

  send(text: string): void {
    this.heard.push(JSON.parse(text) as FromClient);
  }

  close(): void {
    this.closed = true;
  }

  say(message: FromServer): void {
    this.onmessage?.({ data: JSON.stringify(message) });
  }

  /** As if the server had closed, or the line had been cut. */
  cut(code: number): void {
    this.onclose?.({ code });
  }
}

export const TOPICS: Topic[] = ["status", "news"];

/** A client with its every connection, and all that it told its listener. */
export function aClient(streamTopics: Topic[] = TOPICS) {
  const sockets: FakeSocket[] = [];
  const connections: Connection[] = [];
  const messages: TopicMessage[] = [];
  const problems: string[] = [];
  const listener: StreamListener = {
    onMessage: (message) => messages.push(message),
    onConnection: (connection) => connections.push(connection),
    onProblem: (text) => problems.push(text),
  };
  const token = vi.fn((renewed: boolean) => Promise.resolve(renewed ? "renewed" : "token"));
  const connect = (): WebSocket => {
    const socket = new FakeSocket();
    sockets.push(socket);
    return socket as unknown as WebSocket;
  };
  const stream = new Stream({ connect, token, random: () => 1 }, streamTopics, listener);
  return { stream, sockets, connections, messages, problems, token };
}

export function welcome(streamId = "one", topics: Topic[] = TOPICS): FromServer {
  return { type: "welcome", stream_id: streamId, username: "ada", expires_at: "2026-11-23T12:15:00Z", topics };
}

export function subscribed(resumed: Topic[] = []): FromServer {
  return { type: "subscribed", topics: TOPICS, resumed };
}

/** One instant's signals, by symbol and side. */
export function signals(
  seq: number,
  kind: "snapshot" | "update",
  ...said: (readonly [at: string, symbol: string, side: string])[]
): FromServer & TopicMessage {
  const data = said.map(([at, symbol, side]) => ({
    id: `${symbol} ${at}`,
    symbol,
    signal_type: side,
    side,
    confidence: 0.5,
    direction_prob: 0.5,
    price: "1.00",
    position_size: 0.1,
    stop_loss: null,
    take_profit: null,
    reasoning: "",
    verdict: { approved: false, rule: "no_edge", limit: null, found: null, in_words: "", order_id: null },
    expires_at: at,
    timestamp: at,
  }));
  return { type: "message", topic: "signals", kind, seq, at: "2026-11-23T12:00:00Z", data } as FromServer & TopicMessage;
}

export function news(seq: number, kind: "snapshot" | "update" = "update", title = "t"): FromServer & TopicMessage {
  const item = {
    id: `n${seq}`,
    title,
    source: "wire",
    coins: ["BTC"],
    score: 0,
    published_at: "2026-11-23T12:00:00Z",
    first_seen_at: "2026-11-23T12:00:00Z",
    simulated: true,
  };
  return { type: "message", topic: "news", kind, seq, at: "2026-11-23T12:00:00Z", data: [item] };
}
