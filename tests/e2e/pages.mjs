// Every page of the platform, and what must be published for each of them to show what it can.
import { writeFileSync } from "node:fs";
import path from "node:path";
import { ROOT, demo_address, page_open, publish, repository_make, repository_push, site_sign_in } from "./site.mjs";

async function push_broken(site, name, card_line, app) {
    const folder = await repository_make(site, name, path.join(ROOT, "examples/greeter"));
    writeFileSync(path.join(folder, "README.md"), `---\ntitle: ${name}\n${card_line}\n---\nText.\n`);
    writeFileSync(path.join(folder, "app.lua"), app);
    return repository_push(site, folder, `spaces/vitrine/${name}`);
}

export async function pages_publish(site) {
    await publish(site, "model", "examples/digits/model", "vitrine/digits");
    for (const name of ["digits", "greeter", "ticker", "mandelbrot", "card"]) await publish(site, name, `examples/${name}`);
    for (const name of ["components", "handlers"]) await publish(site, name, `tests/e2e/demos/${name}`);
    await push_broken(site, "broken", "sdk: lua", "local = 3\n");
    await push_broken(site, "elsewhere", "sdk: gradio", "");
}

// [what it is, its address, a text that stands on it without JavaScript, whether only its owner sees it]
export function pages_of(site) {
    const space = (rest) => `${site.origin}/spaces/vitrine/${rest}`;
    return [
        ["gallery", `${site.origin}/`, /Handwritten digits/],
        ["search", `${site.origin}/?q=zebra`, /Nothing found/],
        ["sign-in", `${site.origin}/login`, /User name/],
        ["a used sign-in link", `${site.origin}/login/link?token=used`, /used before or is too old/],
        ["404", `${site.origin}/nothing/here/at/all`, /no such page/],
        ["demo 404", space("nothing"), /no such/],
        ["demo origin 404", `http://vitrine-nothing.localhost:${site.port}/`, /no such demo/],
        ["demo", space("digits"), /one digit/],
        ["static demo", space("card"), /Card/],
        ["code", space("digits/tree/main"), /app\.lua/],
        ["a file", space("digits/blob/main/app.lua"), /ai\.pipeline/],
        ["a picture", space("digits/blob/main/three.png"), /three\.png/],
        ["API", space("greeter/api"), /client\.predict/],
        ["model", `${site.origin}/vitrine/digits`, /convolutional/],
        ["a model's files", `${site.origin}/vitrine/digits/tree/main`, /config\.json/],
        ["broken demo", space("broken"), /Nothing is published here yet/],
        ["demo of another kind", space("elsewhere"), /Nothing is published here yet/],
        ["account", `${site.origin}/settings`, /Access tokens/, true],
        ["its owner's demo", space("digits"), /Settings/, true],
        ["logs", space("digits/logs"), /published/, true],
        ["settings", space("digits/settings"), /Delete this demo/, true],
        ["its owner's broken demo", space("broken"), /app\.lua:1/, true],
        ["its owner's demo of another kind", space("elsewhere"), /cannot run here/, true],
        ["app digits", demo_address(site, "digits"), /Draw one digit/],
        ["app greeter", demo_address(site, "greeter"), /which language shall we greet you/],
        ["app ticker", demo_address(site, "ticker"), /Every tick/],
        ["app mandelbrot", demo_address(site, "mandelbrot"), /Every pixel/],
        ["app card", demo_address(site, "card"), /One page, two files/],
        ["app components", demo_address(site, "components"), /Nothing was sent/],
    ];
}

// A page of a visitor who is signed in as the administrator.
export async function page_signed(site, browser, options) {
    const page = await page_open(browser, "about:blank", options);
    await site_sign_in(site, page);
    return page;
}
