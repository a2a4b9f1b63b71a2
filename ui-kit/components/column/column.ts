import { Layout } from "../../src/element/layout.ts";

export default class Column extends Layout {}
