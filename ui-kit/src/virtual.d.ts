// build.mjs makes this module from the folders of components/: each <name>/<name>.ts is the element vt-<name>.
declare module "virtual:components" {
  export const components: [string, CustomElementConstructor][];
}
