/** What the stream has said so far, as the page's one state. Every topic is a shallow ref: replaced, never mutated. */
import { computed, inject, nextTick, shallowRef, type ComputedRef, type InjectionKey, type ShallowRef } from "vue";
import type {
  Account,
  Alert,
  EquityPoint,
  Funnel,
  LogLine,
  MarketDatum,
  News,
  Position,
  Prediction,
  Signal,
  Status,
  Topic,
  TopicMessage,
  Trade,
} from "./api/types";
import type { Connection, StreamListener } from "./stream";

/** The topics that the page shows; orders and fills are told by trades and lineage, and jobs have no view yet. */
export const TOPICS: readonly Topic[] = [
  "status",
  "market",
  "predictions",
  "signals",
  "positions",
  "account",
  "trades",
  "equity",
  "funnel",
  "news",
  "alerts",
  "log",
];

/** How many entries of each growing list are kept. */
const KEPT = { proposals: 100, trades: 200, news: 100, alerts: 100, log: 200 } as const;
const MOST_POINTS = 8000;
/** Measures of the page's own speed that are kept per topic, for whoever looks. */
const MEASURES_KEPT = 500;

export interface Feed extends StreamListener {
  readonly status: ShallowRef<Status | null>;
  readonly market: ShallowRef<Readonly<Record<string, MarketDatum>>>;
  readonly predictions: ShallowRef<Readonly<Record<string, Prediction>>>;
  /** The newest instant's signals, HOLDs included. */
  readonly signals: ShallowRef<readonly Signal[]>;
  /** The latest signals to buy or sell, newest first. */
  readonly proposals: ShallowRef<readonly Signal[]>;
  readonly positions: ShallowRef<readonly Position[]>;
  readonly account: ShallowRef<Account | null>;
  readonly funnel: ShallowRef<Funnel | null>;
  readonly trades: ShallowRef<readonly Trade[]>;
  readonly news: ShallowRef<readonly News[]>;
  readonly alerts: ShallowRef<readonly Alert[]>;
  readonly log: ShallowRef<readonly LogLine[]>;
  readonly equity: ShallowRef<readonly EquityPoint[]>;
  readonly connection: ShallowRef<Connection>;
  /** Wall time of the newest message. */
  readonly asOf: ShallowRef<string | null>;
  /** What the stream complained about last. */
  readonly problem: ShallowRef<string | null>;
  /** Whether what is shown may have changed meanwhile, unheard. */
  readonly stale: ComputedRef<boolean>;
}

/** *fresh* entries laid over the *known* ones by id, newest first; a snapshot stands for all before it. */
export function merged<Entry>(
  known: readonly Entry[],
  message: { kind: "snapshot" | "update"; data: readonly Entry[] },
  id: (entry: Entry) => string,
  time: (entry: Entry) => string,
  kept: number,
): readonly Entry[] {
  const entries = new Map(message.kind === "snapshot" ? [] : known.map((entry) => [id(entry), entry]));
  for (const entry of message.data) entries.set(id(entry), entry);
  return [...entries.values()].sort((a, b) => (time(a) < time(b) ? 1 : time(a) > time(b) ? -1 : 0)).slice(0, kept);
}

/** Those of the newest instant among *signals*. */
function newest(signals: readonly Signal[]): readonly Signal[] {
  const last = signals.reduce((latest, signal) => (signal.timestamp > latest ? signal.timestamp : latest), "");
  return signals.filter((signal) => signal.timestamp === last);
}

/** A curve with new points at its end; where it has become too long to draw well, every second older point goes. */
export function extended(curve: readonly EquityPoint[], fresh: readonly EquityPoint[]): readonly EquityPoint[] {
  const byTime = new Map([...curve, ...fresh].map((point) => [point.at, point]));
  const points = [...byTime.values()].sort((a, b) => (a.at < b.at ? -1 : 1));
  if (points.length <= MOST_POINTS) return points;
  const half = points.length >> 1;
  return points.filter((_, i) => i >= half || i % 2 === 0);
}

export function createFeed(): Feed {
  const feed = {
    status: shallowRef<Status | null>(null),
    market: shallowRef<Record<string, MarketDatum>>({}),
    predictions: shallowRef<Record<string, Prediction>>({}),
    signals: shallowRef<readonly Signal[]>([]),
    proposals: shallowRef<readonly Signal[]>([]),
    positions: shallowRef<readonly Position[]>([]),
    account: shallowRef<Account | null>(null),
    funnel: shallowRef<Funnel | null>(null),
    trades: shallowRef<readonly Trade[]>([]),
    news: shallowRef<readonly News[]>([]),
    alerts: shallowRef<readonly Alert[]>([]),
    log: shallowRef<readonly LogLine[]>([]),
    equity: shallowRef<readonly EquityPoint[]>([]),
    connection: shallowRef<Connection>("connecting"),
    asOf: shallowRef<string | null>(null),
    problem: shallowRef<string | null>(null),
  };

  function take(message: TopicMessage): void {
    switch (message.topic) {
      case "status":
        feed.status.value = message.data;
        break;
      case "market":
        feed.market.value = message.data;
        break;
      case "predictions":
        feed.predictions.value = message.data;
        break;
      case "signals":
        feed.signals.value = newest(message.data);
        feed.proposals.value = merged(
          feed.proposals.value,
          { kind: message.kind, data: message.data.filter((signal) => signal.side !== "HOLD") },
          (s) => s.id,
          (s) => s.timestamp,
          KEPT.proposals,
        );
        break;
      case "positions":
        feed.positions.value = message.data;
        break;
      case "account":
        feed.account.value = message.data;
        break;
      case "funnel":
        feed.funnel.value = message.data;
        break;
      case "trades":
        feed.trades.value = merged(feed.trades.value, message, (t) => t.trade_id, (t) => t.timestamp, KEPT.trades);
        break;
      case "news":
        feed.news.value = merged(feed.news.value, message, (n) => n.id, (n) => n.first_seen_at, KEPT.news);
        break;
      case "alerts":
        feed.alerts.value = merged(feed.alerts.value, message, (a) => a.id, (a) => a.at, KEPT.alerts);
        break;
      case "log":
        feed.log.value = merged(feed.log.value, message, (l) => l.id, (l) => l.at, KEPT.log);
        break;
      case "equity":
        feed.equity.value = extended(message.kind === "snapshot" ? [] : feed.equity.value, message.data);
        break;
      case "orders":
      case "fills":
      case "jobs":
        break;
    }
  }

  return {
    ...feed,
    stale: computed(() => feed.connection.value !== "live"),
    onMessage(message) {
      const heard = performance.now();
      take(message);
      feed.asOf.value = message.at;
      measurePaint(message.topic, heard);
    },
    onConnection(connection) {
      feed.connection.value = connection;
    },
    onProblem(text) {
      feed.problem.value = text;
    },
  };
}

const measured = new Map<Topic, number>();

/** Note how long *topic*'s message took from the socket to the painted page, as the measure `stream:<topic>`. */
function measurePaint(topic: Topic, heard: number): void {
  if (document.hidden) return; // A hidden page paints nothing.
  const name = `stream:${topic}`;
  const taken = (measured.get(topic) ?? 0) + 1;
  if (taken > MEASURES_KEPT) performance.clearMeasures(name);
  measured.set(topic, taken > MEASURES_KEPT ? 1 : taken);
  void nextTick(() => {
    // A frame's callbacks run before it is painted; the next task runs after.
    requestAnimationFrame(() => setTimeout(() => performance.measure(name, { start: heard, end: performance.now() })));
  });
}

export const FEED: InjectionKey<Feed> = Symbol("feed");

export function useFeed(): Feed {
  const feed = inject(FEED);
  if (feed === undefined) throw new Error("no feed is provided to this component");
  return feed;
}
