import { Layout } from "../../src/element/layout.ts";

export default class Row extends Layout {}
