/** What the pipeline's own names mean, in plain words. A name that is new here is shown as it is, never hidden. */
import type { AgentName, Prediction, Verdict } from "./api/types";
import { decimals, percent } from "./format";

export const AGENTS: Readonly<Record<AgentName, { name: string; does: string }>> = {
  collector: { name: "Collector", does: "gathers prices and news" },
  predictor: { name: "Predictor", does: "turns them into probabilities" },
  strategy: { name: "Strategy", does: "proposes signals" },
  trader: { name: "Trader", does: "reviews and executes" },
};

const HOLDS: Readonly<Record<string, string>> = {
  unknown_prediction: "every predictor abstained",
  unknown_confidence: "too few earlier predictions to rank this one",
  no_edge: "the prediction is too close to even",
  position_open: "a position is open already and nothing opposes it",
  order_pending: "an order of this coin is still at work",
  no_position: "a fall is expected, and there is nothing to sell",
  weak_opposite: "a fall is expected, but not surely enough to leave",
};

const REFUSALS: Readonly<Record<string, string>> = {
  halted: "trading is halted",
  whitelist: "the coin is not on the allowed list",
  stale_signal: "the signal was too old",
  stale_price: "the price was too old",
  min_confidence: "not confident enough",
  max_daily_loss: "the daily loss limit is reached",
  max_drawdown: "the drawdown limit is reached",
  cooldown: "the coin was left a short while ago",
  max_concurrent: "all places for positions are taken",
  max_position: "the position would be too large",
  min_order: "the order would be too small",
  max_order: "the order would be too large",
  order_too_large: "the order is beyond what the books can hold",
  free_cash: "not enough free cash",
  max_correlation: "it moves too much like a coin already held",
};

const EXITS: Readonly<Record<string, string>> = {
  stop: "stop loss",
  target: "take profit",
  signal: "the strategy's signal",
  "time limit": "time limit",
  "by hand": "closed by hand",
};

export const readable = (name: string): string => name.replaceAll("_", " ");

export const holdWords = (reason: string): string => HOLDS[reason] ?? readable(reason);
export const refusalWords = (rule: string): string => REFUSALS[rule] ?? readable(rule);
export const exitWords = (reason: string): string => EXITS[reason] ?? readable(reason);

/** A sentence of the server's with the names of rules in it, in plain words. */
export function plainly(sentence: string): string {
  return sentence.replace(/\b[a-z]+(?:_[a-z]+)+\b/g, (name) => `“${REFUSALS[name] ?? HOLDS[name] ?? readable(name)}”`);
}

/** Ratios whose numbers read best in percent. */
const SHARES = new Set(["max_daily_loss", "max_drawdown", "max_position", "max_position_size"]);

const MOST_DIGITS = 6;

/** Two numbers in as many digits as it takes to tell them apart: 0.697 is not refused for being 0.70. */
function apart(a: number, b: number, show: (x: number, digits: number) => string, digits: number): [string, string] {
  const shown: [string, string] = [show(a, digits), show(b, digits)];
  return shown[0] !== shown[1] || a === b || digits >= MOST_DIGITS ? shown : apart(a, b, show, digits + 1);
}

/** The numbers of a refusal: what was found against what is allowed. Money and times come worded from the server. */
function numbers({ rule, limit, found, in_words }: Verdict): string {
  if (rule === null) return "";
  if (limit !== null && found !== null) {
    if (SHARES.has(rule)) return apart(found, limit, percent, 1).join(", at most ");
    if (rule === "min_confidence") return `${apart(found, limit, decimals, 2).join(", at least ")} needed`;
    if (rule === "max_correlation") return apart(found, limit, decimals, 2).join(", at most ");
    if (rule === "max_concurrent") return `${found} of ${limit}`;
  }
  return in_words.startsWith(`${rule}: `) ? in_words.slice(rule.length + 2) : "";
}

/** What became of a signal: the reason of a HOLD, or what the review said with its numbers. */
export function verdictWords(verdict: Verdict): string {
  if (verdict.approved) return "approved";
  if (verdict.rule === null) return verdict.in_words || "not ordered";
  if (verdict.rule in HOLDS) return holdWords(verdict.rule);
  const detail = numbers(verdict);
  return detail ? `${refusalWords(verdict.rule)}: ${detail}` : refusalWords(verdict.rule);
}

/** What moved a prediction most, strongest first: `its news +0.31`. */
export function topContributions(prediction: Pick<Prediction, "contributions">, most = 3): string[] {
  return [...prediction.contributions]
    .filter((c) => Math.abs(c.value) >= 0.005)
    .sort((a, b) => Math.abs(b.value) - Math.abs(a.value))
    .slice(0, most)
    .map((c) => `${c.part} ${c.value > 0 ? "+" : ""}${decimals(c.value, 2)}`);
}

/** The colours of moods. */
export const MOODS = { good: "text-gain", neutral: "text-muted", bad: "text-loss" } as const;

/** How news sounds, in a word beside its number: colour is never the only sign. */
export function mood(score: number): keyof typeof MOODS {
  if (score >= 0.05) return "good";
  return score <= -0.05 ? "bad" : "neutral";
}
