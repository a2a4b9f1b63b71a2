import { Layout } from "../../src/element/layout.ts";

export default class Group extends Layout {}
