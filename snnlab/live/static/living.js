// A living network: a spiking network that is drawn, played in slow motion and touched, in one
// module without a build step and without a network connection. `shared.js` stands before it. It
// runs as a widget (`snnlab.live.LivingNetwork`) and on a page of its own
// (`snnlab.live.living.page`).
//
//   1. numbers     how weights and images arrive
//   2. network     the forward pass, in float32, event by event, as the kernels compute it
//   3. pictures    from a drawing to an image, from an image to spikes
//   4. look        where everything stands
//   5. wires       which are drawn, and how they change
//   6. painting    what is seen at a point in time
//   7. Living      controls, play, mouse and keyboard
//   8. doors       widget and page

// 1. numbers --------------------------------------------------------------------------------------

const bytesOf = (given) => {
  if (typeof given === "string") return Uint8Array.from(atob(given), (c) => c.charCodeAt(0));
  if (given instanceof ArrayBuffer) return new Uint8Array(given);
  return new Uint8Array(given.buffer, given.byteOffset, given.byteLength);
};

const float16 = (bytes) => {
  const short = new Uint16Array(bytes.slice().buffer), out = new Float32Array(short.length);
  for (let k = 0; k < short.length; k++) {
    const s = short[k] >> 15 ? -1 : 1, e = (short[k] >> 10) & 31, m = short[k] & 1023;
    out[k] = s * (e === 0 ? m * 2 ** -24 : (1 + m / 1024) * 2 ** (e - 15));
  }
  return out;
};

/** Numbers of a kind ("float16", "float32", "uint8" for k / 255, "int32") from bytes or base64. */
export const numbers = (given, kind) => {
  const bytes = bytesOf(given);
  if (kind === "float16") return float16(bytes);
  if (kind === "float32") return new Float32Array(bytes.slice().buffer);
  if (kind === "int32") return new Int32Array(bytes.slice().buffer);
  return Float32Array.from(bytes, (k) => k / 255);
};

/** All weights, one after the other, as an array per layer. */
const split = (flat, sizes) => {
  let at = 0;
  return sizes.slice(1).map((n, k) => {
    const part = flat.subarray(at, at + sizes[k] * n);
    at += sizes[k] * n;
    return part;
  });
};

// 2. network --------------------------------------------------------------------------------------

const perUnit = (value, n) => {
  const out = new Float32Array(n);
  for (let j = 0; j < n; j++) out[j] = Array.isArray(value) ? value[j] : value;
  return out;
};

/** A layer's constants per unit. `slower` multiplies its time constants, `higher` thresholds. */
const constants = (layer, n, dt, slower, higher) => {
  const each = (given, make) => {
    const list = perUnit(0, n);
    for (let j = 0; j < n; j++) list[j] = make(Array.isArray(given) ? given[j] : given);
    return list;
  };
  const decay = (tau) => {
    const x = dt / (tau * slower);
    return layer.method === "euler" ? Math.max(0, 1 - x) : Math.exp(-x);
  };
  const as_given = slower === 1;  // to the last bit what the kernel has
  return {
    a: as_given ? perUnit(layer.decay_syn, n)
      : layer.tau_syn === null ? perUnit(0, n) : each(layer.tau_syn, decay),
    b: as_given ? perUnit(layer.decay_mem, n) : each(layer.tau_mem, decay),
    g: perUnit(layer.gain, n),
    theta: layer.fires ? each(layer.v_th, (v) => f32(v * higher)) : null,
    hold: perUnit(layer.hold, n),
  };
};

/** Where the events of each step begin, and where those of the last one end. */
const borders = (step, n_steps) => {
  const at = new Int32Array(n_steps + 1);
  let e = 0;
  for (let t = 0; t < n_steps; t++) {
    while (e < step.length && step[e] < t) e++;
    at[t] = e;
  }
  at[n_steps] = step.length;
  return at;
};

/** A layer of leaky integrate-and-fire neurons; the order of every sum is the kernel's. */
const fire = (source, w, n, n_steps, layer, c, dead) => {
  const v = new Float32Array(n_steps * n), step = [], unit = [];
  const current = new Float32Array(n), rest = new Float32Array(n), left = new Int32Array(n);
  for (let t = 0; t < n_steps; t++) {
    const s = t - layer.delay;
    for (let e = s < 0 ? 0 : source.at[s]; s >= 0 && e < source.at[s + 1]; e++) {
      const row = source.unit[e] * n;
      for (let j = 0; j < n; j++) current[j] += w[row + j];  // stored, hence rounded
    }
    for (let j = 0; j < n; j++) {
      const held = left[j] > 0;
      let x = dead[j] ? rest[j] : f32(rest[j] + f32(c.g[j] * current[j]));
      if (held) x = 0;
      const fires = x > c.theta[j] && !held;
      left[j] = fires ? c.hold[j] : held ? left[j] - 1 : 0;
      v[t * n + j] = x;
      current[j] = c.a[j] * current[j];
      const kept = f32(c.b[j] * x);
      rest[j] = fires ? (layer.zero_reset ? 0 : f32(kept - c.theta[j])) : kept;
      if (fires) {
        step.push(t);
        unit.push(j);
      }
    }
  }
  return { n, v, step, unit, at: borders(step, n_steps), fires: true };
};

/** A layer of leaky integrators, which only fill and leak. */
const integrate = (source, w, n, n_steps, layer, c) => {
  const v = new Float32Array(n_steps * n);
  const current = new Float32Array(n), potential = new Float32Array(n);
  const arriving = new Float32Array(n);
  for (let t = 0; t < n_steps; t++) {
    const s = t - layer.delay;
    arriving.fill(0);
    for (let e = s < 0 ? 0 : source.at[s]; s >= 0 && e < source.at[s + 1]; e++) {
      const row = source.unit[e] * n;
      for (let j = 0; j < n; j++) arriving[j] += w[row + j];
    }
    for (let j = 0; j < n; j++) {
      current[j] = f32(c.a[j] * current[j]) + arriving[j];
      potential[j] = f32(c.b[j] * potential[j]) + f32(c.g[j] * current[j]);
      v[t * n + j] = potential[j];
    }
  }
  return { n, v, step: [], unit: [], at: borders([], n_steps), fires: false };
};

/**
 * Run a network on one sample.
 *
 * `events` are `{step, unit}`, in order of time; `dead` has an array of 0 and 1 per hidden layer.
 * Returns the layers (`v` by step and unit, spikes as `step`, `unit`), `scores` and `decision`:
 * the class whose potential gets highest (that fires most, where outputs fire); -1 without spikes.
 */
export const forward = (spec, weights, events, { slower = 1, higher = 1, dead = [] } = {}) => {
  const T = spec.n_steps, layers = [];
  let source = { ...events, at: borders(events.step, T) };
  spec.layers.forEach((layer, k) => {
    const n = spec.sizes[k + 1], c = constants(layer, n, spec.dt, slower, higher);
    const off = dead[k] || new Uint8Array(n);
    layers.push(layer.fires ? fire(source, weights[k], n, T, layer, c, off)
      : integrate(source, weights[k], n, T, layer, c));
    layers[k].theta = c.theta;
    source = layers[k];
  });
  const last = layers[layers.length - 1], scores = new Float32Array(last.n);
  if (last.fires) for (const j of last.unit) scores[j] += 1;
  else {
    scores.fill(-Infinity);
    for (let k = 0; k < last.v.length; k++)
      if (last.v[k] > scores[k % last.n]) scores[k % last.n] = last.v[k];
  }
  const heard = layers.length > 1 ? layers[layers.length - 2] : events;
  const silent = !heard.unit.length || (last.fires && !last.unit.length);
  const decision = silent ? -1 : scores.indexOf(Math.max(...scores));
  return { input: { ...events, at: borders(events.step, T) }, layers, scores, decision };
};

// 3. pictures -------------------------------------------------------------------------------------

/** Latency code: at most one spike per pixel, in step k where edges[k + 1] < x <= edges[k]. */
export const latency = (image, edges) => {
  const n_steps = edges.length - 1, when = Array.from({ length: n_steps }, () => []);
  for (let i = 0; i < image.length; i++) {
    if (!(image[i] > edges[n_steps])) continue;
    let k = 0;
    while (k < n_steps - 1 && image[i] <= edges[k + 1]) k++;
    when[k].push(i);
  }
  const step = [], unit = [];
  when.forEach((units, t) => units.forEach((i) => { step.push(t); unit.push(i); }));
  return { step, unit };
};

/** Squared distance of a point from a stretch. */
const away = (x, y, [ax, ay], [bx, by]) => {
  const dx = bx - ax, dy = by - ay, length = dx * dx + dy * dy;
  const u = length ? Math.min(1, Math.max(0, ((x - ax) * dx + (y - ay) * dy) / length)) : 0;
  return (x - ax - u * dx) ** 2 + (y - ay - u * dy) ** 2;
};

const PEN = 0.052;  // radius of the pen, in sides of the image

/** Strokes (lists of points in 0..1) as an image of n by n pixels with soft edges. */
export const inked = (strokes, n) => {
  const image = new Float32Array(n * n), reach = PEN + 0.75 / n;
  for (const line of strokes) {
    for (let k = 0; k < line.length; k++) {
      const a = line[Math.max(0, k - 1)], b = line[k];
      const low = (p, q) => Math.max(0, Math.floor((Math.min(p, q) - reach) * n));
      const high = (p, q) => Math.min(n - 1, Math.ceil((Math.max(p, q) + reach) * n));
      for (let y = low(a[1], b[1]); y <= high(a[1], b[1]); y++) {
        for (let x = low(a[0], b[0]); x <= high(a[0], b[0]); x++) {
          const d = Math.sqrt(away((x + 0.5) / n, (y + 0.5) / n, a, b));
          const ink = Math.min(1, Math.max(0, (PEN - d) * n + 0.55));
          if (ink > image[y * n + x]) image[y * n + x] = ink;
        }
      }
    }
  }
  return image;
};

/** Strokes moved and scaled as the training images were: as large, centre of ink in the middle. */
export const centred = (strokes, n) => {
  const points = strokes.flat();
  if (!points.length) return strokes;
  const box = (list) => [Math.min(...list), Math.max(...list)];
  const [x0, x1] = box(points.map((p) => p[0])), [y0, y1] = box(points.map((p) => p[1]));
  const size = Math.max(x1 - x0, y1 - y0);
  // MNIST: 20 of 28 pixels, cropped to 24; the pen adds its width. A dot stays a dot.
  const factor = size > 0.2 ? (20 / 24 - 2 * PEN) / size : 1;
  const moved = (dx, dy) => strokes.map((line) => line.map(([x, y]) =>
    [(x - (x0 + x1) / 2) * factor + 0.5 + dx, (y - (y0 + y1) / 2) * factor + 0.5 + dy]));
  const image = inked(moved(0, 0), 2 * n);
  let sx = 0, sy = 0, sum = 0;
  image.forEach((ink, k) => {
    sum += ink;
    sx += ink * ((k % (2 * n)) + 0.5);
    sy += ink * (Math.floor(k / (2 * n)) + 0.5);
  });
  return sum ? moved(0.5 - sx / sum / (2 * n), 0.5 - sy / sum / (2 * n)) : moved(0, 0);
};

// 4. look -----------------------------------------------------------------------------------------

const GOLDEN = Math.PI * (3 - Math.sqrt(5));

/** Places in an ellipse, as the seeds of a sunflower lie: everywhere equally dense. */
const sunflower = (n, x, y, rx, ry) => Array.from({ length: n }, (_, i) => {
  const r = Math.sqrt((i + 0.5) / n), phi = i * GOLDEN;
  return [x + rx * r * Math.cos(phi), y + ry * r * Math.sin(phi)];
});

/** Where everything stands on a stage of width W and height H: pad, hidden neurons, outputs. */
const arrange = (spec, weights, W, H) => {
  const [rows, columns] = spec.shape, foot = 30;
  const wide = W * (W < 444 ? 0.34 : 0.3) - 8;
  const cell = Math.floor(2 * Math.min((H - foot - 22) / rows, wide / columns)) / 2;
  const pad = { x: W < 500 ? 4 : 14, cell, w: columns * cell, h: rows * cell };
  pad.y = Math.max(8, Math.round((H - foot - pad.h) / 2) + 2);
  const classes = spec.sizes[spec.sizes.length - 1];
  const right = Math.min(190, Math.max(60, W * 0.19));
  const r_out = Math.min(12, (H - 16) / classes / 2.25);
  const out = Array.from({ length: classes }, (_, j) =>
    [W - right + r_out, 8 + ((j + 0.5) * (H - 16)) / classes]);
  const n_hidden = spec.sizes.length - 2, from = pad.x + pad.w, to = W - right - r_out;
  const hidden = [], radius = [], boxes = [];
  for (let k = 0; k < n_hidden; k++) {
    const n = spec.sizes[k + 1], each = (to - from) / n_hidden;
    const rx = each * 0.34, ry = H / 2 - 14, x = from + each * (k + 0.53);
    const r = Math.min(12, 0.37 * Math.sqrt((Math.PI * rx * ry) / n));
    radius.push(Math.max(1.8, r));
    boxes.push([x - rx - 4, 0, 2 * rx + 8, H]);
    hidden.push(sunflower(n, x, H / 2, rx - r, ry - r));
  }
  seat(spec, weights, hidden);
  const grid = Array.from({ length: rows * columns }, (_, i) =>
    [pad.x + ((i % columns) + 0.5) * cell, pad.y + (Math.floor(i / columns) + 0.5) * cell]);
  return { W, H, pad, places: [grid, ...hidden, out], radius, boxes, r_out, right };
};

/** Give neurons of the last hidden layer the heights of the outputs that they speak for. */
const seat = (spec, weights, hidden) => {
  if (!hidden.length) return;
  const w = weights[weights.length - 1], n = spec.sizes[spec.sizes.length - 1];
  const places = hidden[hidden.length - 1];
  const wish = places.map((_, i) => {
    let sum = 1e-9, mean = 0;
    for (let j = 0; j < n; j++) {
      const x = Math.max(0, w[i * n + j]) ** 2;
      sum += x;
      mean += x * j;
    }
    return mean / sum;
  });
  const order = wish.map((_, i) => i).sort((i, j) => wish[i] - wish[j] || i - j);
  const seats = [...places].sort((p, q) => p[1] - q[1]);
  order.forEach((i, rank) => { places[i] = seats[rank]; });
};

/** A point of a wire; it leaves and arrives horizontally. */
const along = ([x0, y0], [x1, y1], u) => {
  const m = (x0 + x1) / 2, v = 1 - u;
  const p = v * v * v, q = 3 * v * v * u, r = 3 * v * u * u, s = u * u * u;
  return [p * x0 + (q + r) * m + s * x1, (p + q) * y0 + (r + s) * y1];
};

// 5. wires ----------------------------------------------------------------------------------------

/** Places of about `count` largest numbers above 0 of an array times `sign`, by a histogram. */
const largest = (w, count, sign) => {
  let top = 0;
  for (let k = 0; k < w.length; k++) if (sign * w[k] > top) top = sign * w[k];
  if (!top || count < 1) return [];
  const bins = new Int32Array(4097), scale = 4096 / top;
  for (let k = 0; k < w.length; k++) if (sign * w[k] > 0) bins[Math.floor(sign * w[k] * scale)]++;
  let bin = 4096, sum = bins[4096];
  while (bin > 0 && sum + bins[bin - 1] <= count) sum += bins[--bin];
  const out = [];
  for (let k = 0; k < w.length; k++)
    if (sign * w[k] > 0 && Math.floor(sign * w[k] * scale) >= bin) out.push(k);
  return out;
};

/** The strongest wires of either sign, half of each where there are as many. */
const strongest = (w, count) => {
  let above = 0, below = 0;
  for (let k = 0; k < w.length; k++) {
    if (w[k] > 0) above++;
    else if (w[k] < 0) below++;
  }
  const half = count / 2, up = Math.min(above, Math.max(half, count - below));
  return [...largest(w, up, 1), ...largest(w, Math.min(below, count - up), -1)];
};

/** The wires that are drawn. Each eases towards its weight; those that go fade, new ones grow. */
class Wires {
  constructor(spec, count) {
    this.spec = spec;
    this.most = count;
    this.drawn = spec.layers.map(() => new Map());
    this.scale = spec.layers.map(() => 0);
    this.moving = false;
    this.first = true;
  }

  /** How many of each layer are drawn: many of the last, which decides; all if they fit. */
  shares(weights) {
    const there = weights.map((w) => w.reduce((n, x) => n + (x !== 0), 0)), last = there.pop();
    const rest = there.reduce((a, b) => a + b, 0);
    const share = Math.min(last, Math.max(Math.round(0.3 * this.most), this.most - rest));
    const left = Math.min(rest, this.most - share);
    return [...there.map((n) => Math.floor((left * n) / Math.max(rest, 1))), share];
  }

  /** Aim at these weights; `at once` without easing. */
  aim(weights, at_once) {
    const shares = this.shares(weights);
    weights.forEach((w, k) => {
      const n = this.spec.sizes[k + 1], wires = this.drawn[k];
      const chosen = strongest(w, shares[k]);
      // a few wires are far stronger than the rest: these few are drawn at full width
      const sizes = Float32Array.from(chosen, (place) => Math.abs(w[place])).sort();
      const top = sizes.length ? sizes[Math.floor(0.95 * (sizes.length - 1))] : 0;
      this.scale[k] = Math.max(top, this.scale[k] * 0.9) || 1;
      for (const wire of wires.values()) wire.stays = false;
      for (const place of chosen) {
        const wire = wires.get(place) || { k, place, i: Math.floor(place / n), j: place % n,
          now: this.first ? w[place] : 0, shade: this.first ? 1 : 0, grown: this.first ? 1 : 0 };
        wire.to = w[place];
        wire.stays = true;
        wires.set(place, wire);
      }
      for (const [place, wire] of wires) {
        if (wire.stays) continue;
        wire.to = w[place];
        if (at_once) wires.delete(place);
      }
      if (at_once)
        for (const wire of wires.values())
          Object.assign(wire, { now: wire.to, shade: 1, grown: 1 });
    });
    this.first = false;
    this.moving = true;
  }

  /** Let `ms` pass; whether anything is still moving. */
  ease(ms) {
    if (!this.moving) return false;
    const part = 1 - Math.exp(-ms / 140);
    this.moving = false;
    this.drawn.forEach((wires, k) => {
      const small = this.scale[k] * 1e-3;
      for (const [place, wire] of wires) {
        const gap = wire.to - wire.now;
        wire.now = Math.abs(gap) < small ? wire.to : wire.now + part * gap;
        wire.shade = Math.max(0, Math.min(1, wire.shade + (wire.stays ? ms / 250 : -ms / 500)));
        wire.grown = Math.min(1, wire.grown + ms / 400);
        if (!wire.stays && !wire.shade) wires.delete(place);
        if (wire.now !== wire.to || wire.grown < 1 || wire.shade < (wire.stays ? 1 : 0) ||
            !wire.stays) this.moving = true;
      }
    });
    return this.moving;
  }

  /** Width in pixels. */
  width(wire) {
    return 0.25 + 2.1 * Math.min(1, Math.abs(wire.now) / this.scale[wire.k]) ** 1.2;
  }

  /** How many are drawn, without those that fade. */
  get count() {
    return this.drawn.reduce((sum, wires) =>
      [...wires.values()].reduce((n, wire) => n + wire.stays, sum), 0);
  }

  /** The strongest drawn wires from each unit of a layer: there its spikes are seen to travel. */
  from(k) {
    const out = new Map();
    for (const wire of this.drawn[k].values())
      if (wire.stays) out.set(wire.i, [...(out.get(wire.i) || []), wire]);
    for (const list of out.values()) {
      list.sort((p, q) => Math.abs(q.to) - Math.abs(p.to));
      list.length = Math.min(list.length, k === this.drawn.length - 1 ? 10 : 5);
    }
    return out;
  }
}

// 6. painting -------------------------------------------------------------------------------------

const LEVELS = 16;  // of a membrane, as drawn

/** Neurons at every level, drawn once and copied from then on. */
const sprites = (r, look, ratio) => {
  const size = Math.ceil(2 * r + 4), all = new Map();
  const make = (level) => {
    const canvas = document.createElement("canvas");
    canvas.width = canvas.height = size * ratio;
    const pen = canvas.getContext("2d"), m = size / 2;
    pen.scale(ratio, ratio);
    pen.beginPath();
    pen.arc(m, m, r, 0, 7);
    pen.fillStyle = look.cell;
    pen.fill();
    if (level === "dead") {
      pen.strokeStyle = look.dim;
      pen.globalAlpha = 0.7;
      pen.lineWidth = 1;
      pen.stroke();
      const d = r * 0.5;
      pen.beginPath();
      pen.moveTo(m - d, m - d); pen.lineTo(m + d, m + d);
      pen.moveTo(m + d, m - d); pen.lineTo(m - d, m + d);
      pen.stroke();
      return canvas;
    }
    pen.save();
    pen.clip();
    const share = Math.min(1, Math.abs(level) / LEVELS);
    pen.fillStyle = level < 0 ? look.minus : look.plus;
    pen.globalAlpha = level < 0 ? (look.dark ? 0.3 : 0.22) * share : 0.6 + 0.4 * share;
    // it fills from the bottom; far below rest it is tinted
    if (level) pen.fillRect(0, level > 0 ? m + r - 2 * r * share : 0, size, size);
    pen.restore();
    pen.beginPath();
    pen.arc(m, m, r, 0, 7);
    pen.strokeStyle = level > 0 ? look.plus : level < 0 ? look.minus : look.line;
    pen.globalAlpha = level > 0 ? 0.95 : level < 0 ? 0.3 + 0.3 * share : 1;
    pen.lineWidth = r < 4 ? 0.7 : 1;
    pen.stroke();
    return canvas;
  };
  return (pen, level, [x, y]) => {
    if (!all.has(level)) all.set(level, make(level));
    pen.drawImage(all.get(level), x - size / 2, y - size / 2, size, size);
  };
};

const smooth = (u) => { u = Math.min(1, Math.max(0, u)); return u * u * (3 - 2 * u); };

/** When layer k (0: inputs) computes its step t, in steps of the picture's time. */
const moment = (spec, k, t) => t + k / spec.layers.length;

/** A unit's potential at a point in time, in thresholds; it rises just before it is compared. */
const level_at = (spec, trace, k, j, time) => {
  const layer = trace.layers[k], T = spec.n_steps;
  const theta = layer.fires ? layer.theta[j] : 1, zero_reset = spec.layers[k].zero_reset;
  const t = Math.floor(time - (k + 1) / spec.layers.length + 0.3);
  const after = (s) => {
    if (s < 0) return 0;
    const v = layer.v[Math.min(s, T - 1) * layer.n + j];
    return layer.fires && v > theta ? (zero_reset ? 0 : v - theta) : v;
  };
  if (t >= T) return after(T - 1) / theta;
  if (t < 0) return 0;
  const u = smooth((time - moment(spec, k + 1, t) + 0.3) / 0.3);
  return (after(t - 1) + u * (layer.v[t * layer.n + j] - after(t - 1))) / theta;
};

const curve = (pen, [x0, y0], [x1, y1]) => {
  const m = (x0 + x1) / 2;
  pen.moveTo(x0, y0);
  pen.bezierCurveTo(m, y0, m, y1, x1, y1);
};

/** The web of wires, on a canvas of its own that is redrawn only when it changes. */
const paint_web = (pen, living) => {
  const { wires, layout, look, spec } = living, { places } = layout;
  pen.clearRect(0, 0, layout.W, layout.H);
  pen.lineCap = "butt";
  for (let k = 0; k < spec.layers.length; k++) {
    const buckets = new Map();
    for (const wire of wires.drawn[k].values()) {
      if (living.is_dead(k - 1, wire.i) || living.is_dead(k, wire.j)) continue;
      const a = places[k][wire.i], b = places[k + 1][wire.j];
      const strength = Math.min(1, Math.abs(wire.now) / wires.scale[k]);
      if (wire.grown < 1) {  // a new wire grows out of its source
        pen.beginPath();
        pen.moveTo(...a);
        for (let u = 1; u <= 8; u++) pen.lineTo(...along(a, b, (smooth(wire.grown) * u) / 8));
        pen.strokeStyle = look.win;
        pen.globalAlpha = 0.8;
        pen.lineWidth = wires.width(wire) + 0.4;
        pen.stroke();
        continue;
      }
      const key = `${wire.now > 0 ? 1 : 0} ${Math.round(strength * 10)} ` +
        Math.round(wire.shade * 5);
      if (!buckets.has(key)) buckets.set(key, []);
      buckets.get(key).push([a, b, wire]);
    }
    for (const [key, group] of buckets) {
      const [sign, strength, shade] = key.split(" ").map(Number);
      pen.beginPath();
      for (const [a, b] of group) curve(pen, a, b);
      pen.strokeStyle = sign ? look.plus : look.minus;
      pen.globalAlpha = (0.04 + (look.dark ? 0.17 : 0.2) * (strength / 10) ** 1.3) * (shade / 5);
      pen.lineWidth = wires.width(group[0][2]);
      pen.stroke();
    }
  }
  pen.globalAlpha = 1;
};

/** Pixels: ink, and what has spiked; or the weights that a chosen neuron listens with. */
const paint_pad = (pen, living) => {
  const { layout: { pad, places: [grid] }, look, image, field } = living, s = pad.cell;
  pen.clearRect(pad.x - 3, pad.y - 3, pad.w + 6, pad.h + 6);
  pen.fillStyle = look.cell;
  pen.globalAlpha = 1;
  pen.fillRect(pad.x, pad.y, pad.w, pad.h);
  const gap = s > 6 ? 1 : 0.5;
  for (let i = 0; i < grid.length; i++) {
    const [x, y] = grid[i];
    if (field) {
      const w = field[i];
      pen.fillStyle = w > 0 ? look.plus : look.minus;
      pen.globalAlpha = Math.min(1, Math.abs(w)) * 0.95;
      if (w) pen.fillRect(x - s / 2, y - s / 2, s - gap, s - gap);
    }
    if (image[i] > 0.02) {
      const d = field ? s * 0.36 * Math.sqrt(image[i]) : (s - gap) / 2;
      pen.fillStyle = look.ink;
      pen.globalAlpha = field ? 0.85 : 0.08 + 0.8 * image[i];
      if (field) pen.fillRect(x - d / 2 - gap / 2, y - d / 2 - gap / 2, d, d);
      else pen.fillRect(x - s / 2, y - s / 2, s - gap, s - gap);
    }
  }
  pen.globalAlpha = 1;
  pen.strokeStyle = look.line;
  pen.lineWidth = 1;
  pen.strokeRect(pad.x - 1.5, pad.y - 1.5, pad.w + 2, pad.h + 2);
};

/** How full a neuron is drawn: thresholds up to one, and how far it is below rest, softly. */
const level_of = (x) => Math.round(LEVELS * (x > 0 ? Math.min(1, x) : x / (1.5 - x)));

/** Hidden neurons, copied from the sprites; nothing where all levels look as before. */
const paint_hidden = (pen, living, all) => {
  const { spec, layout, trace, time } = living;
  for (let k = 0; k < spec.layers.length - 1; k++) {
    const shown = living.shown[k], places = layout.places[k + 1], draw = living.dots[k];
    let changed = all;
    for (let j = 0; j < shown.length; j++) {
      const x = living.is_dead(k, j) ? "dead" : level_of(level_at(spec, trace, k, j, time));
      changed ||= shown[j] !== x;
      shown[j] = x;
    }
    if (!changed) continue;
    const [x0, y0, w, h] = layout.boxes[k];
    pen.clearRect(x0, y0, w, h);
    for (let j = 0; j < shown.length; j++) draw(pen, shown[j], places[j]);
  }
};

/** Outputs: a circle with the class's name, a bar for the potential, a mark where it peaked. */
const paint_outputs = (pen, living, all) => {
  const { spec, layout, look, trace, time } = living, k = spec.layers.length - 1;
  const places = layout.places[k + 1], r = layout.r_out, last = trace.layers[k];
  const left = places[0][0] - r - 3, room = layout.W - places[0][0] - r - 14;
  const done = time >= spec.n_steps, best = done ? trace.decision : living.leader();
  const level = (j) => last.fires ? living.fired(k, j) / spec.n_steps
    : level_at(spec, trace, k, j, time) / living.top;
  const bars = places.map((_, j) => {
    const now = level(j), peak = last.fires ? now : living.peak(j) / living.top;
    const pixels = (x) => Math.round(2 * room * Math.max(0, Math.min(1, x))) / 2;
    return [pixels(now), peak > 0 ? pixels(peak) : -1];
  });
  const key = `${bars} ${best} ${done} ${living.chosen?.k} ${living.chosen?.j}`;
  if (!all && key === living.bars) return;
  living.bars = key;
  pen.clearRect(left, 0, layout.W - left, layout.H);
  pen.textAlign = "center";
  pen.textBaseline = "middle";
  places.forEach(([x, y], j) => {
    const won = done && j === best, leads = j === best;
    const [bar, high] = bars[j];
    pen.fillStyle = leads ? look.win : look.plus;
    pen.globalAlpha = leads ? 0.95 : 0.5;
    const thick = Math.min(9, r * 0.9);
    pen.beginPath();
    pen.roundRect(x + r + 5, y - thick / 2, Math.max(bar, 0.5), thick, 2);
    pen.fill();
    if (high >= 0) {
      pen.globalAlpha = leads ? 1 : 0.65;
      pen.fillRect(x + r + 5 + high - 1, y - thick / 2 - 2, 2, thick + 4);
    }
    pen.globalAlpha = 1;
    pen.beginPath();
    pen.arc(x, y, r, 0, 7);
    pen.fillStyle = won ? look.win : look.cell;
    pen.fill();
    pen.lineWidth = leads || living.chosen_is(k, j) ? 2.2 : 1;
    pen.strokeStyle = leads ? look.win : living.chosen_is(k, j) ? look.focus : look.line;
    pen.stroke();
    pen.fillStyle = won ? look.stage : look.text;
    const name = spec.names[j].slice(0, 3), type = r * [1.15, 0.95, 0.75][name.length - 1];
    pen.font = `${leads ? 700 : 500} ${Math.max(8, Math.round(type))}px ${living.font}`;
    pen.fillText(name, x, y + 0.5);
  });
};

/** Wires along which spikes travel now, by sign, and how far they are. */
const pulses = (living) => {
  const { spec, layout: { places }, trace, time } = living, lit = [[], []], heads = [[], []];
  for (let k = 0; k < spec.layers.length; k++) {
    const source = k ? trace.layers[k - 1] : trace.input, delay = spec.layers[k].delay;
    const span = delay + 1 / spec.layers.length, wires = living.wires_from(k);
    for (let e = 0; e < source.step.length; e++) {
      const age = time - moment(spec, k, source.step[e]);
      if (age < 0) break;  // in order of time
      if (age >= span) continue;
      living.seen.add(`${k} ${source.step[e]} ${source.unit[e]}`);
      const a = places[k][source.unit[e]];
      for (const wire of wires(source.unit[e])) {
        if (living.is_dead(k, wire.j)) continue;
        const b = places[k + 1][wire.j], sign = wire.now > 0 ? 0 : 1;
        lit[sign].push([a, b]);
        if (!living.calm) heads[sign].push([a, b, age / span]);
      }
    }
  }
  return [lit, heads];
};

/** What is in motion: spikes on wires, flashes of neurons and pixels, rings, the winner's glow. */
const paint_motion = (pen, living, all) => {
  const { layout, look, trace, time } = living, [lit, heads] = pulses(living);
  const glowing = (source, k) => source.step.some((t) => {
    const age = time - moment(living.spec, k, t);
    return age >= 0 && age < 1;
  });
  const moves = lit[0].length + lit[1].length > 0 || glowing(trace.input, 0) ||
    trace.layers.some((layer, k) => glowing(layer, k + 1)) ||
    (time >= living.spec.n_steps && time < living.spec.n_steps + 0.9);
  if (!moves && !living.moved && !all) return;
  living.moved = moves;
  pen.clearRect(0, 0, layout.W, layout.H);
  pen.lineCap = "round";
  if (living.hover) paint_reach(pen, living, living.hover, 0.5);
  if (living.chosen) paint_reach(pen, living, living.chosen, 0.8);
  [look.plus, look.minus].forEach((colour, sign) => {
    paint_pulses(pen, colour, lit[sign], heads[sign], look);
  });
  paint_flashes(pen, living);
};

const paint_pulses = (pen, colour, lit, heads, look) => {
  pen.strokeStyle = colour;
  if (lit.length) {
    pen.globalAlpha = heads.length ? 0.3 : 0.75;
    pen.lineWidth = heads.length ? 0.8 : 1.4;
    pen.beginPath();
    for (const [a, b] of lit) curve(pen, a, b);
    pen.stroke();
  }
  if (!heads.length) return;
  const tail = (length) => {
    pen.beginPath();
    for (const [a, b, u] of heads) {
      const v = u * u * (3 - 2 * u);
      pen.moveTo(...along(a, b, Math.max(0, v - length)));
      pen.lineTo(...along(a, b, Math.max(0, v - length / 2)));
      pen.lineTo(...along(a, b, v));
    }
    pen.stroke();
  };
  pen.globalAlpha = look.dark ? 0.22 : 0.16;
  pen.lineWidth = 6;
  tail(0.12);
  pen.globalAlpha = 0.95;
  pen.lineWidth = 2;
  tail(0.1);
  pen.strokeStyle = look.dark ? "#ffffff" : colour;
  pen.lineWidth = look.dark ? 1.6 : 2.6;
  tail(0.02);
  pen.globalAlpha = 1;
};

const LIGHT = [[0, 0.9], [0.25, 0.45], [0.55, 0.12], [1, 0]];
const RING = [[0.24, 0], [0.27, 0.75], [0.5, 0.28], [1, 0]];

/** A soft light, drawn once and copied. */
const glow_of = (colour, r, ratio, stops = LIGHT) => {
  const canvas = document.createElement("canvas"), size = Math.ceil(2 * r * ratio);
  canvas.width = canvas.height = size;
  const pen = canvas.getContext("2d");
  const light = pen.createRadialGradient(size / 2, size / 2, 0, size / 2, size / 2, size / 2);
  const [red, green, blue] = [1, 3, 5].map((k) => parseInt(colour.slice(k, k + 2), 16));
  for (const [at, alpha] of stops)
    light.addColorStop(at, `rgba(${red},${green},${blue},${alpha})`);
  pen.fillStyle = light;
  pen.fillRect(0, 0, size, size);
  return (to, x, y, alpha) => {
    to.globalAlpha = alpha;
    to.drawImage(canvas, x - r, y - r, 2 * r, 2 * r);
  };
};

const paint_flashes = (pen, living) => {
  const { spec, layout, look, trace, time } = living, { places, pad } = layout;
  const s = pad.cell;
  pen.fillStyle = look.spike;
  for (let e = 0; e < trace.input.step.length; e++) {
    const age = time - trace.input.step[e];
    if (age < 0) break;
    const [x, y] = places[0][trace.input.unit[e]], glow = Math.max(0, 1 - age / 0.9);
    if (!glow && age > 0.9 && living.field) continue;
    const spent = look.dark ? 0.18 : 0.06;  // a pixel that has spiked does so no more
    pen.globalAlpha = living.field ? 0.8 * glow : spent + (1 - spent) * glow;
    const d = s * (1 + 0.5 * glow);
    pen.fillRect(x - d / 2, y - d / 2, d - 1, d - 1);
  }
  pen.strokeStyle = look.spike;
  for (let k = 0; k < spec.layers.length; k++) {
    const layer = trace.layers[k], last = k === spec.layers.length - 1;
    for (let e = 0; e < layer.step.length; e++) {
      const age = time - moment(spec, k + 1, layer.step[e]);
      if (age < 0) break;
      if (age > 0.9) continue;
      const r = last ? layout.r_out : layout.radius[k], u = age / 0.9;
      const [x, y] = places[k + 1][layer.unit[e]];
      if (!living.calm) living.glows[Math.min(k, living.glows.length - 1)](pen, x, y, 1 - u);
      pen.globalAlpha = (1 - u) * 0.9;
      pen.beginPath();
      pen.arc(x, y, r * (living.calm ? 0.9 : 0.9 + 0.3 * (1 - u)), 0, 7);
      pen.fill();
      if (living.calm) continue;
      pen.lineWidth = 2 * (1 - u) + 0.3;
      pen.beginPath();
      pen.arc(x, y, r * (1.1 + 1.5 * u), 0, 7);
      pen.stroke();
    }
  }
  const past = time - spec.n_steps;
  if (past >= 0 && trace.decision >= 0) {
    const [x, y] = places[places.length - 1][trace.decision];
    const u = living.calm ? 1 : Math.min(1, past / 0.8);
    living.halo(pen, x, y, 0.8 * u);
    pen.globalAlpha = 0.35;
    pen.strokeStyle = look.win;
    pen.lineWidth = 5;
    pen.beginPath();
    pen.arc(x, y, layout.r_out + 1 + 3 * u, 0, 7);
    pen.stroke();
  }
  pen.globalAlpha = 1;
};

/** All strong wires of one neuron, whether they are among the drawn ones or not. */
const paint_reach = (pen, living, { k, j }, alpha) => {
  const { layout, look, wires } = living, { places } = layout;
  for (const wire of living.reach(k, j)) {
    const strength = Math.min(1, Math.abs(wire.now) / wires.scale[wire.k]);
    pen.globalAlpha = alpha * (0.15 + 0.85 * strength);
    pen.strokeStyle = wire.now > 0 ? look.plus : look.minus;
    pen.lineWidth = wires.width(wire) + 0.2;
    pen.beginPath();
    curve(pen, places[wire.k][wire.i], places[wire.k + 1][wire.j]);
    pen.stroke();
  }
  const [x, y] = places[k + 1][j];
  const r = k === places.length - 2 ? layout.r_out : layout.radius[k];
  pen.globalAlpha = 1;
  pen.strokeStyle = look.focus;
  pen.lineWidth = 2;
  pen.beginPath();
  pen.arc(x, y, r + 2.5, 0, 7);
  pen.stroke();
};

/** The strip: spikes of all layers as dots, and above them the race of the outputs. */
const paint_strip = (pen, living, W, H) => {
  const { spec, look, trace } = living, x = living.strip_x(W), T = spec.n_steps;
  pen.clearRect(0, 0, W, H);
  pen.globalAlpha = 1;
  const dots = (source, k, colour, from, to) => {
    pen.fillStyle = colour;
    pen.globalAlpha = 0.75;
    for (let e = 0; e < source.step.length; e++)
      pen.fillRect(x(moment(spec, k, source.step[e])) - 0.9,
        from + ((to - from) * (source.unit[e] + 0.5)) / source.n - 0.9, 1.8, 1.8);
  };
  if (living.chosen) return paint_trace(pen, living, x, H);
  dots({ ...trace.input, n: spec.sizes[0] }, 0, look.ink, 4, H * 0.5);
  trace.layers.forEach((layer, k) =>
    layer.fires && dots(layer, k + 1, look.spike, H * 0.5, H - 14));
  const last = trace.layers[trace.layers.length - 1];
  if (!last.fires) {
    const y = (v) => H - 14 - (H - 20) * Math.max(-0.25, v / living.top);
    const line = (j) => {
      pen.beginPath();
      pen.moveTo(x(0), y(0));
      for (let t = 0; t < T; t++) pen.lineTo(x(t + 1), y(last.v[t * last.n + j]));
      pen.stroke();
    };
    pen.strokeStyle = look.dim;
    pen.lineWidth = 1;
    pen.globalAlpha = 0.6;
    for (let j = 0; j < last.n; j++) if (j !== trace.decision) line(j);
    pen.strokeStyle = look.win;
    pen.lineWidth = 2.2;
    pen.globalAlpha = 1;
    if (trace.decision >= 0) line(trace.decision);
  }
  paint_axis(pen, living, x, H);
};

/** A neuron's own potential, its threshold, its spikes. */
const paint_trace = (pen, living, x, H) => {
  const { spec, look, trace, chosen: { k, j } } = living, layer = trace.layers[k];
  const T = spec.n_steps, theta = layer.fires ? layer.theta[j] : 0;
  let low = 0, high = theta * 1.1 || 0.1;
  for (let t = 0; t < T; t++) {
    low = Math.min(low, layer.v[t * layer.n + j]);
    high = Math.max(high, layer.v[t * layer.n + j]);
  }
  const y = (v) => 5 + ((H - 21) * (high - v)) / (high - low);
  pen.globalAlpha = 1;
  pen.strokeStyle = look.line;
  pen.lineWidth = 1;
  pen.beginPath();
  pen.moveTo(x(0), y(0));
  pen.lineTo(x(T), y(0));
  pen.stroke();
  if (layer.fires) {
    pen.setLineDash([5, 4]);
    pen.strokeStyle = look.dim;
    pen.beginPath();
    pen.moveTo(x(0), y(theta));
    pen.lineTo(x(T), y(theta));
    pen.stroke();
    pen.setLineDash([]);
    pen.fillStyle = look.dim;
    pen.font = `10px ${living.font}`;
    pen.textAlign = "right";
    const above = y(theta) > 16;
    pen.textBaseline = above ? "bottom" : "top";
    pen.fillText("threshold", x(T) - 50, y(theta) + (above ? -1 : 2));
  }
  pen.strokeStyle = layer.fires ? look.plus : look.win;
  pen.lineWidth = 2;
  pen.beginPath();
  pen.moveTo(x(0), y(0));
  for (let t = 0; t < T; t++) {
    const v = layer.v[t * layer.n + j], at = t + (k + 1) / spec.layers.length;
    pen.lineTo(x(at), y(v));
    if (layer.fires && v > theta)
      pen.lineTo(x(at), y(spec.layers[k].zero_reset ? 0 : v - theta));
  }
  pen.stroke();
  pen.fillStyle = look.spike;
  layer.step.forEach((t, e) => {
    if (layer.unit[e] !== j) return;
    pen.beginPath();
    pen.arc(x(t + (k + 1) / spec.layers.length), y(layer.v[t * layer.n + j]), 3.5, 0, 7);
    pen.fill();
  });
  paint_axis(pen, living, x, H);
};

const paint_axis = (pen, living, x, H) => {
  const { spec, look } = living, T = spec.n_steps;
  pen.globalAlpha = 1;
  pen.strokeStyle = look.line;
  pen.lineWidth = 1;
  pen.beginPath();
  for (let t = 0; t <= T; t += Math.max(1, Math.round(T / 20))) {
    pen.moveTo(x(t), H - 13);
    pen.lineTo(x(t), H - 10);
  }
  pen.stroke();
  pen.fillStyle = look.dim;
  pen.font = `10px ${living.font}`;
  pen.textBaseline = "alphabetic";
  pen.textAlign = "left";
  pen.fillText("0", x(0), H - 1);
  pen.textAlign = "right";
  pen.fillText(in_time(T * spec.dt), x(T), H - 1);
};

// 7. Living ---------------------------------------------------------------------------------------

const QUICK = 2.5;  // times
const HOLD = 1900;  // ms for which a decision stands before the next sample
const SPEEDS = [["slow", 800], ["normal", 400], ["fast", 130]];  // ms of a step

/** The whole picture with its controls, in one element of a page. */
class Living {
  constructor(root, data) {
    const { spec } = data;
    Object.assign(this, { root, spec, weights: data.weights, images: data.images,
      events: data.events, sample: 0, time: 0, playing: false, auto: true, until: Infinity,
      slower: 1, higher: 1, chosen: null, hover: null, field: null, strokes: [], drawing: false,
      dead: spec.layers.slice(0, -1).map((_, k) => new Uint8Array(spec.sizes[k + 1])),
      seen: new Set(), frames: [], reached: new Map(), caption: data.caption || "", right: null,
      edited: false, held: 0, visible: true, asked: 0, updates: 0 });
    this.edges = spec.edges ? Float32Array.from(spec.edges, (x) => x ?? Infinity) : null;
    this.can_draw = Boolean(this.edges) && spec.shape[0] === spec.shape[1];
    this.calm_query = matchMedia("(prefers-reduced-motion: reduce)");
    this.calm = this.calm_query.matches;
    if (this.calm) this.auto = false;
    this.wires = new Wires(spec, spec.drawn);
    this.wires.aim(this.weights, true);
    this.build();
    this.watch();
    this.restyle();
    this.show_sample(0);
    if (this.calm) this.time = spec.n_steps;
    this.refresh();
    if (this.auto) this.play();
  }

  // what is on the page

  build() {
    const { spec, root } = this;
    root.classList.add("living");
    root.setAttribute("role", "group");
    root.setAttribute("aria-label", `Living network, ${spec.sizes.join("-")} spiking neurons`);
    this.verdict = make("div", "living-verdict");
    this.about_box = make("div", "living-about");
    this.kill_button = make("button", "living-button", { type: "button",
      onclick: () => this.chosen && this.kill(this.chosen.k, this.chosen.j) });
    this.about_text = make("span", "living-about-text");
    this.about_box.append(this.about_text, this.kill_button);
    this.web = make("canvas", "", { "aria-hidden": "true" });
    this.nodes = make("canvas", "", { "aria-hidden": "true" });
    this.motion = make("canvas", "", { "aria-hidden": "true" });
    const n_hidden = spec.sizes.slice(1, -1).reduce((a, b) => a + b, 0);
    this.cloud = make("div", "living-cloud", { tabindex: "0", role: "application",
      "aria-roledescription": "picture of a network", "aria-label":
      `${plural(n_hidden, "hidden neuron")} and ${plural(spec.names.length, "output")}: ` +
      "arrow keys choose a neuron, X switches it off or on, Escape lets go, Space plays" });
    this.pad = make("div", "living-pad", this.can_draw ? { tabindex: "0", role: "application",
      "aria-roledescription": "drawing pad", "aria-label": "Draw a digit: arrow keys move, with " +
      "shift they paint, Enter runs it, Delete wipes" } : { "aria-hidden": "true" });
    this.pad_bar = make("div", "living-pad-bar");
    this.note = make("div", "living-note");
    this.stage = make("div", "living-stage", {}, this.web, this.nodes, this.motion, this.cloud,
      this.pad, this.pad_bar, this.note);
    this.strip = make("canvas", "living-strip", { "aria-hidden": "true" });
    this.head = make("div", "living-head");
    this.strip_box = make("div", "living-strip-box", {}, this.strip, this.head);
    this.said = make("div", "living-said", { role: "status" });
    this.bar = make("div", "living-bar");
    root.replaceChildren(make("div", "living-top", {}, this.verdict, this.about_box), this.stage,
      this.strip_box, this.bar, this.said);
    this.build_controls();
    // else the page's shortcuts take these keys, and "d d" deletes the cell
    for (const node of root.querySelectorAll("button, input, select, [tabindex]"))
      node.setAttribute("data-lm-suppress-shortcuts", "true");
  }

  build_controls() {
    const { spec } = this, T = spec.n_steps;
    this.play_button = button("play", "Play", () => this.touched() || this.toggle());
    this.step_button = button("step", "One step", () => this.touched() || this.one_step());
    this.scrub = make("input", "living-scrub", { type: "range", min: 0, max: 20 * T, step: 1,
      "aria-label": "Time", oninput: () => {
        this.touched();
        this.pause();
        this.time = this.scrub.value / 20;
        this.refresh();
      } });
    this.speed = make("select", "living-speed", { "aria-label": "Speed" },
      ...SPEEDS.map(([name, ms]) => make("option", "", { value: ms }, name)));
    this.speed.value = this.calm ? SPEEDS[0][1] : SPEEDS[1][1];
    this.speed.addEventListener("change", () => this.renote());
    const tau = spec.layers[0].tau_mem, v_th = spec.layers[0].v_th;
    const plain = typeof tau === "number" && typeof v_th === "number";
    this.theta = this.factor("threshold", (x) => (v_th * x).toFixed(2), "higher");
    this.tau = this.factor("time constant", (x) => in_time(tau * x), "slower");
    this.reset = make("button", "living-button living-reset", { type: "button",
      title: "All neurons on, threshold and time constant as trained",
      onclick: () => this.restore() }, "Reset");
    this.score = make("span", "living-score", { title:
      "Of the sample digits, with what is set and switched off here" });
    this.bar.append(this.play_button, this.step_button, this.scrub, this.speed,
      ...(plain ? [this.theta.box, this.tau.box] : []), this.reset, this.score);
    this.pad_bar.append(
      button("before", "Sample before", () => this.touched() || this.turn(-1)),
      button("next", "Next sample", () => this.touched() || this.turn(1)),
      ...(this.can_draw ? [make("button", "living-button", { type: "button",
        title: "Blank paper: draw a digit with the mouse", onclick: () => this.wipe() }, "Wipe"),
      make("span", "living-hint", {}, "draw a digit")] : []));
    if (!this.samples) this.pad_bar.firstChild.hidden = this.pad_bar.children[1].hidden = true;
  }

  /** A slider from a third to three times a constant. */
  factor(label, show, name) {
    const input = make("input", "", { type: "range", min: -100, max: 100, step: 1, value: 0,
      "aria-label": label });
    const shown = make("output", "");
    const update = () => {
      this[name] = input.value === "0" ? 1 : 3 ** (input.value / 100);
      shown.textContent = show(this[name]);
      input.setAttribute("aria-valuetext", shown.textContent);
    };
    input.addEventListener("input", () => {
      this.touched();
      update();
      this.changed();
    });
    update();
    return { box: make("label", "living-factor", {}, make("span", "", {}, label), input, shown),
      set: (x) => { input.value = x; update(); } };
  }

  watch() {
    this.undo = [];
    const on = (target, names, act, options) => {
      for (const name of names.split(" ")) {
        target.addEventListener(name, act, options);
        this.undo.push(() => target.removeEventListener(name, act, options));
      }
    };
    const sizes = new ResizeObserver(() => this.resize());
    sizes.observe(this.root);
    const seen = new IntersectionObserver((entries) => {
      this.visible = entries[entries.length - 1].isIntersecting;
      if (this.visible) this.wake();
    });
    seen.observe(this.root);
    const themes = new MutationObserver(() => this.restyle());
    for (const node of [outer().documentElement, outer().body])
      themes.observe(node, { attributes: true, attributeFilter: THEMES });
    this.undo.push(() => [sizes, seen, themes].forEach((observer) => observer.disconnect()));
    on(matchMedia("(prefers-color-scheme: dark)"), "change", () => this.restyle());
    on(this.calm_query, "change", () => { this.calm = this.calm_query.matches; });
    on(this.root, "pointerdown keydown", () => this.touched(), true);
    on(this.cloud, "pointermove", (e) => this.look_at(this.nearest(e)));
    on(this.cloud, "pointerleave", () => this.look_at(null));
    on(this.cloud, "click", (e) => this.clicked(e));
    on(this.cloud, "dblclick", (e) => {
      const found = this.nearest(e);
      if (found) this.kill(found.k, found.j);
    });
    on(this.cloud, "keydown", (e) => this.key(e));
    on(this.cloud, "focus", () => {
      if (!this.chosen && this.cloud.matches(":focus-visible")) this.choose({ k: 0, j: 0 });
    });
    let dragging = false;
    const drag = (e) => {
      const box = this.strip.getBoundingClientRect(), [x0, x1] = this.strip_ends(box.width);
      this.pause();
      this.time = Math.min(1, Math.max(0, (e.clientX - box.left - x0) / (x1 - x0))) *
        this.spec.n_steps;
      this.refresh();
    };
    on(this.strip_box, "pointerdown", (e) => {
      dragging = true;
      this.strip_box.setPointerCapture(e.pointerId);
      drag(e);
    });
    on(this.strip_box, "pointermove", (e) => dragging && drag(e));
    on(this.strip_box, "pointerup pointercancel", () => { dragging = false; });
    if (this.can_draw) this.watch_pad(on);
  }

  // drawing

  watch_pad(on) {
    const at = (e) => {
      const box = this.pad.getBoundingClientRect();
      return [(e.clientX - box.left) / box.width, (e.clientY - box.top) / box.height];
    };
    let line = null;
    this.cursor = null;
    on(this.pad, "pointerdown", (e) => {
      e.preventDefault();
      this.pad.setPointerCapture(e.pointerId);
      this.pad.focus({ preventScroll: true });
      this.cursor = null;
      line = [at(e)];
      this.begin_stroke(line);
    });
    on(this.pad, "pointermove", (e) => {
      if (!line) return;
      for (const part of e.getCoalescedEvents?.().length ? e.getCoalescedEvents() : [e])
        line.push(at(part));
      this.drawn_on();
    });
    on(this.pad, "pointerup pointercancel", () => {
      if (line) this.asked = performance.now() + 700;
      line = null;
      this.wake();
    });
    on(this.pad, "blur", () => { this.cursor = null; this.refresh(); });
    on(this.pad, "keydown", (e) => this.pad_key(e));
  }

  pad_key(e) {
    const n = this.spec.shape[0];
    const move = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1],
      ArrowDown: [0, 1] }[e.key];
    if (e.key === "Delete" || e.key === "Backspace") this.wipe();
    else if (e.key === "Enter") this.run_drawing();
    else if ((e.ctrlKey || e.metaKey) && e.key === "z") {
      this.strokes.pop();
      this.drawn_on();
    } else if (move || e.key === " ") {
      this.cursor ||= [n >> 1, n >> 1];
      const point = () => this.cursor.map((x) => (x + 0.5) / n);
      const from = point();
      if (move) this.cursor = this.cursor.map((x, k) => Math.min(n - 1, Math.max(0, x + move[k])));
      if (e.shiftKey || e.key === " ") this.begin_stroke([from, point()]);
      this.say(`row ${this.cursor[1] + 1} column ${this.cursor[0] + 1}`);
      this.refresh();
    } else return;
    e.preventDefault();
    e.stopPropagation();
  }

  begin_stroke(line) {
    if (!this.own) this.strokes = [];
    this.own = true;
    this.asked = 0;
    this.morph = null;
    this.strokes.push(line);
    this.drawn_on();
  }

  /** While a digit is being drawn the network reads it at once, moved to the middle. */
  drawn_on() {
    const n = this.spec.shape[0];
    this.pause();
    this.drawing = true;
    this.time = this.spec.n_steps;
    this.label = null;
    this.image = inked(this.strokes, n);
    this.hear(latency(inked(centred(this.strokes, n), n), this.edges));
    this.refresh();
  }

  wipe() {
    this.touched();
    this.strokes = [];
    this.own = true;
    this.asked = 0;
    this.drawn_on();
    this.drawing = false;
    this.say("blank");
    this.refresh();
  }

  /** What was drawn moves to the middle, as the training images were, and is played. */
  run_drawing() {
    this.asked = 0;
    if (!this.strokes.length) return;
    const to = centred(this.strokes, this.spec.shape[0]);
    this.morph = { from: this.strokes, to, u: this.calm ? 1 : 0 };
    this.wake();
  }

  ease_drawing(ms) {
    if (!this.morph) return;
    const { from, to } = this.morph, u = smooth(this.morph.u += ms / 280);
    const mix = (p, q) => [p[0] + u * (q[0] - p[0]), p[1] + u * (q[1] - p[1])];
    this.strokes = u < 1 ? from.map((line, a) => line.map((p, b) => mix(p, to[a][b]))) : to;
    this.image = inked(this.strokes, this.spec.shape[0]);
    this.stale = true;
    if (u < 1) return;
    this.morph = null;
    this.drawing = false;
    this.hear(latency(this.image, this.edges));
    this.time = 0;
    this.play();
  }

  // samples, weights and what follows from them

  get samples() {
    return this.images ? this.images.length / this.spec.sizes[0] : (this.events || []).length;
  }

  sample_events(s) {
    const n = this.spec.sizes[0];
    if (this.events) return this.events[s];
    return latency(this.images.subarray(s * n, (s + 1) * n), this.edges);
  }

  show_sample(s) {
    const n = this.spec.sizes[0];
    this.own = this.drawing = false;
    this.morph = null;
    this.glide?.cancel();
    this.glide = null;
    this.asked = 0;
    if (!this.samples) {
      this.image = new Float32Array(n);
      this.label = null;
      this.hear({ step: [], unit: [] });
      this.time = this.spec.n_steps;
      return;
    }
    this.sample = (s + this.samples) % this.samples;
    this.image = this.images ? this.images.subarray(this.sample * n, (this.sample + 1) * n)
      : new Float32Array(n);
    this.label = this.spec.labels ? this.spec.labels[this.sample] : null;
    this.hear(this.sample_events(this.sample));
    this.time = this.calm && !this.playing ? this.spec.n_steps : 0;
  }

  turn(by) {
    this.show_sample(this.sample + by);
    if (!this.calm) this.play();
    this.refresh();
  }

  settings() {
    return { slower: this.slower, higher: this.higher, dead: this.dead };
  }

  /** Run the network on what it is given to hear. */
  hear(events) {
    this.given = events;
    this.trace = forward(this.spec, this.weights, events, this.settings());
    const v = this.trace.layers[this.trace.layers.length - 1].v;
    this.top = 1e-6;
    for (let k = 0; k < v.length; k++) if (v[k] > this.top) this.top = v[k];
    this.seen.clear();
    this.stale = true;
  }

  /** Constants, weights or switched-off neurons are others: the same sample again. */
  changed() {
    this.hear(this.given);
    this.count_right();
    this.refresh();
  }

  is_dead(k, j) {
    return k >= 0 && k < this.dead.length && this.dead[k][j] === 1;
  }

  kill(k, j) {
    if (k >= this.dead.length) return;
    this.dead[k][j] ^= 1;
    this.web_stale = true;
    this.changed();
    this.tell();
  }

  restore() {
    this.dead.forEach((list) => list.fill(0));
    this.theta.set(0);
    this.tau.set(0);
    this.web_stale = true;
    this.changed();
    this.tell();
  }

  /** New weights, of a network that learns: wires move to them. */
  update(weights, caption) {
    this.weights = weights;
    this.updates += 1;
    this.caption = caption;
    this.reached.clear();
    this.wires.aim(weights, this.calm);
    this.renote();
    this.lists = null;
    this.web_stale = true;
    if (this.chosen) this.choose(this.chosen);
    this.changed();
  }

  /** How many samples are read rightly, some at a time so that nothing stutters. */
  count_right() {
    clearTimeout(this.counting);
    const { labels } = this.spec;
    if (!labels || !this.samples) return;
    let s = 0, right = 0;
    const some = () => {
      const until = performance.now() + 4;
      while (s < this.samples && performance.now() < until) {
        const events = this.sample_events(s);
        const { decision } = forward(this.spec, this.weights, events, this.settings());
        right += decision === labels[s++];
      }
      if (s < this.samples) {
        this.counting = setTimeout(some, 12);
        return;
      }
      this.right = right;
      this.score.textContent = `reads ${right} of ${s}`;
    };
    this.counting = setTimeout(some, 60);
  }

  // play

  play() {
    if (this.drawing && this.strokes.length) return this.run_drawing();
    if (this.time >= this.spec.n_steps) this.time = 0;
    this.playing = true;
    this.held = 0;
    this.until = Infinity;
    this.relabel();
    this.wake();
  }

  pause() {
    this.playing = false;
    this.relabel();
  }

  toggle() {
    if (this.playing && this.time < this.spec.n_steps) this.pause();
    else this.play();
  }

  one_step() {
    this.play();
    this.until = Math.min(this.spec.n_steps, Math.floor(this.time + 1e-6) + 1);
    if (this.calm) {
      this.time = this.until - 0.3;
      this.pause();
      this.time = this.until;
      this.refresh();
    }
  }

  relabel() {
    const name = this.playing ? "Pause" : "Play";
    if (this.play_button.title === name) return;
    this.play_button.replaceChildren(icon(name.toLowerCase()));
    this.play_button.title = name;
    this.play_button.setAttribute("aria-label", name);
  }

  /** A reader has taken over: samples no longer change by themselves. */
  touched() {
    this.auto = false;
  }

  wake() {
    if (!this.frame && this.visible && this.layout) {
      this.last = performance.now();
      this.frame = requestAnimationFrame((now) => this.tick(now));
    }
  }

  refresh() {
    this.stale = true;
    this.wake();
  }

  /** How much faster a step goes by in which no spike is on its way. */
  pace(time) {
    if (this.paced !== this.trace) {
      this.paced = this.trace;
      this.quiet = new Array(this.spec.n_steps + 1).fill(true);
      for (const source of [this.trace.input, ...this.trace.layers])
        for (const t of source.step) this.quiet[t] = this.quiet[t + 1] = false;
    }
    return this.quiet[Math.floor(time)] ? QUICK : 1;
  }

  tick(now) {
    this.frame = 0;
    const ms = Math.min(100, Math.max(0, now - this.last)), began = performance.now();
    this.last = now;
    const T = this.spec.n_steps;
    if (this.asked && began > this.asked) this.run_drawing();
    this.ease_drawing(ms);
    if (this.playing && this.time < T + 0.9) {
      // a slow page plays more slowly: however rare its frames are, no spike falls between two
      const most = 0.9 / this.spec.layers.length;
      this.time += Math.min(most, (ms * this.pace(this.time)) / this.speed.value);
      if (this.time >= this.until) {
        this.time = this.until;
        this.pause();
      }
    } else if (this.playing) {
      this.held += ms;
      if (!this.auto) this.pause();
      else if (this.held > HOLD) {
        this.show_sample(this.sample + 1);
        this.play();
      }
    }
    if (this.wires.ease(ms)) this.web_stale = true;
    this.paint();
    this.frames.push([now, performance.now() - began]);
    if (this.frames.length > 300) this.frames.shift();
    const busy = this.playing || this.wires.moving || this.morph || this.asked;
    if (busy && this.visible && this.root.isConnected)
      this.frame = requestAnimationFrame((next) => this.tick(next));
  }

  paint() {
    const pens = this.pens, time = this.time, stale = this.stale || this.web_stale;
    if (!pens) return;
    if (this.calm && this.playing && time < this.spec.n_steps) {
      const phases = this.spec.layers.length;  // a picture per phase, nothing glides
      this.time = (Math.floor(time * phases) + 0.6) / phases;
    }
    if (this.web_stale) paint_web(pens.web, this);
    if (stale) {
      paint_pad(pens.nodes, this);
      paint_strip(pens.strip, this, this.layout.W, this.strip_height);
    }
    paint_hidden(pens.nodes, this, this.all_stale);
    paint_outputs(pens.nodes, this, this.all_stale);
    paint_motion(pens.motion, this, stale || Boolean(this.cursor));
    if (this.cursor) {
      const { pad } = this.layout;
      pens.motion.strokeStyle = this.look.focus;
      pens.motion.lineWidth = 2;
      pens.motion.strokeRect(pad.x + this.cursor[0] * pad.cell, pad.y + this.cursor[1] * pad.cell,
        pad.cell, pad.cell);
    }
    this.stale = this.web_stale = this.all_stale = false;
    this.put_head();
    this.time = time;
    this.tell();
  }

  put_head() {
    const T = this.spec.n_steps, [x0, x1] = this.strip_ends(this.layout.W);
    const time = Math.min(T, this.time), step = Math.floor(time);
    const at = (t) => ({ transform: `translateX(${x0 + ((x1 - x0) * t) / T}px)` });
    const glides = this.playing && !this.calm && time < T;
    if (glides && this.glide?.step !== step) {  // by itself, until the next step
      this.glide?.cancel();
      const until = Math.min(T, step + 1);
      const duration = ((until - time) * this.speed.value) / this.pace(time);
      this.glide = this.head.animate([at(time), at(until)], { duration, fill: "forwards" });
      this.glide.step = step;
    } else if (!glides) {
      this.glide?.cancel();
      this.glide = null;
      this.head.style.transform = at(time).transform;
    }
    if (this.head_step !== step) {
      this.head_step = step;
      this.head.dataset.time = in_time(step * this.spec.dt);
      this.head.classList.toggle("living-late", time > 0.85 * T);
    }
    // a control that moves is laid out anew: twice a step is enough while it plays
    const value = String(this.playing ? 10 * Math.round(2 * time) : Math.round(20 * time));
    if (this.scrub.value !== value) this.scrub.value = value;
    if (this.playing) return;
    const text = `step ${Math.min(T, step + 1)} of ${T}, ${in_time(step * this.spec.dt)}`;
    if (this.scrub.getAttribute("aria-valuetext") !== text)
      this.scrub.setAttribute("aria-valuetext", text);
  }

  // what is said

  /** Potential of output j up to now, at most. */
  peak(j) {
    const last = this.trace.layers[this.trace.layers.length - 1];
    let top = 0;
    for (let t = 0; t < this.spec.n_steps && t + 1 <= this.time; t++)
      top = Math.max(top, last.v[t * last.n + j]);
    return top;
  }

  fired(k, j) {
    const layer = this.trace.layers[k];
    let sum = 0;
    layer.step.forEach((t, e) => { sum += layer.unit[e] === j && t + 1 <= this.time; });
    return sum;
  }

  leader() {
    const k = this.spec.layers.length - 1, { n, fires } = this.trace.layers[k];
    let best = -1, top = 0;
    for (let j = 0; j < n; j++) {
      const x = fires ? this.fired(k, j) : this.peak(j);
      if (x > top) [best, top] = [j, x];
    }
    return best;
  }

  tell() {
    const { spec, trace } = this, done = this.time >= spec.n_steps;
    const best = done ? trace.decision : this.leader();
    const state = `${done} ${best} ${this.own} ${this.label}`;
    if (this.told_trace === trace && this.told_state === state) return this.tell_about();
    [this.told_trace, this.told_state] = [trace, state];
    const hidden = trace.layers.slice(0, -1).reduce((sum, layer) => sum + layer.step.length, 0);
    const counts = `${plural(trace.input.step.length, "input spike")}, ${hidden} hidden`;
    let first = "", rest = counts, kind = "";
    if (!trace.input.step.length)
      rest = this.own ? "Blank paper: draw a digit." : "No input spikes.";
    else if (done && best < 0) rest = `It cannot decide: ${counts}.`;
    else if (best >= 0) {
      first = spec.names[best];
      const known = this.label !== null && this.label !== undefined && done;
      kind = known && this.label !== best ? "wrong" : done ? "win" : "";
      const order = [...trace.scores.keys()].sort((i, j) => trace.scores[j] - trace.scores[i]);
      rest = !done ? `leads … ${counts}` : `${!known ? `then ${spec.names[order[1]]}`
        : this.label === best ? "right" : `wrong, it is ${spec.names[this.label]}`} · ${counts}`;
    }
    const key = `${first}|${rest}|${kind}`;
    if (key !== this.told) {
      this.told = key;
      this.verdict.replaceChildren(
        ...(first ? [make("strong", kind && `living-${kind}`, {}, first)] : []),
        make("span", "", {}, rest));
      if (done) this.say(first ? `It says ${first}. ${rest}` : rest);
    }
    this.tell_about();
  }

  tell_about() {
    const about = [this.chosen, this.caption, this.trace, this.higher, this.slower];
    if (this.about && about.every((x, k) => x === this.about[k])) return;
    this.about = about;
    const hint = `click a neuron${this.can_draw ? ", draw a digit" : ""}`;
    const text = this.chosen ? this.describe(this.chosen) : this.caption || hint;
    const off = this.chosen && this.is_dead(this.chosen.k, this.chosen.j);
    const changed = this.higher !== 1 || this.slower !== 1 || this.dead.some((d) => d.includes(1));
    this.reset.hidden = !changed;
    if (text !== this.about_told) {
      this.about_told = text;
      this.about_text.textContent = text;
      if (this.chosen) this.say(text);
    }
    this.kill_button.hidden = !this.chosen || this.chosen.k >= this.dead.length;
    this.kill_button.textContent = off ? "Switch on" : "Switch off";
  }

  /** A neuron in words. */
  describe({ k, j }) {
    const { spec, trace, weights } = this, layer = trace.layers[k];
    if (k === spec.layers.length - 1) {
      const top = Math.max(...layer.v.filter((_, e) => e % layer.n === j));
      return `Output ${spec.names[j]}` + (layer.fires ? "" : `: peaks at ${top.toFixed(2)}`);
    }
    const times = layer.step.filter((_, e) => layer.unit[e] === j).map((t) => t * spec.dt * 1e6);
    const when = this.is_dead(k, j) ? "off" : !times.length ? "silent here"
      : `fires at ${times.slice(0, 4).map((t) => t.toFixed(0)).join(", ")}` +
        `${times.length > 4 ? " …" : ""} µs`;
    const name = `Neuron ${j + 1}${spec.layers.length > 2 ? ` of layer ${k + 1}` : ""}`;
    if (k < spec.layers.length - 2) return `${name}: ${when}`;
    const n = spec.names.length, row = [...weights[k + 1].subarray(j * n, (j + 1) * n)];
    const [for_, against] = [Math.max(...row), Math.min(...row)].map((w) => row.indexOf(w));
    return `${name}: ${when}; speaks for ${spec.names[for_]}, against ${spec.names[against]}`;
  }

  say(text) {
    clearTimeout(this.saying);
    this.saying = setTimeout(() => { this.said.textContent = text; }, 400);
  }

  // mouse and keyboard on neurons

  nearest(e) {
    const box = this.cloud.getBoundingClientRect(), { layout } = this;
    const x = e.clientX - box.left, y = e.clientY - box.top;
    let found = null, best = Infinity;
    layout.places.slice(1).forEach((places, k) => {
      const last = k === layout.places.length - 2;
      const reach = last ? layout.r_out + 6 : Math.max(9, layout.radius[k] * 1.6);
      places.forEach(([a, b], j) => {
        const d = Math.hypot(x - a, y - b) / reach;
        if (d < 1 && d < best) [found, best] = [{ k, j }, d];
      });
    });
    return found;
  }

  look_at(found) {
    if (found?.k === this.hover?.k && found?.j === this.hover?.j) return;
    this.hover = found;
    this.cloud.style.cursor = found ? "pointer" : "default";
    this.refresh();
  }

  clicked(e) {
    const found = this.nearest(e);
    if (found && e.shiftKey) return this.kill(found.k, found.j);
    const same = found && this.chosen && found.k === this.chosen.k && found.j === this.chosen.j;
    this.choose(same && e.detail < 2 ? null : found);
  }

  chosen_is(k, j) {
    return this.chosen && this.chosen.k === k && this.chosen.j === j;
  }

  choose(found) {
    this.chosen = found;
    this.field = found ? this.receptive_field(found) : null;
    this.refresh();
  }

  /** Weights by pixel, scaled to 1; of a later layer those of all paths, as if all were linear. */
  receptive_field({ k, j }) {
    const { spec, weights } = this, n = spec.sizes[k + 1];
    let field = Float32Array.from({ length: spec.sizes[k] }, (_, i) => weights[k][i * n + j]);
    for (let q = k - 1; q >= 0; q--) {
      const m = spec.sizes[q + 1], above = field;
      field = Float32Array.from({ length: spec.sizes[q] }, (_, i) => {
        let sum = 0;
        for (let h = 0; h < m; h++) sum += weights[q][i * m + h] * above[h];
        return sum;
      });
    }
    const top = field.reduce((a, x) => Math.max(a, Math.abs(x)), 1e-9);
    return field.map((x) => x / top);
  }

  key(e) {
    const dir = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1],
      ArrowDown: [0, 1] }[e.key];
    if (dir) this.step_to(dir);
    else if (e.key === "x" || e.key === "X") this.chosen && this.kill(this.chosen.k, this.chosen.j);
    else if (e.key === "Escape") this.choose(null);
    else if (e.key === " ") this.toggle();
    else return;
    e.preventDefault();
    e.stopPropagation();
  }

  /** Choose the nearest neuron in a direction. */
  step_to([dx, dy]) {
    const { places } = this.layout, from = this.chosen || { k: 0, j: 0 };
    const [x, y] = places[from.k + 1][from.j];
    let found = null, best = Infinity;
    places.slice(1).forEach((list, k) => list.forEach(([a, b], j) => {
      const ahead = (a - x) * dx + (b - y) * dy;
      const aside = Math.abs((a - x) * dy) + Math.abs((b - y) * dx);
      if (ahead > 1 && ahead + 2.5 * aside < best) [found, best] = [{ k, j }, ahead + 2.5 * aside];
    }));
    if (found) this.choose(found);
  }

  // wires of a unit

  /** Function that gives the drawn wires from a unit of layer k; without any, its strongest. */
  wires_from(k) {
    this.lists ||= [];
    const lists = (this.lists[k] ||= this.wires.from(k)), n = this.spec.sizes[k + 1];
    return (i) => {
      if (!lists.has(i)) {
        const row = this.weights[k].subarray(i * n, (i + 1) * n);
        let j = 0;
        row.forEach((w, q) => { if (Math.abs(w) > Math.abs(row[j])) j = q; });
        lists.set(i, row[j] ? [{ k, i, j, now: row[j] }] : []);
      }
      return lists.get(i);
    };
  }

  /** A neuron's strongest wires, in and out. */
  reach(k, j) {
    const key = `${k} ${j}`, { spec, weights } = this;
    if (!this.reached.has(key)) {
      const list = [];
      const n = spec.sizes[k + 1];
      for (let i = 0; i < spec.sizes[k]; i++) list.push({ k, i, j, now: weights[k][i * n + j] });
      list.sort((p, q) => Math.abs(q.now) - Math.abs(p.now));
      list.length = Math.min(list.length, 24);
      if (k + 1 < spec.layers.length) {
        const m = spec.sizes[k + 2], out = [];
        for (let q = 0; q < m; q++)
          out.push({ k: k + 1, i: j, j: q, now: weights[k + 1][j * m + q] });
        out.sort((p, q) => Math.abs(q.now) - Math.abs(p.now));
        list.push(...out.slice(0, 12));
      }
      this.reached.set(key, list.filter((wire) => wire.now));
    }
    return this.reached.get(key);
  }

  // sizes and colours

  strip_ends(W) {
    return [8, W - 8];
  }

  strip_x(W) {
    const [x0, x1] = this.strip_ends(W), T = this.spec.n_steps;
    return (time) => x0 + ((x1 - x0) * Math.min(T, time)) / T;
  }

  resize() {
    const W = Math.floor(this.stage.clientWidth), ratio = Math.min(2, devicePixelRatio || 1);
    if (!W || (this.layout?.W === W && this.ratio === ratio)) return;
    this.root.classList.toggle("living-narrow", W < 624);
    this.root.classList.toggle("living-small", W < 444);
    const H = W < 624 ? Math.max(214, Math.min(262, Math.round(W * 0.46)))
      : W < 900 ? 280 : 290;  // below, the controls may need two rows
    this.strip_height = W < 624 ? 48 : 58;
    this.ratio = ratio;
    const size = (canvas, h) => {
      canvas.width = Math.round(W * ratio);
      canvas.height = Math.round(h * ratio);
      canvas.style.height = `${h}px`;
      const pen = canvas.getContext("2d");
      pen.scale(ratio, ratio);
      return pen;
    };
    this.stage.style.height = `${H}px`;
    this.pens = { web: size(this.web, H), nodes: size(this.nodes, H),
      motion: size(this.motion, H), strip: size(this.strip, this.strip_height) };
    this.layout = arrange(this.spec, this.weights, W, H);
    const { pad } = this.layout;
    const place = { left: pad.x, top: pad.y, width: pad.w, height: pad.h };
    for (const [name, x] of Object.entries(place)) this.pad.style[name] = `${x}px`;
    this.pad_bar.style.left = `${pad.x - 2}px`;
    this.pad_bar.style.top = `${pad.y + pad.h + 4}px`;
    this.note.style.right = `${this.layout.right + 6}px`;
    this.renote();
    this.restyle();
  }

  renote() {
    const times = Math.round(this.speed.value / 1000 / this.spec.dt);
    const slow = `slowed down up to ${Number(times.toPrecision(2)).toLocaleString("en")} times`;
    // those that fade have gone already, as have all whose weight is 0
    const count = this.wires.count;
    const total = this.weights.reduce((sum, w) => w.reduce((n, x) => n + (x !== 0), sum), 0);
    const some = count < total, n = count.toLocaleString("en");
    const small = this.layout?.W < 624, of = `${n} of ${total.toLocaleString("en")} wires`;
    this.note.textContent = (!some ? `all ${n} wires` : small ? `strongest ${of}`
      : `${of}: the strongest of either sign`) + (small ? "" : ` · ${slow}`);
  }

  restyle() {
    this.look = palette(this.root);
    this.font = getComputedStyle(this.root).fontFamily;
    if (!this.layout) return this.resize();
    this.dots = this.layout.radius.map((r) => sprites(r, this.look, this.ratio));
    this.glows = [...this.layout.radius, this.layout.r_out].map((r) =>
      glow_of(this.look.dark ? this.look.plus : this.look.spike, 3.6 * r, this.ratio));
    this.halo = glow_of(this.look.win, 4 * this.layout.r_out, this.ratio, RING);
    this.shown = this.layout.radius.map((_, k) => new Array(this.spec.sizes[k + 1]));
    this.pens.nodes.clearRect(0, 0, this.layout.W, this.layout.H);
    this.web_stale = this.all_stale = true;
    this.refresh();
  }

  /** What is drawn, in numbers: for tests. */
  state() {
    const trace = this.trace;
    const spikes = (source) => source.step.map((t, e) => [t, source.unit[e]]);
    return { time: this.time, playing: this.playing, sample: this.sample, calm: this.calm,
      decision: trace.decision, scores: [...trace.scores], image: [...this.image],
      spikes: [trace.input, ...trace.layers.filter((layer) => layer.fires)].map(spikes),
      seen: [...this.seen].map((key) => key.split(" ").map(Number)), updates: this.updates,
      dead: this.dead.map((list) => [...list.keys()].filter((j) => list[j])),
      chosen: this.chosen, right: this.right, wires: this.wires.drawn.flatMap((wires) =>
        [...wires.values()].map(({ k, i, j, now }) =>
          ({ k, i, j, width: this.wires.width({ k, now }) }))),
      frames: this.frames, moving: this.wires.moving };
  }

  destroy() {
    cancelAnimationFrame(this.frame);
    clearTimeout(this.counting);
    clearTimeout(this.saying);
    for (const act of this.undo) act();
  }
}

// 8. doors ----------------------------------------------------------------------------------------

/**
 * Put a living network into an element; `data` are `spec`, and in bytes or base64 `weights`,
 * `images` or `events`, as `snnlab.live.living` writes them.
 */
export const mount = (root, data) => {
  const { spec } = data;
  const weights = split(numbers(data.weights, data.weights_kind), spec.sizes);
  const images = data.images_kind === "none" ? null : numbers(data.images, data.images_kind);
  let events = null;
  if (data.events_kind !== "none") {
    const flat = numbers(data.events, "int32"), n = flat[0];
    events = Array.from({ length: n }, (_, s) => {
      const total = flat[n + 1], at = n + 2, [lo, hi] = [flat[1 + s], flat[2 + s]];
      return { step: [...flat.subarray(at + lo, at + hi)],
        unit: [...flat.subarray(at + total + lo, at + total + hi)] };
    });
  }
  const living = new Living(root, { spec, weights, images, events, caption: data.caption });
  root.living = living;
  living.count_right();
  return living;
};

function render({ model, el }) {
  const root = document.createElement("div");
  el.append(root);
  const get = (name) => model.get(name);
  const data = () => ({ spec: get("_spec"), caption: get("caption"), weights: get("_weights"),
    weights_kind: get("_weights_kind"), images: get("_images"), images_kind: get("_images_kind"),
    events: get("_events"), events_kind: get("_events_kind") });
  let living = mount(root, data());
  const update = () => {
    living.update(split(numbers(get("_weights"), get("_weights_kind")), get("_spec").sizes),
      get("caption"));
    model.send({ kind: "seen" });
  };
  const again = () => {
    living.destroy();
    living = mount(root, data());
  };
  // in a notebook `lifted` stands before this module: it takes the still picture away
  let back = () => {};
  const lift = () => {
    back();
    if (typeof lifted === "function") back = lifted(get("_stills"));
  };
  lift();
  model.on("change:_stills", lift);
  model.on("change:_weights", update);
  model.on("change:_spec", again);
  return () => {
    living.destroy();
    model.off("change:_weights", update);
    model.off("change:_spec", again);
    model.off("change:_stills", lift);
    back();
  };
}

export default { render };
