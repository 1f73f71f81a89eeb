// A leaky neuron as a bucket: spikes open a tap, the level rises and leaks away, at the rim it tips.
// Input spikes, weight and threshold are dragged in the picture. `shared.js` stands before it; it
// runs as a widget (`snnlab.live.LeakyBucket`), and on a page without a kernel.
//
//   1. neuron    its run, in float32, as the kernel computes it
//   2. parts     scales, shapes, sound
//   3. Bucket    what is on the page, mouse and keyboard, play
//   4. doors     widget and page

// 1. neuron ---------------------------------------------------------------------------------------

/**
 * Run the neuron: potential `v` and current `flow` by step, `fired` steps.
 *
 * `spec` has `n_steps` and `dt`; `set` has `spikes` (steps), `weight`, `v_th`, `tau_mem`, `tau_syn`,
 * `reset`. The order of every sum is the kernel's.
 */
export const run = (spec, set) => {
  const T = spec.n_steps, v = new Float32Array(T), flow = new Float32Array(T), fired = [];
  const a = f32(Math.exp(-spec.dt / set.tau_syn)), b = f32(Math.exp(-spec.dt / set.tau_mem));
  const w = f32(set.weight), theta = f32(set.v_th), arrives = new Set(set.spikes);
  let current = 0, rest = 0;
  for (let t = 0; t < T; t++) {
    if (arrives.has(t)) current = f32(current + w);
    flow[t] = current;
    v[t] = f32(rest + current);
    current = f32(a * current);
    rest = f32(b * v[t]);
    if (v[t] > theta) {
      fired.push(t);
      rest = set.reset === "zero" ? 0 : f32(rest - theta);
    }
  }
  return { v, flow, fired };
};

// 2. parts ----------------------------------------------------------------------------------------

const HIGH = 318, LOW = 240;  // pixels of the picture, and of a narrow one
const NARROW = 600;  // pixels of width
const LANE = [8, 54];  // from top to bottom: input spikes, current, membrane
const CURRENT = [66, 104];
const MEMBRANE = 122, FOOT = 34;  // its top, and how far above the end of the picture it ends
const LADDER = [0.25, 0.5, 1, 1.6, 2.2, 3, 4, 5.5, 7.5, 10, 14, 20, 28, 40, 60];
const STEP = { slow: 420, normal: 190, fast: 75 };  // ms
const PAUSE = 900;  // ms before it is played again
const AWAY = 34;  // pixels out of its lane, where a spike is let go
const RAIN = {
  "one spike": [2],
  "two spikes": [2, 4],
  "two, far apart": [2, 8],
  "six in a row": [2, 4, 6, 8, 10, 12],
  "six far apart": [1, 8, 15, 22, 29, 36],
  "six close together": [2, 3, 4, 5, 6, 7],
};

const clamp = (x, low, high) => Math.min(high, Math.max(low, x));
const ladder = (x) => LADDER.find((step) => step >= x) || x;
const between = (p, q, u) => p + (q - p) * u;
const two = (x) => (Math.abs(x) < 0.005 ? 0 : x).toFixed(2).replace("-", "−");

const shape = (kind, name, attributes = {}, ...inside) => {
  const node = document.createElementNS("http://www.w3.org/2000/svg", kind);
  if (name) node.setAttribute("class", name);
  put(node, attributes);
  node.append(...inside);
  return node;
};

const put = (node, attributes) => {
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
};

/** Clicks: low and soft for input spikes, high for output spikes. */
class Sound {
  constructor() {
    this.on = false;
    this.clicks = { in: 0, out: 0 };
  }

  turn(on) {
    this.on = on;
    if (!on) return;
    this.context ||= new AudioContext();
    this.context.resume();
  }

  click(kind) {
    if (!this.on) return;
    this.clicks[kind] += 1;
    const { context } = this, now = context.currentTime, long = kind === "out" ? 0.05 : 0.025;
    const tone = new OscillatorNode(context, { type: kind === "out" ? "square" : "sine",
      frequency: kind === "out" ? 1400 : 420 });
    const loud = new GainNode(context, { gain: kind === "out" ? 0.16 : 0.1 });
    loud.gain.exponentialRampToValueAtTime(1e-4, now + long);
    tone.connect(loud).connect(context.destination);
    tone.start(now);
    tone.stop(now + long);
  }
}

// 3. Bucket ---------------------------------------------------------------------------------------

/** The picture with its controls, in one element of a page. */
class Bucket {
  constructor(root, { spec, setting, changed }) {
    Object.assign(this, { root, spec, first: setting, changed, time: 0, playing: false,
      visible: true, held: 0, lead: 0, drops: [], sound: new Sound(), undo: [], frozen: null });
    this.set = { ...setting, spikes: [...setting.spikes] };
    this.calm_query = matchMedia("(prefers-reduced-motion: reduce)");
    this.build();
    this.watch();
    this.resize();
    this.renew();
    if (this.calm_query.matches) this.go(spec.n_steps);
    else this.play();
  }

  // what is on the page

  build() {
    const { root } = this;
    root.classList.add("bucket");
    root.setAttribute("role", "group");
    root.setAttribute("aria-label", "A leaky neuron as a bucket that fills, leaks and tips");
    this.told = make("div", "bucket-told");
    this.now = make("div", "bucket-now", { "aria-hidden": "true" });
    this.stage = shape("svg", "bucket-stage", { role: "group", "aria-label":
      "Picture of the bucket beside its level over time; what can be dragged has the arrow keys" });
    this.said = make("div", "living-said", { role: "status" });
    this.bar = make("div", "living-bar");
    this.build_picture();
    this.build_controls();
    root.replaceChildren(make("div", "living-top", {}, this.told, this.now), this.stage, this.bar,
      this.said);
    for (const node of root.querySelectorAll("button, input, select, [tabindex]"))
      node.setAttribute("data-lm-suppress-shortcuts", "true");
  }

  build_picture() {
    const add = (kind, name, attributes) => {
      const node = shape(kind, name, attributes);
      this.stage.append(node);
      return node;
    };
    this.lane = add("rect", "bucket-lane", { rx: 4 });
    this.axis = add("path", "bucket-axis");
    this.texts = add("g");
    this.flow = add("path", "bucket-current");
    this.curve = add("path", "bucket-membrane");
    this.dots = add("path", "bucket-dots");
    this.theta = add("line", "bucket-theta");
    this.out = add("path", "bucket-out");
    this.outs = add("path", "bucket-outs");
    this.plot = add("rect", "bucket-plot");
    this.theta_hit = add("line", "bucket-hit");
    this.head = add("line", "bucket-head");
    this.pipe = add("path", "bucket-pipe");
    this.stream = add("path", "bucket-stream");
    this.suck = add("path", "bucket-suck");
    this.below = add("path", "bucket-below");
    this.tilted = add("g");
    this.water = shape("path", "bucket-water");
    this.over = shape("path", "bucket-over");
    this.wall = shape("path", "bucket-wall");
    this.tilted.append(this.water, this.over, this.wall);
    this.drips = add("g", "bucket-drip");
    for (let k = 0; k < 3; k++) this.drips.append(shape("circle", "", { r: 2.4 }));
    this.token = add("circle", "bucket-token", { r: 5 });
    this.thrown = add("circle", "bucket-thrown", { r: 6 });
    this.rain = add("g");
    this.weight = this.knob("weight", "weight", () => 100);
    this.rim = this.knob("v_th", "threshold", () => this.y.unit);
  }

  /** A handle in the picture that is dragged up and down: a slider to the keyboard. */
  knob(name, label, unit) {
    const [low, high, step] = this.spec.ranges[name];
    const node = shape("g", "bucket-handle bucket-up", { tabindex: 0, role: "slider",
      "aria-label": label, "aria-orientation": "vertical", "aria-valuemin": low,
      "aria-valuemax": high });
    node.append(shape("circle", "bucket-touch", { r: 18 }), shape("circle", "bucket-ring",
      { r: 15 }), shape("circle", name === "weight" ? "bucket-drop" : "bucket-knob", { r: 7 }),
    shape("path", "bucket-arrows"), shape("text", "bucket-value"));
    this.stage.append(node);
    const round = (x) => clamp(Math.round(x / step) * step, low, high);
    const drag = (e) => {
      const from = { y: e.clientY, value: this.set[name], unit: unit() };
      this.frozen = this.y;
      this.follow(e, node, (now) => {
        this.change({ [name]: round(from.value + (from.y - now.clientY) / from.unit) });
      }, () => { this.frozen = null; this.renew(); });
    };
    node.addEventListener("pointerdown", drag);
    if (name === "v_th") this.theta_hit.addEventListener("pointerdown", (e) => {
      node.focus({ preventScroll: true });
      drag(e);
    });
    node.addEventListener("keydown", (e) => {
      const by = { ArrowUp: step, ArrowRight: step, ArrowDown: -step, ArrowLeft: -step,
        PageUp: 10 * step, PageDown: -10 * step }[e.key];
      if (e.key === "Home") this.change({ [name]: low });
      else if (e.key === "End") this.change({ [name]: high });
      else if (by) this.change({ [name]: round(this.set[name] + by) });
      else return;
      e.preventDefault();
      e.stopPropagation();
    });
    return node;
  }

  /** Follow the pointer from where it was pressed until it is let go. */
  follow(e, node, move, end = () => {}) {
    e.preventDefault();
    e.stopPropagation();
    node.focus?.({ preventScroll: true });
    const target = this.stage;
    target.setPointerCapture(e.pointerId);
    const stop = () => {
      target.removeEventListener("pointermove", move);
      for (const name of ["pointerup", "pointercancel"]) target.removeEventListener(name, stop);
      end();
    };
    target.addEventListener("pointermove", move);
    for (const name of ["pointerup", "pointercancel"]) target.addEventListener(name, stop);
  }

  build_controls() {
    const { spec } = this, T = spec.n_steps;
    this.play_button = button("play", "Play", () => this.toggle());
    this.step_button = button("step", "One step", () => {
      this.pause();
      this.go(this.time >= T ? 0 : Math.floor(this.time) + 1, true);
    });
    this.scrub = make("input", "living-scrub", { type: "range", min: 0, max: 10 * T, step: 1,
      "aria-label": "Time", oninput: () => {
        this.pause();
        this.go(this.scrub.value / 10);
      } });
    const menu = (label, options, act) => {
      const node = make("select", "living-speed", { "aria-label": label, title: label },
        ...options.map((name) => make("option", "", {}, name)));
      node.addEventListener("change", () => act(node.value));
      return node;
    };
    this.speed = menu("Speed", Object.keys(STEP), () => {});
    this.speed.value = "normal";
    this.examples = menu("Input spikes", ["input …", ...Object.keys(RAIN)], (name) => {
      if (RAIN[name]) this.change({ spikes: [...RAIN[name]] });
    });
    const add = make("button", "living-button", { type: "button", title:
      "One more input spike; or click in their row", onclick: () => this.one_more() }, "+ spike");
    this.reset = menu("Reset of the neuron", ["subtract", "to zero"], (name) =>
      this.change({ reset: name === "to zero" ? "zero" : "subtract" }));
    this.taus = Object.fromEntries([["tau_mem", "membrane τ"], ["tau_syn", "synapse τ"]].map(
      ([name, label]) => [name, this.slider(name, label)]));
    this.sound_button = make("button", "living-button", { type: "button", "aria-pressed": "false",
      title: "Every spike a click: low ones come in, high ones go out",
      onclick: () => this.hear(!this.sound.on) }, "Sound off");
    const back = make("button", "living-button", { type: "button", title: "As it was at first",
      onclick: () => this.change({ ...this.first, spikes: [...this.first.spikes] }) }, "Start over");
    const reset = make("label", "living-factor", {}, make("span", "", {}, "reset"), this.reset);
    this.bar.append(this.play_button, this.step_button, this.scrub, this.speed, this.sound_button,
      this.examples, add, this.taus.tau_mem.box, this.taus.tau_syn.box, reset, back);
  }

  slider(name, label) {
    const [low, high, step] = this.spec.ranges.tau;
    const input = make("input", "", { type: "range", min: low, max: high, step,
      "aria-label": label, oninput: () => this.change({ [name]: input.value * 1e-6 }) });
    const shown = make("output", "");
    return { box: make("label", "living-factor", {}, make("span", "", {}, label), input, shown),
      show: (x) => {
        input.value = x * 1e6;
        shown.textContent = in_time(x);
        input.setAttribute("aria-valuetext", shown.textContent);
      } };
  }

  watch() {
    const on = (target, name, act) => {
      target.addEventListener(name, act);
      this.undo.push(() => target.removeEventListener(name, act));
    };
    const sizes = new ResizeObserver(() => this.resize());
    sizes.observe(this.root);
    const seen = new IntersectionObserver((entries) => {
      this.visible = entries[entries.length - 1].isIntersecting;
      this.wake();
    });
    seen.observe(this.root);
    const themes = new MutationObserver(() => palette(this.root));
    for (const node of [outer().documentElement, outer().body])
      themes.observe(node, { attributes: true, attributeFilter: THEMES });
    this.undo.push(() => [sizes, seen, themes].forEach((observer) => observer.disconnect()));
    on(matchMedia("(prefers-color-scheme: dark)"), "change", () => palette(this.root));
    palette(this.root);
    on(this.lane, "pointerdown", (e) => {
      const drop = this.add_spike(this.step_at(e));
      if (drop) this.drag_spike(e, drop);
    });
    on(this.plot, "pointerdown", (e) => {
      const drag = (now) => {
        this.pause();
        this.go(clamp((this.inside(now) - this.x(0)) / this.x.unit, 0, this.spec.n_steps));
      };
      drag(e);
      this.follow(e, this.scrub, drag);
    });
  }

  // input spikes

  inside(e) {
    return e.clientX - this.stage.getBoundingClientRect().left;
  }

  step_at(e) {
    const step = Math.round((this.inside(e) - this.x(0)) / this.x.unit);
    return clamp(step, 0, this.spec.n_steps - 1);
  }

  one_more() {
    const { spikes } = this.set, T = this.spec.n_steps;
    const last = spikes.length ? Math.max(...spikes) : 0;
    for (let k = 0; k < T; k++) {
      const step = (last + 2 + k) % T;
      if (!spikes.includes(step)) return this.add_spike(step).node.focus();
    }
  }

  add_spike(step) {
    if (this.set.spikes.includes(step)) return this.drops.find((drop) => drop.step === step);
    this.change({ spikes: [...this.set.spikes, step] });
    return this.drops.find((drop) => drop.step === step);
  }

  remove_spike(drop) {
    const k = this.drops.indexOf(drop);
    this.change({ spikes: this.set.spikes.filter((step) => step !== drop.step) });
    (this.drops[Math.min(k, this.drops.length - 1)]?.node || this.play_button).focus();
  }

  move_spike(drop, step) {
    if (step === drop.step || this.set.spikes.includes(step)) return;
    const spikes = this.set.spikes.map((s) => (s === drop.step ? step : s));
    drop.step = step;
    this.change({ spikes });
  }

  drag_spike(e, drop) {
    let leaving = false;
    this.follow(e, drop.node, (now) => {
      const y = now.clientY - this.stage.getBoundingClientRect().top;
      leaving = y < LANE[0] - AWAY || y > LANE[1] + AWAY;
      drop.node.classList.toggle("bucket-leaving", leaving);
      this.move_spike(drop, this.step_at(now));
    }, () => leaving && this.remove_spike(drop));
  }

  /** A handle of one input spike. */
  new_drop(step) {
    const node = shape("g", "bucket-handle bucket-side bucket-spike", { tabindex: 0,
      role: "slider", "aria-label": "input spike, Delete takes it away", "aria-valuemin": 0,
      "aria-valuemax": this.spec.n_steps - 1, "data-lm-suppress-shortcuts": "true" });
    node.append(shape("rect", "bucket-touch", { x: -8, width: 16, y: LANE[0],
      height: LANE[1] - LANE[0] }), shape("circle", "bucket-ring"), shape("line"),
    shape("circle", "", { r: 4.5 }));
    const drop = { step, node };
    node.addEventListener("pointerdown", (e) => this.drag_spike(e, drop));
    node.addEventListener("dblclick", () => this.remove_spike(drop));
    node.addEventListener("keydown", (e) => {
      const by = { ArrowLeft: -1, ArrowDown: -1, ArrowRight: 1, ArrowUp: 1 }[e.key];
      if (e.key === "Delete" || e.key === "Backspace") this.remove_spike(drop);
      else if (by) {
        let to = drop.step + by;
        while (this.set.spikes.includes(to)) to += by;
        if (to >= 0 && to < this.spec.n_steps) this.move_spike(drop, to);
      } else return;
      e.preventDefault();
      e.stopPropagation();
    });
    return drop;
  }

  place_drops() {
    const { spikes, weight } = this.set;
    const gone = this.drops.filter((drop) => !spikes.includes(drop.step));
    for (const drop of gone) drop.node.remove();
    this.drops = this.drops.filter((drop) => spikes.includes(drop.step));
    for (const step of spikes)
      if (!this.drops.some((drop) => drop.step === step)) this.drops.push(this.new_drop(step));
    this.drops.sort((p, q) => p.step - q.step);
    const foot = LANE[1] - 5, top = foot - 8 - 22 * Math.min(1, Math.abs(weight) / 1.5);
    for (const [k, { step, node }] of this.drops.entries()) {
      const [, ring, line, tip] = node.children;
      put(node, { transform: `translate(${this.x(step)} 0)`, "aria-valuenow": step,
        "aria-valuetext": `step ${step}, ${in_time(step * this.spec.dt)}` });
      node.classList.toggle("bucket-minus", weight < 0);
      put(line, { y1: foot, y2: top });
      put(tip, { cy: top });
      put(ring, { cy: top, r: 9 });
      // in the order of time, without moving the one that has the focus
      const next = this.rain.children[k];
      if (next !== node && node !== document.activeElement) this.rain.insertBefore(node, next);
    }
  }

  // settings

  change(parts) {
    if (parts.spikes) {
      const places = new Set(parts.spikes.filter((s) => s >= 0 && s < this.spec.n_steps));
      parts = { ...parts, spikes: [...places].sort((p, q) => p - q) };
    }
    Object.assign(this.set, parts);
    this.renew();
    clearTimeout(this.telling);
    this.telling = setTimeout(() => this.changed?.({ ...this.set }), 120);
  }

  /** Settings from outside. */
  given(setting) {
    this.set = { ...setting, spikes: [...setting.spikes] };
    this.renew();
  }

  renew() {
    this.trace = run(this.spec, this.set);
    if (!this.W) return;  // not on the page yet
    this.rescale();
    this.place_drops();
    this.paint();
    this.tell();
    this.taus.tau_mem.show(this.set.tau_mem);
    this.taus.tau_syn.show(this.set.tau_syn);
    this.reset.value = this.set.reset === "zero" ? "to zero" : "subtract";
    const same = (name) => RAIN[name].join() === this.set.spikes.join();
    this.examples.value = Object.keys(RAIN).find(same) || "input …";
    this.go(this.time);
  }

  // sizes

  resize() {
    const W = Math.floor(this.root.clientWidth) - 18;
    if (W < 100 || this.W === W) return;
    this.W = W;
    this.narrow = W < NARROW;
    this.root.classList.toggle("bucket-narrow", this.narrow);
    const high = this.narrow ? LOW : HIGH;
    this.foot = high - FOOT;
    put(this.stage, { viewBox: `0 0 ${W} ${high}`, height: high });
    const left = Math.round(clamp(0.31 * W, 118, 300)), from = left + (this.narrow ? 24 : 46);
    this.x = (t) => from + t * this.x.unit;
    this.x.unit = (W - 14 - from) / this.spec.n_steps;
    this.middle = left * 0.58;
    this.half = Math.min(62, left * 0.3);  // of the bucket, at its floor
    if (this.trace) this.renew();
  }

  rescale() {
    if (this.frozen) return;
    const { v } = this.trace, top = ladder(Math.max(1.35 * this.set.v_th, ...v));
    const low = Math.min(...v), foot = low < -0.02 ? ladder(-low) : 0;
    const unit = (this.foot - MEMBRANE) / (top + foot);
    this.y = (x) => MEMBRANE + (top - x) * unit;
    Object.assign(this.y, { unit, top, foot });
  }

  // painting: what follows the setting, and what follows time

  paint() {
    const { spec, set, trace, x, y } = this, T = spec.n_steps;
    const right = x(T);
    put(this.lane, { x: x(0) - 10, y: LANE[0], width: right - x(0) + 14,
      height: LANE[1] - LANE[0] });
    put(this.plot, { x: x(0), y: CURRENT[0] - 4, width: right - x(0),
      height: this.foot - CURRENT[0] + 24 });
    const most = ladder(Math.max(0.25, ...trace.flow.map(Math.abs)));
    const zero = Math.min(...trace.flow) < 0 ? (CURRENT[0] + CURRENT[1]) / 2 : CURRENT[1];
    const tall = (zero - CURRENT[0]) / most;
    const area = [...trace.flow].map((i, t) => `L${x(t)} ${zero - i * tall}`);
    put(this.flow, { d: `M${x(0)} ${zero}${area.join("")}L${x(T - 1)} ${zero}` });
    let line = "", dots = "", out = "", outs = "";
    const star = Math.max(y(y.top), y(set.v_th) - 40);
    for (let t = 0; t < T; t++) {
      const at = x(t), up = y(trace.v[t]);
      line += `${t ? "L" : "M"}${at} ${up}`;
      dots += `M${at - 2} ${up}a2 2 0 1 0 4 0a2 2 0 1 0 -4 0`;
      if (!trace.fired.includes(t)) continue;
      line += `L${at} ${y(this.after(t))}`;
      out += `M${at} ${y(set.v_th)}V${star}`;
      outs += `M${at} ${star - 5}l5 5l-5 5l-5 -5z`;
    }
    put(this.curve, { d: line });
    put(this.dots, { d: dots });
    put(this.out, { d: out });
    put(this.outs, { d: outs });
    const rim = y(set.v_th), [a, b] = [this.middle + this.half + 12, right];
    for (const node of [this.theta, this.theta_hit]) put(node, { x1: a, x2: b, y1: rim, y2: rim });
    let axis = `M${x(0)} ${CURRENT[0]}V${this.foot}M${x(0)} ${y(0)}H${right}M${x(0)} ${zero}` +
      `H${right}M${x(0)} ${this.foot}H${right}`;
    for (let t = 0; t < T; t += 5) axis += `M${x(t)} ${this.foot}v4`;
    put(this.axis, { d: axis });
    this.write();
    this.paint_bucket();
    this.paint_knobs();
  }

  after(t) {
    return this.set.reset === "zero" ? 0 : this.trace.v[t] - this.set.v_th;
  }

  write() {
    const { spec, set, x, y, narrow } = this, T = spec.n_steps;
    const words = [
      [x(0) - 3, this.foot + 15, "0", "middle"],
      [x(T), this.foot + 15, in_time(T * spec.dt), "end"],
      [(x(0) + x(T)) / 2, this.foot + 15, "time", "middle"],
      [x(T) - 2, CURRENT[0] + 8, narrow ? "current" : "current (the stream)", "end"],
      [x(T) - 2, MEMBRANE - 4, narrow ? "level" : "membrane potential (the level)", "end"],
    ];
    const hint = narrow ? "input" : "input spikes: drag, click to add, drag out to remove";
    if (Math.max(...set.spikes) < T * (narrow ? 0.7 : 0.42))
      words.push([x(T) - 2, LANE[0] + 12, hint, "end"]);
    if (!narrow) {
      words.push([x(0) - 5, y(0) + 4, "0", "end"]);
      if (y.top >= 1 && Math.abs(set.v_th - 1) * y.unit > 9) words.push([x(0) - 5, y(1) + 4, "1", "end"]);
    }
    this.texts.replaceChildren(...words.map(([px, py, text, anchor]) =>
      shape("text", "", { x: px, y: py, "text-anchor": anchor }, text)));
  }

  /** Half of the bucket's width at a level. */
  width(level) {
    return this.half + 14 * clamp(level / this.set.v_th, 0, 1.2);
  }

  paint_bucket() {
    const { y, set, middle: m } = this, [floor, rim] = [y(0), y(set.v_th)];
    const low = this.width(0), top = this.width(set.v_th);
    // walls, a hole in the middle of the floor as wide as the membrane leaks fast, a lip
    const hole = clamp(2 + 16 * (1 - Math.exp(-this.spec.dt / set.tau_mem)), 2, 18);
    put(this.wall, { d: `M${m - top} ${rim}L${m - low} ${floor}H${m - hole}M${m + hole} ${floor}` +
      `H${m + low}L${m + top} ${rim}l9 -5` });
    this.hole = hole;
    put(this.pipe, { d: `M0 ${LANE[0] + 23}H${m}V${LANE[1] + 4}` });
  }

  paint_knobs() {
    const { y, set, middle: m } = this;
    const [, ring, dot, arrows, text] = this.weight.children;
    const r = 4 + 8 * Math.sqrt(Math.abs(set.weight));
    put(this.weight, { transform: `translate(${m} ${LANE[0] + 23})`,
      "aria-valuenow": set.weight.toFixed(2), "aria-valuetext": two(set.weight) });
    this.weight.classList.toggle("bucket-minus", set.weight < 0);
    put(dot, { r });
    put(ring, { r: r + 4 });
    put(arrows, { d: `M${r + 9} -3l4 -5l4 5M${r + 9} 3l4 5l4 -5` });
    put(text, { x: r + 22, y: 4 });
    text.textContent = this.narrow ? two(set.weight) : `weight ${two(set.weight)}`;
    const left = m - this.width(set.v_th), knob = this.rim;
    put(knob, { transform: `translate(${left} ${y(set.v_th)})`,
      "aria-valuenow": set.v_th.toFixed(2), "aria-valuetext": two(set.v_th) });
    put(knob.children[3], { d: "M-20 -3l4 -5l4 5M-20 3l4 5l4 -5" });
    put(knob.children[1], { r: 11 });
    put(knob.children[4], { x: Math.max(4 - left, -52), y: -15 });
    knob.children[4].textContent = this.narrow ? two(set.v_th) : `threshold ${two(set.v_th)}`;
  }

  /** Level, current and tilt at a point in time between two steps. */
  at(time) {
    const { v, flow, fired } = this.trace, T = this.spec.n_steps;
    const t = Math.min(T - 1, Math.floor(time)), u = time - t, next = Math.min(T - 1, t + 1);
    const tips = fired.includes(t) && u < 1, turned = 0.45;
    let from = v[t], part = u;
    if (tips) {
      from = u < turned ? between(v[t], this.after(t), u / turned) : this.after(t);
      part = u < turned ? 0 : (u - turned) / (1 - turned);
    }
    const ease = part * part * (3 - 2 * part);
    return { step: t, level: u >= 1 ? v[t] : between(from, v[next], ease),
      current: u < 0.5 ? flow[t] : between(flow[t], flow[next], 2 * u - 1),
      thrown: tips && u < 0.9 ? u / 0.9 : null,
      tilt: tips && u < turned ? Math.sin((Math.PI * u) / turned) : 0 };
  }

  go(time, heard = false) {
    const before = Math.floor(this.time + 1e-9);
    this.time = time;
    const step = Math.floor(time + 1e-9);
    if (heard && step !== before) {
      if (this.set.spikes.includes(step)) this.sound.click("in");
      if (this.trace.fired.includes(step)) this.sound.click("out");
    }
    if (!this.W) return;
    this.scrub.value = Math.round(10 * time);
    this.scrub.setAttribute("aria-valuetext", in_time(time * this.spec.dt));
    this.move();
  }

  move() {
    const { y, set, spec, middle: m } = this, calm = this.calm_query.matches;
    const { step, level, current, thrown, tilt } = this.at(this.time);
    const rim = y(set.v_th), floor = y(0);
    const at = this.x(Math.min(this.time, spec.n_steps));
    put(this.head, { x1: at, x2: at, y1: LANE[0], y2: this.foot });
    const full = clamp(level, 0, set.v_th), [low, top] = [this.width(0), this.width(full)];
    put(this.water, { d: level > 0 ? `M${m - low} ${floor}L${m - top} ${y(full)}H${m + top}` +
      `L${m + low} ${floor}z` : "" });
    const wide = this.width(set.v_th), heap = Math.min(y(full) - y(level), 60);
    put(this.over, { d: level > set.v_th ? `M${m - wide} ${rim}Q${m} ${rim - 2 * heap} ${m + wide}` +
      ` ${rim}z` : "" });
    put(this.below, { d: level < -0.005 ? `M${m - low} ${floor}V${y(level)}H${m + low}V${floor}` : "" });
    put(this.tilted, { transform: calm ? "" : `rotate(${(this.narrow ? 14 : 26) * tilt} ${m + this.width(0)} ${floor})` });
    this.move_water(level, current);
    put(this.token, this.coming());
    put(this.thrown, thrown === null || calm ? { r: 0 } : { r: 6, cx: m + wide + 12 + 80 * thrown,
      cy: rim - 4 - 30 * Math.sin(Math.PI * thrown), opacity: 1 - thrown });
    this.now.textContent = `step ${step}: current ${two(this.trace.flow[step])}, ` +
      `level ${two(this.trace.v[step])}${this.trace.fired.includes(step) ? ", fires" : ""}`;
  }

  /** The stream of the current, from the tap to the water, and what leaks. */
  move_water(level, current) {
    const { y, middle: m } = this, top = LANE[1] + 4, foot = y(Math.max(0, level));
    const w = Math.min(this.half * 0.8, 14 * Math.abs(current));
    const shows = Math.abs(current) > 0.004;
    put(this.stream, { d: shows && current > 0 ? `M${m - w} ${top}H${m + w}V${foot}H${m - w}z` : "" });
    put(this.suck, { d: shows && current < 0 ? `M${m} ${foot}V${top}M${m - 6} ${top + 8}` +
      `L${m} ${top}L${m + 6} ${top + 8}` : "", "stroke-width": 1.5 + w / 3,
      "stroke-dashoffset": this.time * 20 });
    [...this.drips.children].forEach((drip, k) => {
      const u = (this.time * 0.8 + k / 3) % 1;
      put(drip, { cx: m + (k - 1) * this.hole * 0.5, cy: y(0) + 5 + 22 * u,
        opacity: clamp(level / this.set.v_th, 0, 1) * (1 - u) });
    });
  }

  /** The next input spike on its way along the pipe. */
  coming() {
    const next = this.set.spikes.find((s) => s > this.time && s - this.time <= 1);
    if (next === undefined || this.calm_query.matches) return { r: 0 };
    const u = 1 - (next - this.time);
    return { r: 5, cx: this.middle * u, cy: LANE[0] + 23 };
  }

  // in words

  tell() {
    const { trace, set, spec } = this, n = trace.fired.length;
    const when = trace.fired.slice(0, 3).map((t) => (t * spec.dt * 1e6).toFixed(1)).join(", ");
    const top = trace.v.indexOf(Math.max(...trace.v));
    const came = plural(set.spikes.length, "input spike");
    const fires = n ? `${plural(n, "output spike")}` : "it does not fire";
    const rest = n ? ` at ${when}${n > 3 ? " …" : ""} µs` :
      `: the level peaks at ${two(trace.v[top])}, the rim is at ${two(set.v_th)}`;
    this.told.replaceChildren(`${came}: `, n ? make("strong", "", {}, fires) : fires, rest);
    clearTimeout(this.saying);
    this.saying = setTimeout(() => { this.said.textContent = this.told.textContent; }, 400);
  }

  // play

  toggle() {
    if (this.playing) this.pause();
    else this.play();
  }

  play() {
    if (this.time >= this.spec.n_steps) this.time = 0;
    this.playing = true;
    this.show_play();
    this.last = null;
    if (this.time === 0 && this.set.spikes.includes(0)) this.sound.click("in");
    this.wake();
  }

  pause() {
    this.playing = false;
    this.show_play();
  }

  show_play() {
    const label = this.playing ? "Pause" : "Play";
    if (this.play_button.title === label) return;
    this.play_button.replaceChildren(icon(label.toLowerCase()));
    put(this.play_button, { "aria-label": label, title: label });
  }

  hear(on) {
    this.sound.turn(on);
    this.sound_button.textContent = on ? "Sound on" : "Sound off";
    this.sound_button.setAttribute("aria-pressed", String(on));
    if (on && !this.playing) this.play();
  }

  wake() {
    if (this.frame || !this.playing || !this.visible) return;
    this.frame = requestAnimationFrame((now) => this.tick(now));
  }

  tick(now) {
    this.frame = 0;
    if (!this.playing) return;
    const passed = this.last ? Math.min(100, now - this.last) : 0, T = this.spec.n_steps;
    this.last = now;
    if (this.time >= T) {
      this.held += passed;
      if (this.held > PAUSE) {
        this.held = 0;
        this.time = -1e-6;
        this.go(0, true);
      }
    } else this.go(Math.min(T, this.time + passed / STEP[this.speed.value]), true);
    this.wake();
  }

  /** What there is, in numbers: for tests. */
  state() {
    return { ...this.set, time: this.time, playing: this.playing, fired: this.trace.fired,
      v: [...this.trace.v], clicks: { ...this.sound.clicks }, ...this.at(this.time) };
  }

  destroy() {
    cancelAnimationFrame(this.frame);
    clearTimeout(this.telling);
    clearTimeout(this.saying);
    this.playing = false;
    this.sound.context?.close();
    for (const act of this.undo) act();
  }
}

// 4. doors ----------------------------------------------------------------------------------------

/** Put a bucket into an element; `data` are `spec`, `setting`, and `changed`, told of new ones. */
export const mount = (root, data) => {
  root.bucket = new Bucket(root, data);
  return root.bucket;
};

function render({ model, el }) {
  const root = document.createElement("div");
  el.append(root);
  let own = null;
  const bucket = mount(root, { spec: model.get("_spec"), setting: model.get("setting"),
    changed: (setting) => {
      own = JSON.stringify(setting);
      model.set("setting", setting);
      model.save_changes();
    } });
  const given = () => {
    if (JSON.stringify(model.get("setting")) !== own) bucket.given(model.get("setting"));
  };
  // `lifted` stands before this module: it takes the still picture away
  let back = () => {};
  const lift = () => {
    back();
    if (typeof lifted === "function") back = lifted(model.get("_stills"));
  };
  lift();
  model.on("change:_stills", lift);
  model.on("change:setting", given);
  return () => {
    bucket.destroy();
    model.off("change:_stills", lift);
    model.off("change:setting", given);
    back();
  };
}

export default { render };
