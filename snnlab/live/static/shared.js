// What the pictures that live on the page share; it stands before each one's own module.

const f32 = Math.fround;  // a sum or product of two float32, rounded: what a float32 unit computes

// look ---------------------------------------------------------------------------------------------

const COLOURS = ["stage", "text", "dim", "line", "plus", "minus", "spike", "win", "wrong", "ink",
  "cell", "focus"];

/** The page that says which theme is on: in a frame, the page around it, if it may be looked at. */
const outer = () => window.frameElement ? window.parent.document : document;
const THEMES = ["data-jp-theme-light", "data-theme", "data-md-color-scheme", "class"];

/** Whether the page is dark: what JupyterLab, VS Code or the page itself says, else the system. */
const is_dark = () => {
  const { body, documentElement } = outer(), { dataset, classList } = body;
  if (dataset.jpThemeLight) return dataset.jpThemeLight === "false";
  if (dataset.mdColorScheme) return dataset.mdColorScheme === "slate";
  if (classList.contains("vscode-dark") || classList.contains("vscode-light"))
    return classList.contains("vscode-dark");
  const { theme } = documentElement.dataset;
  if (theme === "dark" || theme === "light") return theme === "dark";
  return matchMedia("(prefers-color-scheme: dark)").matches;
};

/** Colours of the present theme, which the style sheet holds. */
const palette = (root) => {
  const dark = is_dark();
  root.classList.toggle("living-dark", dark);
  const style = getComputedStyle(root), out = { dark };
  for (const name of COLOURS) out[name] = style.getPropertyValue(`--living-${name}`).trim();
  return out;
};

// elements -----------------------------------------------------------------------------------------

const ICONS = {
  play: "M4 2.5v11l9-5.5z",
  pause: "M4 2.5h3v11H4zM9 2.5h3v11H9z",
  step: "M3 2.5v11l7-5.5zM11 2.5h2v11h-2z",
  before: "M11 2.5v11l-8-5.5z",
  next: "M5 2.5v11l8-5.5z",
};

const make = (kind, name, attributes = {}, ...inside) => {
  const node = document.createElement(kind);
  if (name) node.className = name;
  for (const [key, value] of Object.entries(attributes)) {
    if (key.startsWith("on")) node.addEventListener(key.slice(2), value);
    else node.setAttribute(key, value);
  }
  node.append(...inside);
  return node;
};

const icon = (name) => {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("viewBox", "0 0 16 16");
  svg.setAttribute("aria-hidden", "true");
  const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
  path.setAttribute("d", ICONS[name]);
  svg.append(path);
  return svg;
};

const button = (name, label, onclick) =>
  make("button", "living-button", { type: "button", "aria-label": label, title: label, onclick },
    ...(ICONS[name] ? [icon(name)] : [name]));

// words --------------------------------------------------------------------------------------------

/** A time in words. */
const in_time = (seconds) => seconds < 1e-3 ? `${+(seconds * 1e6).toPrecision(3)} µs`
  : `${+(seconds * 1e3).toPrecision(3)} ms`;

const plural = (n, what) => `${n.toLocaleString("en")} ${what}${n === 1 ? "" : "s"}`;

