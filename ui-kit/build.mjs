// Builds the browser side into the folder named, or $KIT_OUT, or dist/: hashed names, .br and .gz beside each file, manifest.json.
// With --tests it bundles every *.test.ts into build/tests/ instead, for `node --test` of any Node from 18 on.
import { createHash } from "node:crypto";
import { mkdir, mkdtemp, readdir, readFile, rename, rm, rmdir, writeFile } from "node:fs/promises";
import { existsSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { brotliCompressSync, constants, gzipSync } from "node:zlib";
import * as esbuild from "esbuild";
import { utilities } from "./utilities.mjs";

const here = path.dirname(fileURLToPath(import.meta.url));
const folder = process.argv.slice(2).find((word) => !word.startsWith("--"));
const out = path.resolve(folder || process.env.KIT_OUT || path.join(here, "dist"));
const TYPES = { ".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml" };
const PAGE_BUDGET = 100 * 1024; // compressed bytes of a demo page's script and style

async function componentNames() {
  const entries = await readdir(path.join(here, "components"), { withFileTypes: true });
  const names = entries.filter((entry) => entry.isDirectory()).map((entry) => entry.name);
  return names.filter((name) => existsSync(path.join(here, "components", name, `${name}.ts`))).sort();
}

/** Makes `virtual:components` from the folders, so that a new component is a new folder and nothing else. */
const componentList = {
  name: "component-list",
  setup(build) {
    build.onResolve({ filter: /^virtual:components$/ }, () => ({ path: "components", namespace: "list" }));
    build.onLoad({ filter: /.*/, namespace: "list" }, async () => {
      const names = await componentNames();
      const imports = names.map((name, i) => `import c${i} from "./components/${name}/${name}.ts";`);
      const rows = names.map((name, i) => `["${name}", c${i}]`);
      return { contents: `${imports.join("\n")}\nexport const components = [${rows.join(", ")}];`, resolveDir: here };
    });
  },
};

/** `@import "virtual:utilities.css"`: the classes that carry numbers (scale, width, height). */
const utilitySheet = {
  name: "utility-sheet",
  setup(build) {
    build.onResolve({ filter: /^virtual:utilities\.css$/ }, () => ({ path: "utilities.css", namespace: "sheet" }));
    build.onLoad({ filter: /.*/, namespace: "sheet" }, () => ({ contents: utilities(), loader: "css" }));
  },
};

const common = {
  absWorkingDir: here,
  bundle: true,
  target: "es2022",
  plugins: [componentList, utilitySheet],
  logLevel: "warning",
};

async function buildTests() {
  const tests = [];
  for (const folder of ["src", "components"]) {
    for (const file of await readdir(path.join(here, folder), { recursive: true })) {
      if (file.endsWith(".test.ts")) tests.push(path.join(folder, file));
    }
  }
  const outdir = path.join(here, "build/tests");
  await rm(outdir, { recursive: true, force: true });
  await esbuild.build({ ...common, entryPoints: tests, outdir, outbase: here, outExtension: { ".js": ".mjs" }, format: "esm", platform: "node" });
}

// Each page's script is built by itself, so that none needs a chunk of another; only the kit splits off what it loads later.
async function bundle(folder) {
  const groups = [{ kit: "src/kit.ts" }, { site: "src/site.ts" }, { embed: "src/embed.ts" }, { kit: "src/css/kit.css", site: "src/css/site.css" }];
  const results = await Promise.all(
    groups.map((entryPoints) =>
      esbuild.build({
        ...common,
        entryPoints,
        outdir: folder,
        entryNames: "[name]-[hash]",
        chunkNames: "[name]-[hash]",
        format: "esm",
        splitting: "kit" in entryPoints && !("site" in entryPoints),
        minify: true,
        legalComments: "none",
        metafile: true,
        conditions: ["production"],
      }),
    ),
  );
  return Object.assign({}, ...results.map((result) => result.metafile.outputs));
}

const ENTRIES = new Set(["src/kit.ts", "src/site.ts", "src/embed.ts", "src/css/kit.css", "src/css/site.css"]);

/** The name in the manifest: that of an entry point, or the file's own for chunks that scripts load themselves. */
function manifestName(file, output) {
  return ENTRIES.has(output.entryPoint) ? path.basename(output.entryPoint).replace(/\.ts$/, ".js") : path.basename(file);
}

async function finish(folder, files) {
  const manifest = { files: {} };
  const sizes = {};
  for (const [name, file] of files) {
    const content = await readFile(path.join(folder, file));
    const brotli = brotliCompressSync(content, { params: { [constants.BROTLI_PARAM_QUALITY]: 11, [constants.BROTLI_PARAM_SIZE_HINT]: content.length } });
    await writeFile(path.join(folder, `${file}.br`), brotli);
    await writeFile(path.join(folder, `${file}.gz`), gzipSync(content, { level: 9 }));
    const integrity = `sha384-${createHash("sha384").update(content).digest("base64")}`;
    manifest.files[name] = { name: file, type: TYPES[path.extname(file)], integrity };
    sizes[name] = brotli.length;
    console.log(`${name.padEnd(22)} ${String(content.length).padStart(7)} bytes, ${String(brotli.length).padStart(6)} compressed`);
  }
  return { manifest, sizes };
}

async function oldFiles() {
  try {
    return Object.values(JSON.parse(await readFile(path.join(out, "manifest.json"), "utf8")).files).map((file) => file.name);
  } catch {
    return []; // nothing was built here before
  }
}

// Puts the new files in place and the manifest last, so that a server started at any moment finds a whole kit. Removes
// only files that an earlier build's manifest names.
async function install(work, manifest) {
  const old = await oldFiles();
  for (const file of await readdir(work)) await rename(path.join(work, file), path.join(out, file));
  await writeFile(path.join(out, "manifest.json.new"), `${JSON.stringify(manifest, null, 1)}\n`);
  await rename(path.join(out, "manifest.json.new"), path.join(out, "manifest.json"));
  const kept = new Set(Object.values(manifest.files).map((file) => file.name));
  for (const name of old.filter((one) => path.basename(one) === one && !kept.has(one))) {
    for (const suffix of ["", ".br", ".gz"]) await rm(path.join(out, name + suffix), { force: true });
  }
  await rmdir(work);
}

async function buildKit() {
  await mkdir(out, { recursive: true });
  const work = await mkdtemp(path.join(out, ".building-"));
  const outputs = await bundle(work);
  const files = Object.entries(outputs).map(([file, output]) => [manifestName(file, output), path.relative(work, path.resolve(here, file))]);
  const icon = await readFile(path.join(here, "src/icon.svg"));
  const iconName = `icon-${createHash("sha256").update(icon).digest("hex").slice(0, 8)}.svg`;
  await writeFile(path.join(work, iconName), icon);
  const { manifest, sizes } = await finish(work, [...files.sort(), ["icon.svg", iconName]]);
  const page = Object.values(outputs).find((output) => output.entryPoint === "src/kit.ts");
  const shared = page.imports.filter((one) => one.kind === "import-statement").map((one) => path.basename(one.path));
  const total = sizes["kit.js"] + sizes["kit.css"] + shared.reduce((sum, name) => sum + (sizes[name] ?? 0), 0);
  console.log(`a demo page's script and style: ${total} bytes compressed in ${2 + shared.length} requests`);
  if (total > PAGE_BUDGET) throw new Error(`a demo page needs ${total} compressed bytes, more than ${PAGE_BUDGET}`);
  if (shared.length > 1) throw new Error(`a demo page needs ${2 + shared.length} requests beside its own`);
  await install(work, manifest);
}

await (process.argv.includes("--tests") ? buildTests() : buildKit());
