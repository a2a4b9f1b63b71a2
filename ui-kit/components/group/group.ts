// All of a group is style (src/css/kit.css); the element only registers, so that handlers can hide and show it.
import { Layout } from "../../src/element/layout.ts";

export default class Group extends Layout {}
