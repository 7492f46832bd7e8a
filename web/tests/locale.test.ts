import { afterEach, beforeEach, expect, test, vi } from "vitest";

/** What the browser says it speaks. */
function speaks(language: string): void {
  Object.defineProperty(navigator, "language", { value: language, configurable: true });
}

beforeEach(() => {
  vi.resetModules();
  vi.stubGlobal("matchMedia", () => ({ addEventListener: () => undefined, removeEventListener: () => undefined }));
});
afterEach(() => {
  vi.unstubAllGlobals();
  Reflect.deleteProperty(navigator, "language");
});

test("a language that is no tag is taken for English, and the chart can be loaded", async () => {
  speaks("en-US@posix");
  expect(() => new Intl.NumberFormat(navigator.language)).toThrow(RangeError);
  await import("../src/locale");
  expect(navigator.language).toBe("en");
  expect((await import("uplot")).default).toBeTypeOf("function");
});

test("a language that is one is left alone", async () => {
  speaks("fr-CH");
  await import("../src/locale");
  expect(navigator.language).toBe("fr-CH");
});
