/**
 * The client of `/api/stream`: signs in, subscribes, resumes after a gap or a lost connection, renews its leave to stay.
 *
 * It knows the protocol and nothing of what a topic carries. Every topic counts its own messages; one is handed on when
 * it is the next of its topic or a snapshot, so that its listener never sees a state with a hole in it.
 */
import type { FromClient, FromServer, Topic, TopicMessage } from "./api/types";

export type Connection = "connecting" | "live" | "lost" | "revoked";

export interface StreamListener {
  onMessage(message: TopicMessage): void;
  onConnection(connection: Connection): void;
  /** The server found something wrong with what we said, or said something that we do not know. */
  onProblem(text: string): void;
}

/** What the client asks of the world, so that a test can stand in for it. */
export interface StreamWorld {
  connect(): WebSocket;
  /** The access token of now; *renewed* asks for one that the server has not refused yet. */
  token(renewed: boolean): Promise<string>;
  random(): number;
}

export const CLOSED = { tokenRefused: 4401, revoked: 4403, tooSlow: 4408 } as const;

const FIRST_WAIT_MS = 500;
const LONGEST_WAIT_MS = 10_000;
/** After this much silence we ask whether anybody is there, and after as much again take the connection for dead. */
const SILENCE_MS = 5000;

/** How long to wait before the n-th attempt in a row (n from 0): doubling, and spread over its upper half. */
export function backOff(attempt: number, random: number): number {
  const longest = Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** attempt);
  return longest * (0.5 + random / 2);
}

export class Stream {
  private socket: WebSocket | null = null;
  private streamId: string | null = null;
  private readonly seen = new Map<Topic, number>();
  /** Topics with a gap: what we asked for, and whether the server has taken that up. */
  private readonly gaps = new Map<Topic, "missing" | "missing, taken up" | "whole">();
  private attempts = 0;
  private refused = false;
  private stopped = true;
  private welcomed = false;
  private retry: ReturnType<typeof setTimeout> | undefined;
  private silence: ReturnType<typeof setTimeout> | undefined;
  private readonly world: StreamWorld;
  private readonly topics: readonly Topic[];
  private readonly listener: StreamListener;

  constructor(world: StreamWorld, topics: readonly Topic[], listener: StreamListener) {
    this.world = world;
    this.topics = topics;
    this.listener = listener;
  }

  start(): void {
    if (!this.stopped) return;
    this.stopped = false;
    this.listener.onConnection("connecting");
    void this.open();
  }

  stop(): void {
    this.stopped = true;
    clearTimeout(this.retry);
    clearTimeout(this.silence);
    this.drop();
    this.streamId = null;
    this.seen.clear();
    this.gaps.clear();
  }

  /** Stay on the open connection with a new token. */
  renew(token: string): void {
    if (this.welcomed) this.send({ type: "auth", token });
  }

  private async open(): Promise<void> {
    let token: string;
    try {
      token = await this.world.token(this.refused);
    } catch {
      return this.lost(); // Without a token there is no connection; a session that has ended stops us.
    }
    if (this.stopped) return;
    const socket = this.world.connect();
    this.socket = socket;
    socket.onopen = () => this.send({ type: "auth", token });
    socket.onmessage = (event: MessageEvent<string>) => this.hear(JSON.parse(event.data) as FromServer);
    socket.onclose = (event) => this.closed(event.code);
    this.listen();
  }

  private send(message: FromClient): void {
    this.socket?.send(JSON.stringify(message));
  }

  private hear(message: FromServer): void {
    this.listen();
    switch (message.type) {
      case "welcome":
        return this.welcome(message.stream_id, message.topics);
      case "subscribed":
        return this.subscribed(message.topics);
      case "message":
        return this.take(message);
      case "problem":
        return this.listener.onProblem(message.detail);
      case "pong":
        return;
      default:
        return this.listener.onProblem(`unknown message ${JSON.stringify(message).slice(0, 80)}`);
    }
  }

  private welcome(streamId: string, offered: readonly Topic[]): void {
    const renewed = this.welcomed && streamId === this.streamId;
    this.welcomed = true;
    this.refused = false;
    if (renewed) return; // The answer to `renew`: what we subscribed to goes on.
    if (streamId !== this.streamId) this.seen.clear(); // A new stream counts anew.
    this.gaps.clear();
    this.streamId = streamId;
    const missing = this.topics.filter((topic) => !offered.includes(topic));
    if (missing.length > 0) this.listener.onProblem(`the server does not offer ${missing.join(", ")}`);
    this.subscribe(this.topics.filter((topic) => offered.includes(topic)), this.seen);
  }

  private subscribe(topics: Topic[], after: ReadonlyMap<Topic, number>): void {
    const known = topics.filter((topic) => after.has(topic));
    if (known.length === 0 || this.streamId === null) return this.send({ type: "subscribe", topics });
    const resume = Object.fromEntries(known.map((topic) => [topic, after.get(topic) ?? 0]));
    this.send({ type: "subscribe", topics, stream_id: this.streamId, after: resume });
  }

  private subscribed(topics: readonly Topic[]): void {
    this.attempts = 0;
    for (const topic of topics) if (this.gaps.get(topic) === "missing") this.gaps.set(topic, "missing, taken up");
    this.listener.onConnection("live");
  }

  private take(message: TopicMessage): void {
    const { topic, seq, kind } = message;
    if (!this.topics.includes(topic)) return this.listener.onProblem(`unknown topic ${topic}`);
    const last = this.seen.get(topic);
    if (kind === "update" && last !== undefined && seq <= last) return; // Heard before.
    if (kind === "update" && seq !== (last ?? 0) + 1) return this.gap(topic);
    this.seen.set(topic, seq);
    this.gaps.delete(topic);
    this.listener.onMessage(message);
  }

  /** Ask for what is missing of *topic*; where that leaves a gap too, for the whole of it. */
  private gap(topic: Topic): void {
    const asked = this.gaps.get(topic);
    if (asked === "missing" || asked === "whole") return; // The answer is on its way.
    const whole = asked === "missing, taken up" || !this.seen.has(topic);
    this.gaps.set(topic, whole ? "whole" : "missing");
    this.subscribe([topic], whole ? new Map() : this.seen);
  }

  private closed(code: number): void {
    this.drop();
    if (this.stopped) return;
    if (code === CLOSED.revoked) {
      this.stopped = true;
      return this.listener.onConnection("revoked");
    }
    this.refused = code === CLOSED.tokenRefused;
    this.lost();
  }

  private lost(): void {
    if (this.stopped) return;
    this.listener.onConnection("lost");
    clearTimeout(this.retry);
    this.retry = setTimeout(() => void this.open(), backOff(this.attempts, this.world.random()));
    this.attempts += 1;
  }

  /** Start waiting anew for the next word of the server. */
  private listen(): void {
    clearTimeout(this.silence);
    this.silence = setTimeout(() => {
      if (this.welcomed) this.send({ type: "ping" });
      this.silence = setTimeout(() => this.closed(0), SILENCE_MS);
    }, SILENCE_MS);
  }

  private drop(): void {
    clearTimeout(this.silence);
    this.welcomed = false;
    if (this.socket === null) return;
    this.socket.onopen = this.socket.onmessage = this.socket.onclose = null;
    this.socket.close();
    this.socket = null;
  }
}
