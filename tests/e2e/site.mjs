// The real platform for one test file: started on a free port with a fresh data directory, published to by real git pushes.
import assert from "node:assert/strict";
import { execFile, spawn } from "node:child_process";
import { chmodSync, cpSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { createServer as http_server } from "node:http";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";

export const ROOT = path.resolve(path.dirname(fileURLToPath(import.meta.url)), "../..");
const BIN = process.env.VITRINE_BIN ?? path.join(ROOT, "build/release/bin");
export const FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync"];
const START_LIMIT_MS = 20000;
const STOP_LIMIT_MS = 10000;
const COMMAND_LIMIT_MS = 60000;
const STEP_LIMIT_MS = 10000; // of one step in the browser

function port_free() {
    return new Promise((resolve, reject) => {
        const probe = createServer();
        probe.once("error", reject);
        probe.listen(0, "127.0.0.1", () => {
            const { port } = probe.address();
            probe.close(() => resolve(port));
        });
    });
}

// Runs a program to its end; answers { code, output } and never throws for a failing one.
function command_run(file, args, options = {}) {
    return new Promise((resolve) => {
        execFile(file, args, { timeout: COMMAND_LIMIT_MS, ...options }, (error, out, err) => {
            resolve({ code: error ? (error.code ?? -1) : 0, out, output: out + err });
        });
    });
}

async function command_must(file, args, options) {
    const result = await command_run(file, args, options);
    if (result.code !== 0) throw new Error(`${file} ${args.join(" ")} failed:\n${result.output}`);
    return result.out;
}

async function site_wait(site) {
    const end = Date.now() + START_LIMIT_MS;
    while (Date.now() < end) {
        if (site.ended) break;
        const answer = await fetch(`${site.origin}/readyz`).catch(() => null);
        if (answer?.ok) return;
        await new Promise((done) => setTimeout(done, 100));
    }
    throw new Error(`the platform was not ready in time:\n${site.log.slice(0, 4000)}`);
}

export async function site_start() {
    const port = await port_free();
    const folder = mkdtempSync(path.join(tmpdir(), "e2e-site-"));
    chmodSync(folder, 0o711); // under root the services run as another user, who must pass through here
    const data = path.join(folder, "data");
    const child = spawn(path.join(BIN, "vitrine"), ["serve", "--data", data, "--port", String(port)],
        { stdio: ["ignore", "pipe", "pipe"] });
    const site = { port, folder, data, child, log: "", ended: false, origin: `http://localhost:${port}` };
    for (const stream of [child.stdout, child.stderr]) stream.on("data", (text) => { site.log += text; });
    child.once("exit", () => { site.ended = true; });
    child.once("error", (error) => { site.ended = true; site.log += error.message; });
    try {
        await site_wait(site);
        const env = { ...process.env, VITRINE_DATA: data };
        const vitrine = path.join(BIN, "vitrine");
        await command_must(vitrine, ["user", "add", "vitrine", "--admin"], { env });
        const made = await command_must(vitrine, ["token", "add", "vitrine", "--name", "e2e", "--role", "write"], { env });
        site.token = made.split("\n")[0].trim();
    } catch (error) {
        await site_stop(site);
        throw error;
    }
    return site;
}

export async function site_stop(site) {
    if (!site.ended) {
        const gone = new Promise((resolve) => site.child.once("exit", resolve));
        site.child.kill("SIGTERM");
        const timer = setTimeout(() => site.child.kill("SIGKILL"), STOP_LIMIT_MS);
        await gone;
        clearTimeout(timer);
    }
    rmSync(site.folder, { recursive: true, force: true });
}

// A repository holding a copy of `source`, ready to be changed and pushed.
export async function repository_make(site, name, source) {
    const folder = path.join(site.folder, "work", name);
    mkdirSync(folder, { recursive: true });
    cpSync(source, folder, { recursive: true });
    await command_must("git", ["init", "-q", "-b", "main", folder]);
    return folder;
}

// Commits everything in `folder` and pushes it to `address`; answers { code, output }.
export async function repository_push(site, folder, address) {
    const who = ["-c", "user.name=Ann", "-c", "user.email=ann@example.org"];
    await command_must("git", ["-C", folder, "add", "-A"]);
    await command_must("git", ["-C", folder, ...who, "commit", "-q", "--allow-empty", "-m", "change"]);
    const url = `http://vitrine:${site.token}@localhost:${site.port}/${address}`;
    return command_run("git", ["-C", folder, "push", "--force", url, "main"],
        { env: { ...process.env, GIT_TERMINAL_PROMPT: "0" } });
}

// Publishes a copy of the folder `source` (from the repository's root) and answers that copy's place.
export async function publish(site, name, source, address = `spaces/vitrine/${name}`) {
    const folder = await repository_make(site, name, path.join(ROOT, source));
    const pushed = await repository_push(site, folder, address);
    assert.equal(pushed.code, 0, pushed.output);
    return folder;
}

// A demo's own origin, as browsers reach it.
export function demo_address(site, name) {
    return `http://vitrine-${name}.localhost:${site.port}/`;
}

// Signs a browser context in as the administrator, by a link that works once.
export async function site_sign_in(site, page) {
    const env = { ...process.env, VITRINE_DATA: site.data };
    const text = await command_must(path.join(BIN, "vitrine"), ["user", "link", "vitrine"], { env });
    await page.goto(text.match(/http\S+/)[0]);
}

// Another site: serves the HTML that `pages` names by path. On 127.0.0.1, which browsers hold for a stranger to localhost.
export async function stranger_start(pages, host = "127.0.0.1") {
    const server = http_server((request, answer) => {
        const html = pages[new URL(request.url, "http://x").pathname];
        answer.writeHead(html === undefined ? 404 : 200, { "Content-Type": "text/html; charset=utf-8" });
        answer.end(html === undefined ? "nothing" : `<!doctype html><html lang="en"><title>Elsewhere</title><body>${html}`);
    });
    await new Promise((done) => server.listen(0, "127.0.0.1", done));
    const origin = `http://${host}:${server.address().port}`;
    return { pages, origin, stop: () => new Promise((done) => { server.closeAllConnections(); server.close(done); }) };
}

// Whether the browser asks somebody else than this machine.
function is_foreign(address) {
    if (/^(data|blob|about|chrome-error):/.test(address)) return false;
    const { hostname } = new URL(address);
    return hostname !== "localhost" && !hostname.endsWith(".localhost") && hostname !== "127.0.0.1";
}

// A page in a context of its own. What it throws and what it asks of strangers fails the test in page_close.
export async function page_open(browser, address, options = {}) {
    const context = await browser.newContext(options);
    const page = await context.newPage();
    page_watch(page);
    await page.goto(address);
    return page;
}

export function page_watch(page) {
    page.setDefaultTimeout(STEP_LIMIT_MS);
    page.troubles = [];
    page.on("pageerror", (error) => page.troubles.push(String(error)));
    page.on("request", (request) => { if (is_foreign(request.url())) page.troubles.push(request.url()); });
}

export async function page_close(page) {
    assert.deepEqual(page.troubles, []);
    await page.context().close();
}

export async function browser_start() {
    const require = createRequire(path.join(ROOT, "ops/npm/test/package.json"));
    const { chromium } = require("playwright-core");
    return chromium.launch({ executablePath: "/usr/bin/chromium", headless: true, args: FLAGS });
}
