import { expect, test } from "vitest";
import type { EquityPoint, Status, Verdict } from "../src/api/types";
import { extended, merged } from "../src/feed";
import { arrival, duration, money, percent, price, signedMoney, signedPercent, signOf } from "../src/format";
import { plainly, topContributions, verdictWords } from "../src/words";

test("an amount is rounded as a decimal, whatever binary numbers would make of it", () => {
  expect(money("1234567890123456789.005")).toBe("1,234,567,890,123,456,789.01");
  expect(money("0.125")).toBe("0.13");
});

test("profit shows its sign as a character, and nothing is neither", () => {
  expect([signedMoney("12.3"), signedMoney("-4.1"), signedMoney("0.00")]).toEqual(["+12.30", "−4.10", "0.00"]);
  expect([signOf("0.000"), signOf("-0.001"), signOf("3")]).toEqual([0, -1, 1]);
});

test("a price keeps all of its digits, also the zeros at its end", () => {
  expect([price("62000.10"), price("0.00001230"), price("12")]).toEqual(["62,000.10", "0.00001230", "12"]);
});

test("fractions are shown in percent", () => {
  expect([percent(0.0213), signedPercent(-0.5), percent(0.697, 2)]).toEqual(["2.1 %", "−50.00 %", "69.70 %"]);
});

test("a length of time is said in the unit that fits it", () => {
  expect([4000, 89_000, 300_000, 7_200_000, 259_200_000].map(duration)).toEqual(["4 s", "89 s", "5 min", "2 h", "3 d"]);
});

const at = (market_time: string, speed = "60", is_running = true): Status =>
  ({ market_time, speed, is_running }) as Status;

test("who waits is told the market time and how long that is", () => {
  expect(arrival("2026-11-23T12:05:00Z", at("2026-11-23T12:01:00Z"))).toBe("12:05 market time, in about 4 s");
});

test("no wait is made up where the market has no speed, or stands still", () => {
  expect(arrival("2026-11-23T12:05:00Z", at("2026-11-23T12:01:00Z", "max"))).toBe("12:05 market time");
  expect(arrival("2026-11-23T12:05:00Z", at("2026-11-23T12:01:00Z", "60", false))).toBe("12:05 market time");
});

const refused = (rule: string, found: number | null, limit: number | null, in_words = ""): Verdict => ({
  approved: false,
  rule,
  found,
  limit,
  in_words,
  order_id: null,
});

test("a refusal says its rule and both numbers in plain words", () => {
  expect(verdictWords(refused("min_confidence", 0.244, 0.7))).toBe("not confident enough: 0.24, at least 0.70 needed");
  expect(verdictWords(refused("max_daily_loss", 0.0512, 0.05))).toBe("the daily loss limit is reached: 5.1 %, at most 5.0 %");
  expect(verdictWords(refused("max_concurrent", 5, 5))).toBe("all places for positions are taken: 5 of 5");
});

test("two numbers that round alike are shown in as many digits as it takes to tell them apart", () => {
  expect(verdictWords(refused("min_confidence", 0.6987, 0.7))).toBe("not confident enough: 0.699, at least 0.700 needed");
});

test("money and times of a refusal keep the server's words, and a new rule is shown by its name", () => {
  const cash = refused("free_cash", 1, 2, "free_cash: 8.20 USDT (limit 10.00)");
  expect(verdictWords(cash)).toBe("not enough free cash: 8.20 USDT (limit 10.00)");
  expect(verdictWords(refused("moon_phase", null, null))).toBe("moon phase");
});

test("a hold says why, and an approval says so", () => {
  expect(verdictWords(refused("no_edge", null, null))).toBe("the prediction is too close to even");
  expect(verdictWords({ ...refused("", null, null), approved: true })).toBe("approved");
});

test("the server's sentence is told without the names of rules", () => {
  expect(plainly("most refusals came from min_confidence (3 times)")).toBe(
    "most refusals came from “not confident enough” (3 times)",
  );
});

test("what moved a prediction most comes first, and what moved it nowhere is left out", () => {
  const contributions = [
    { model: "news", part: "market news", value: 0.001 },
    { model: "technical", part: "RSI", value: -0.2 },
    { model: "news", part: "its news", value: 0.1 },
  ];
  expect(topContributions({ contributions })).toEqual(["RSI −0.20", "its news +0.10"]);
});

interface Entry {
  id: string;
  at: string;
  text: string;
}
const entry = (id: string, at: string, text = ""): Entry => ({ id, at, text });
const laid = (known: readonly Entry[], data: Entry[], kind: "snapshot" | "update" = "update", kept = 10) =>
  merged(known, { kind, data }, (e) => e.id, (e) => e.at, kept);

test("an entry with a known id takes its place, and the newest come first", () => {
  const known = laid([], [entry("a", "1"), entry("b", "2", "old")]);
  expect(laid(known, [entry("b", "2", "new"), entry("c", "3")])).toEqual([
    entry("c", "3"),
    entry("b", "2", "new"),
    entry("a", "1"),
  ]);
});

test("a snapshot stands for everything before it, and only so many entries are kept", () => {
  const known = [entry("a", "1")];
  const data = [entry("b", "2"), entry("c", "3"), entry("d", "4")];
  expect(laid(known, data, "snapshot", 2).map((e) => e.id)).toEqual(["d", "c"]);
});

test("a curve that grows long loses every second older point, never its newest half", () => {
  const points: EquityPoint[] = Array.from({ length: 9000 }, (_, i) => ({ at: String(100_000 + i), equity: String(i) }));
  const curve = extended([], points);
  expect(curve.length).toBeLessThanOrEqual(8000);
  expect(curve.slice(-4500)).toEqual(points.slice(-4500));
  expect(curve[0]).toEqual(points[0]);
});
