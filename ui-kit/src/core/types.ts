// What travels: the shapes of /config and of values, as the browser side reads them.
export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

export type Props = Record<string, unknown>;

export interface FileData {
  path: string;
  url?: string | null;
  size?: number | null;
  orig_name?: string | null;
  mime_type?: string | null;
  meta?: { _type: "gradio.FileData" };
}

export interface Component {
  id: number;
  type: string;
  props: Props;
}

export interface Dependency {
  id: number;
  api_name?: string | null | false;
  inputs: number[];
  outputs: number[];
  targets?: [number | null, string][];
  queue?: boolean | null;
  backend_fn?: boolean;
  cancels?: number[];
  trigger_after?: number | null;
  trigger_only_on_success?: boolean;
  trigger_only_on_failure?: boolean;
  trigger_mode?: "once" | "multiple" | "always_last" | null;
  show_progress?: "full" | "minimal" | "hidden";
  show_progress_on?: number[] | null;
  scroll_to_output?: boolean;
  parameter_names?: string[];
}

export interface Config {
  components: Component[];
  dependencies: Dependency[];
  api_prefix?: string;
  max_file_size?: number | null;
  title?: string;
}

export interface ProgressItem {
  index: number | null;
  length: number | null;
  unit: string | null;
  progress: number | null;
  desc: string | null;
}

export interface Toast {
  level: "info" | "warning" | "success" | "error";
  title: string;
  text: string;
  seconds: number | null;
  /** The dependency whose error it is: its next run takes the message away. */
  from?: number;
}

/** How a call ended. */
export type Outcome =
  | { kind: "success" }
  | { kind: "cancelled" }
  | { kind: "error"; message: string; title: string; seconds: number | null; visible: boolean }
  | { kind: "invalid"; problems: Problem[] };

export interface Problem {
  message: string;
  position: number | null;
  parameter: string | null;
}

export function isFileData(value: unknown): value is FileData {
  return typeof value === "object" && value !== null && typeof (value as FileData).path === "string";
}
