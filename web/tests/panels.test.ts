import { mount } from "@vue/test-utils";
import { expect, test } from "vitest";
import type { MarketDatum } from "../src/api/types";
import MarketPanel from "../src/components/MarketPanel.vue";
import NewsPanel from "../src/components/NewsPanel.vue";
import SignalsPanel from "../src/components/SignalsPanel.vue";
import { createFeed, FEED, type Feed } from "../src/feed";
import { news, signals } from "./sockets";

const within = (feed: Feed) => ({ global: { provide: { [FEED as symbol]: feed } } });

function datum(symbol: string, over: Partial<MarketDatum> = {}): MarketDatum {
  return {
    symbol,
    price: "1.00",
    volume: "1",
    change_24h: null,
    timestamp: "2026-11-23T12:00:00Z",
    source: "sandbox",
    age_ms: 0,
    stale: false,
    simulated: true,
    news_sentiment: null,
    social_sentiment: null,
    technical_indicators: {},
    ...over,
  };
}

test("a headline with markup in it is shown as the text that it is", () => {
  const feed = createFeed();
  const title = `<script>alert(1)</script><img src=x onerror="alert(2)">`;
  feed.onMessage(news(1, "snapshot", title));
  const panel = mount(NewsPanel, within(feed));
  expect(panel.text()).toContain(title);
  expect(panel.find("script, img").exists()).toBe(false);
});

test("of five hundred coins only those in sight are in the document, and the first is among them", () => {
  const feed = createFeed();
  const symbols = Array.from({ length: 500 }, (_, i) => `C${String(i).padStart(3, "0")}/USDT`);
  feed.market.value = Object.fromEntries(symbols.map((symbol) => [symbol, datum(symbol)]));
  const panel = mount(MarketPanel, within(feed));
  const rows = panel.findAll("tbody tr:not([aria-hidden])");
  expect(rows.length).toBeLessThan(60);
  expect(rows[0]?.text()).toContain("C000");
  expect(panel.find("table").attributes("aria-rowcount")).toBe("501");
});

test("an unknown price is a dash that says why, and a stale one says so in a word", () => {
  const feed = createFeed();
  feed.onConnection("live");
  feed.market.value = {
    "A/USDT": datum("A/USDT", { price: null, age_ms: null }),
    "B/USDT": datum("B/USDT", { stale: true, age_ms: 600_000 }),
  };
  const panel = mount(MarketPanel, within(feed));
  const [unknown, stale] = panel.findAll("tbody tr");
  expect(unknown?.text()).toContain("unknown: no candle has closed yet");
  expect(unknown?.text()).not.toContain("0.00");
  expect(stale?.text()).toContain("stale");
  expect(stale?.find(".stale").attributes("title")).toBe("stale: the newest closed candle is 10 min old");
});

test("everything is stale while the connection is lost", () => {
  const feed = createFeed();
  feed.onConnection("live");
  feed.market.value = { "A/USDT": datum("A/USDT") };
  const panel = mount(MarketPanel, within(feed));
  expect(panel.find(".stale").exists()).toBe(false);
  feed.onConnection("lost");
  return panel.vm.$nextTick().then(() => expect(panel.find(".stale").exists()).toBe(true));
});

test("after a reload the proposals of earlier instants are there, and only the newest instant's holds", async () => {
  const feed = createFeed();
  const before = ["2026-11-23T12:00:00Z", "BTC/USDT", "BUY"] as const;
  const hold = ["2026-11-23T12:05:00Z", "ETH/USDT", "HOLD"] as const;
  feed.onMessage(signals(7, "snapshot", before, hold));
  const panel = mount(SignalsPanel, within(feed));
  expect(panel.findAll("tbody tr").map((row) => row.text())).toEqual([expect.stringContaining("BTC")]);
  await panel.find("input[type=checkbox]").setValue(true);
  expect(panel.findAll("tbody tr").map((row) => row.text().slice(0, 8))).toEqual(["12:05ETH", "12:00BTC"]);

  feed.onMessage(signals(8, "update", ["2026-11-23T12:10:00Z", "ETH/USDT", "SELL"]));
  await panel.vm.$nextTick();
  expect(panel.findAll("tbody tr").map((row) => row.text().slice(0, 8))).toEqual(["12:10ETH", "12:00BTC"]);
});
