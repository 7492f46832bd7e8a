/**
 * A language that `Intl` knows. Where a browser takes its own from a POSIX system it may say `en-US@posix`, which is no
 * language tag (BCP 47); the chart's library hands it to `Intl` as it is loaded, and the whole page would stay empty.
 * Every word and figure of the page is English, so English is what such a browser is taken to speak.
 */
try {
  Intl.getCanonicalLocales(navigator.language);
} catch {
  Object.defineProperty(navigator, "language", { value: "en", configurable: true });
}

export {};
