/**
 * Values as people read them. Amounts stay the decimal texts that the server sent: `Intl.NumberFormat` rounds a text
 * exactly, so no amount ever passes through binary floating point.
 */
import type { Status } from "./api/types";

/** What stands where a value is unknown; it is never a zero. */
export const UNKNOWN = "—";

type Amount = Intl.StringNumericLiteral;
type Sign = Pick<Intl.NumberFormatOptions, "signDisplay">;

const SIGNED: Sign = { signDisplay: "exceptZero" };
const moneyFormat = new Intl.NumberFormat("en", { minimumFractionDigits: 2, maximumFractionDigits: 2 });
const signedMoneyFormat = new Intl.NumberFormat("en", {
  minimumFractionDigits: 2,
  maximumFractionDigits: 2,
  ...SIGNED,
});
const priceFormat = new Intl.NumberFormat("en", { maximumFractionDigits: 10 });
const countFormat = new Intl.NumberFormat("en");

/** A typographic minus is as wide as a plus, so that columns of signed figures line up. */
const typographic = (text: string): string => text.replace("-", "−");

/** An amount of the quote asset to two decimals: `10,012.33`. */
export const money = (text: string): string => typographic(moneyFormat.format(text as Amount));

/** The same with its sign: `+12.33`, `−4.10`, `0.00`. */
export const signedMoney = (text: string): string => typographic(signedMoneyFormat.format(text as Amount));

/** A price or quantity with all of its digits, grouped; the instrument's own zeros at the end are kept. */
export function price(text: string): string {
  const [whole = "0", decimals] = text.split(".");
  return decimals === undefined
    ? priceFormat.format(whole as Amount)
    : `${typographic(priceFormat.format(whole as Amount))}.${decimals}`;
}

/** −1, 0 or 1 without a detour over a number: the text says its sign. */
export function signOf(text: string): -1 | 0 | 1 {
  if (!/[1-9]/.test(text)) return 0;
  return text.startsWith("-") ? -1 : 1;
}

/** A fraction in percent: 0.0213 is `2.1 %`. */
export function percent(fraction: number, digits = 1, sign: Sign = {}): string {
  const format = { minimumFractionDigits: digits, maximumFractionDigits: digits, ...sign };
  return typographic(`${new Intl.NumberFormat("en", format).format(fraction * 100)} %`);
}

export const signedPercent = (fraction: number, digits = 2): string => percent(fraction, digits, SIGNED);

export const count = (n: number): string => countFormat.format(n);

/** A plain number to so many decimals. */
export const decimals = (n: number, digits: number): string => typographic(n.toFixed(digits));

/** Hours and minutes of a market time, in UTC as markets count. */
export const clock = (iso: string): string => iso.slice(11, 16);

/** Day, hours and minutes of a market time in UTC. */
export const moment = (iso: string): string => `${iso.slice(0, 10)} ${iso.slice(11, 16)}`;

/** Hours, minutes and seconds of a wall time, where the reader is. */
export const wallClock = (iso: string): string => new Date(iso).toLocaleTimeString("en-GB");

/** A length of time in its two largest fitting words: `45 s`, `12 min`, `3 h`, `2 d`. */
export function duration(ms: number): string {
  const seconds = Math.round(ms / 1000);
  if (seconds < 90) return `${seconds} s`;
  if (seconds < 90 * 60) return `${Math.round(seconds / 60)} min`;
  if (seconds < 36 * 3600) return `${Math.round(seconds / 3600)} h`;
  return `${Math.round(seconds / 86_400)} d`;
}

/** The coin of a symbol: BTC of BTC/USDT. */
export const coin = (symbol: string): string => symbol.split("/")[0] ?? symbol;

/** Market seconds per second, or null where the market runs as fast as it can. */
export const speedOf = (status: Status): number | null => (status.speed === "max" ? null : Number(status.speed));

/** When a market time comes, for someone who waits: `12:05 market time, in about 4 s`. */
export function arrival(at: string, status: Status): string {
  const speed = speedOf(status);
  const ahead = Date.parse(at) - Date.parse(status.market_time);
  if (!status.is_running || speed === null || ahead <= 0) return `${clock(at)} market time`;
  return `${clock(at)} market time, in about ${duration(Math.max(1000, ahead / speed))}`;
}
