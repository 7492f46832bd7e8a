import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import tailwindcss from "@tailwindcss/vite";
import vue from "@vitejs/plugin-vue";
import type { Plugin } from "vite";
import { defineConfig } from "vitest/config";

/** Ships Swagger UI's own files beside `public/docs/`, so that the API's reference needs no outside host. */
function swaggerFiles(): Plugin {
  const require = createRequire(import.meta.url);
  return {
    name: "swagger-files",
    generateBundle() {
      for (const name of ["swagger-ui-bundle.js", "swagger-ui.css"]) {
        const source = readFileSync(require.resolve(`swagger-ui-dist/${name}`));
        this.emitFile({ type: "asset", fileName: `docs/${name}`, source });
      }
    },
  };
}

export default defineConfig({
  plugins: [vue(), tailwindcss(), swaggerFiles()],
  build: {
    outDir: "../cryptopilot/api/page",
    emptyOutDir: true,
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
  },
  test: { environment: "jsdom", include: ["tests/**/*.test.ts"] },
});
