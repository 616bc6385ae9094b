// LeNet-5 in plain JavaScript, and the pad that it reads while a stroke is drawn.
//
// From a drawing to MNIST's form (lenet/data/preprocessing.py, the same to the pixel), from there
// through the net (lenet/nets/lenet.py), and at the end the page. What comes before the page knows
// of no page and runs in any JavaScript engine: tests/report/test_draw.py.

const SIDE = 28, FIELD = 32, INNER = 20; // of a digit, of the net's input, of a digit's strokes
const { fround } = Math;

function roundEven(value) { // as Python, NumPy and PyTorch round
  const low = Math.floor(value), rest = value - low;
  return rest < 0.5 || (rest === 0.5 && low % 2 === 0) ? low : low + 1;
}

// ---- From a drawing to a digit of 28x28 (III.A) ----

const FAINT = 1 / 8, FIRM = 1 / 2, SPECK = 1 / 50, CONTRAST = 24 / 255; // as preprocessing.py

const INK = new Float32Array(256); // of a grey level
for (let level = 0; level < 256; level++) INK[level] = fround(1 - fround(level / 255));

// Grey levels, side x side, 255 is the white ground -> 28x28, 255 is ink; null where it is blank.
function normalise(grey, side) {
  const drawn = boxOf(grey, side, (level) => level < 255);
  if (!drawn) return null;
  const ringed = new Float32Array((drawn.tall + 2) * (drawn.wide + 2)); // by ground
  let most = 0;
  for (let y = 0; y < drawn.tall; y++)
    for (let x = 0; x < drawn.wide; x++) {
      const ink = INK[grey[(drawn.top + y) * side + drawn.left + x]];
      ringed[(y + 1) * (drawn.wide + 2) + x + 1] = ink;
      if (ink > most) most = ink;
    }
  if (most < CONTRAST) return null;
  const kept = strokes(ringed, drawn.wide + 2);
  const { top, left, tall, wide } = boxOf(kept, drawn.wide + 2, (ink) => ink !== 0);
  const box = new Float32Array(tall * wide);
  for (let y = 0; y < tall; y++) {
    const start = (top + y) * (drawn.wide + 2) + left;
    box.set(kept.subarray(start, start + wide), y * wide);
  }
  const scale = INNER / Math.max(tall, wide);
  const [height, width] = [tall, wide].map((length) => Math.max(1, roundEven(length * scale)));
  const small = resized(box, tall, wide, height, width);
  const stretch = fround(255 / small.reduce((a, b) => Math.max(a, b))); // thin strokes have paled
  const pixels = small.map((value) => roundEven(fround(Math.max(value, 0) * stretch)));
  const rows = new Float64Array(height), columns = new Float64Array(width);
  pixels.forEach((value, i) => {
    rows[Math.floor(i / width)] += value;
    columns[i % width] += value;
  });
  const [y0, x0] = [startOf(rows), startOf(columns)];
  const digit = new Uint8Array(SIDE * SIDE);
  pixels.forEach((value, i) => {
    digit[(y0 + Math.floor(i / width)) * SIDE + x0 + (i % width)] = value;
  });
  return digit;
}

// The smallest box around the values that are ink; null where there are none.
function boxOf(values, side, isInk) {
  let top = -1, bottom = 0, left = side, right = 0;
  for (let row = 0, i = 0; i < values.length; row++)
    for (let column = 0; column < side; column++, i++)
      if (isInk(values[i])) {
        if (top < 0) top = row;
        bottom = row + 1;
        if (column < left) left = column;
        if (column >= right) right = column + 1;
      }
  return top < 0 ? null : { top, left, tall: bottom - top, wide: right - left };
}

// Ink without what is faint all through, and without specks; parts touch at corners, too. Around
// the ink there is a ring of ground.
function strokes(ink, width) {
  const around = [-width - 1, -width, -width + 1, -1, 0, 1, width - 1, width, width + 1];
  const part = new Int32Array(ink.length), areas = [0], firm = [false], open = [];
  for (let first = 0; first < ink.length; first++) {
    if (part[first] || ink[first] < FAINT) continue;
    const own = areas.push(0) - 1;
    part[first] = own;
    open.push(first);
    while (open.length) {
      const i = open.pop();
      areas[own]++;
      firm[own] ||= ink[i] >= FIRM;
      for (const step of around) {
        if (part[i + step] || ink[i + step] < FAINT) continue;
        part[i + step] = own;
        open.push(i + step);
      }
    }
  }
  const least = Math.max(1, SPECK * Math.max(...areas)), kept = new Float32Array(ink.length);
  for (let i = 0; i < part.length; i++) {
    if (!firm[part[i]] || areas[part[i]] < least) continue;
    for (const step of around) kept[i + step] = ink[i + step]; // with its faint edge
  }
  return kept;
}

// Pillow's resizing by a Hamming window: columns first, then rows.
function resized(box, tall, wide, height, width) {
  const across = windows(wide, width), down = windows(tall, height);
  const narrow = new Float32Array(tall * width), small = new Float32Array(height * width);
  for (let y = 0; y < tall; y++)
    across.forEach(([start, weights], x) => {
      let sum = 0;
      for (let k = 0; k < weights.length; k++) sum += box[y * wide + start + k] * weights[k];
      narrow[y * width + x] = sum;
    });
  down.forEach(([start, weights], y) => {
    for (let x = 0; x < width; x++) {
      let sum = 0;
      for (let k = 0; k < weights.length; k++) sum += narrow[(start + k) * width + x] * weights[k];
      small[y * width + x] = sum;
    }
  });
  return small;
}

// For each place of the result where its window starts, and the weights in it, whose sum is 1.
function windows(from, to) {
  const scale = from / to, support = Math.max(scale, 1);
  return Array.from({ length: to }, (_, place) => {
    if (from === to) return [place, [1]];
    const centre = (place + 0.5) * scale;
    const start = Math.max(Math.trunc(centre - support + 0.5), 0);
    const end = Math.min(Math.trunc(centre + support + 0.5), from);
    const weights = [];
    for (let i = start; i < end; i++) weights.push(hamming((i - centre + 0.5) * (1 / support)));
    const sum = weights.reduce((a, b) => a + b, 0);
    return [start, weights.map((weight) => weight / sum)];
  });
}

function hamming(x) {
  const turn = Math.abs(x) * Math.PI;
  if (turn === 0) return 1;
  if (turn >= Math.PI) return 0;
  return (Math.sin(turn) / turn) * (fround(0.54) + fround(0.46) * Math.cos(turn));
}

// Where a line of ink starts, so that its centre of mass falls into pixel 14 of 28.
function startOf(profile) {
  let mass = 0, moment = 0;
  profile.forEach((value, i) => {
    mass += value;
    moment += value * i;
  });
  const start = Math.ceil(SIDE / 2 - 0.5 - moment / mass);
  return Math.min(Math.max(start, 0), SIDE - profile.length);
}

// ---- Changes of a digit of 28x28 (III.E), as lenet/data/robustness.py makes them ----

const CHANGES = {
  rotation: (digit, degrees) => {
    const [c, s] = [Math.cos(degrees * Math.PI / 180), Math.sin(degrees * Math.PI / 180)];
    return mapped(digit, [c, -s, 0, s, c, 0]);
  },
  scale: (digit, factor) => mapped(digit, [1 / factor, 0, 0, 0, 1 / factor, 0]),
  squeeze: (digit, factor) => mapped(digit, [1 / factor, 0, 0, 0, factor, 0]),
  "vertical shift": (digit, pixels) => mapped(digit, [1, 0, 0, 0, 1, -pixels]),
  "horizontal shift": (digit, pixels) => mapped(digit, [1, 0, -pixels, 0, 1, 0]),
  noise: (digit, share) => digit.map((value, i) => (chance(i) < share ? 255 - value : value)),
};

// Each pixel is looked up, bilinearly, where the affine map takes it; outside there is no ink.
function mapped(digit, [a, b, c, d, e, f]) {
  const middle = (SIDE - 1) / 2;
  const at = (x, y) => (x < 0 || y < 0 || x >= SIDE || y >= SIDE ? 0 : digit[y * SIDE + x]);
  return digit.map((_, i) => {
    const x = (i % SIDE) - middle, y = Math.floor(i / SIDE) - middle;
    const u = a * x + b * y + c + middle, v = d * x + e * y + f + middle;
    const left = Math.floor(u), top = Math.floor(v), p = u - left, q = v - top;
    return roundEven(
      (1 - q) * ((1 - p) * at(left, top) + p * at(left + 1, top)) +
      q * ((1 - p) * at(left, top + 1) + p * at(left + 1, top + 1)),
    );
  });
}

// A number from 0 to 1 for each pixel, always the same (Wang's hash): more noise adds to less.
function chance(pixel) {
  let word = pixel + 1998;
  word = (word ^ 61 ^ (word >>> 16)) * 9;
  word = Math.imul(word ^ (word >>> 4), 0x27d4eb2d);
  return ((word ^ (word >>> 15)) >>> 0) / 2 ** 32;
}

// ---- The net (II.B) ----

const BACKGROUND = -0.1, FOREGROUND = 1.175;
const SQUASHING = {
  scaled_tanh: (a) => 1.7159 * Math.tanh((2 / 3) * a),
  tanh: Math.tanh,
  relu: (a) => Math.max(a, 0),
};

// A net as the page holds it: {pooling, activation, table, weights}, the weights in base64.
function opened(net) {
  const weights = {};
  for (const name in net.weights) weights[name] = floats(net.weights[name]);
  const every = (maps, seen) => Array(maps).fill([...Array(seen).keys()]);
  const layer = (name, more) => ({
    weight: weights[`${name}.weight`],
    bias: weights[`${name}.bias`],
    ...more,
  });
  return {
    ...net,
    C1: layer("C1", { table: every(6, 1) }),
    S2: layer("S2.0"),
    C3: layer("C3", { table: net.table ?? every(16, 6) }),
    S4: layer("S4.0"),
    C5: layer("C5", { table: every(120, 16) }),
    F6: layer("F6", { table: every(84, 120) }),
    output: layer("output", { centres: weights["output.centres"] }),
  };
}

const floats = (text) => new Float32Array(decoded(text).buffer);

// Bytes from base64.
function decoded(text) {
  const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  const value = new Uint8Array(128);
  for (let i = 0; i < 64; i++) value[letters.charCodeAt(i)] = i;
  const bytes = new Uint8Array(Math.floor((text.replace(/=+$/, "").length * 3) / 4));
  for (let i = 0, j = 0; j < bytes.length; i += 4) {
    const [a, b, c, d] = [0, 1, 2, 3].map((k) => value[text.charCodeAt(i + k)]);
    bytes[j++] = (a << 2) | (b >> 4);
    bytes[j++] = (b << 4) | (c >> 2);
    bytes[j++] = (c << 6) | d;
  }
  return bytes;
}

// What each layer makes of a digit; the class of the least penalty is the answer.
function read(net, digit) {
  const f = SQUASHING[net.activation];
  const input = padded(digit); //                                 1 @ 32x32
  const C1 = convolved(input, FIELD, net.C1).map(f); //           6 @ 28x28
  const S2 = subsampled(C1, 28, net.S2, net.pooling, f); //       6 @ 14x14
  const C3 = convolved(S2, 14, net.C3).map(f); //                16 @ 10x10
  const S4 = subsampled(C3, 10, net.S4, net.pooling, f); //      16 @ 5x5
  const C5 = convolved(S4, 5, net.C5).map(f); //                120
  const F6 = summed(C5, net.F6).map(f); //                       84
  const { centres } = net.output;
  const penalties = centres ? distances(F6, centres) : surprise(summed(F6, net.output));
  return { input, C1, S2, C3, S4, C5, F6, penalties };
}

function padded(digit) {
  const input = new Float32Array(FIELD * FIELD).fill(BACKGROUND);
  const edge = (FIELD - SIDE) / 2;
  digit.forEach((value, i) => {
    const place = (Math.floor(i / SIDE) + edge) * FIELD + (i % SIDE) + edge;
    input[place] = BACKGROUND + (FOREGROUND - BACKGROUND) * (value / 255);
  });
  return input;
}

// Each map of the result sees the maps that the table names, through a kernel of 5x5 for each.
function convolved(maps, side, { weight, bias, table }) {
  const size = side - 4, out = new Float32Array(table.length * size * size);
  const sums = new Float64Array(size * size);
  let kernel = 0;
  table.forEach((seen, map) => {
    sums.fill(bias[map]);
    for (const from of seen) {
      for (let dy = 0; dy < 5; dy++)
        for (let dx = 0; dx < 5; dx++) {
          const w = weight[kernel++];
          for (let y = 0; y < size; y++) {
            const start = (from * side + y + dy) * side + dx;
            for (let x = 0; x < size; x++) sums[y * size + x] += w * maps[start + x];
          }
        }
    }
    out.set(sums, map * size * size);
  });
  return out;
}

// Four inputs become one: their mean, the largest, or their sum by a coefficient, plus a bias.
function subsampled(maps, side, { weight, bias }, pooling, f) {
  const half = side / 2, out = new Float32Array(maps.length / 4);
  for (let i = 0; i < out.length; i++) {
    const map = Math.floor(i / (half * half)), row = Math.floor(i / half) % half;
    const start = (map * side + 2 * row) * side + 2 * (i % half);
    const four = [maps[start], maps[start + 1], maps[start + side], maps[start + side + 1]];
    const sum = four[0] + four[1] + four[2] + four[3];
    if (pooling === "max") out[i] = Math.max(...four);
    else out[i] = pooling === "average" ? sum / 4 : f(sum * weight[map] + bias[map]);
  }
  return out;
}

function summed(inputs, { weight, bias }) {
  return Float32Array.from(bias, (sum, unit) => {
    for (let i = 0; i < inputs.length; i++) sum += weight[unit * inputs.length + i] * inputs[i];
    return sum;
  });
}

// Squared distances of F6 from the code of each class (equation 7).
function distances(F6, centres) {
  return Float32Array.from({ length: 10 }, (_, digit) => {
    let sum = 0;
    for (let i = 0; i < 84; i++) sum += (F6[i] - centres[digit * 84 + i]) ** 2;
    return sum;
  });
}

// Of a softmax: minus the logarithm of each probability.
function surprise(scores) {
  const most = Math.max(...scores);
  const log = most + Math.log(scores.reduce((sum, score) => sum + Math.exp(score - most), 0));
  return scores.map((score) => log - score);
}

// The two best answers, and whether they are too near each other (III.D).
function answerOf(penalties, threshold) {
  const order = [...penalties.keys()].sort((a, b) => penalties[a] - penalties[b]);
  const margin = penalties[order[1]] - penalties[order[0]];
  return { digit: order[0], second: order[1], margin, rejected: margin < threshold };
}

// ---- Where a unit looks ----

const BELOW = { C1: "input", S2: "C1", C3: "S2", S4: "C3", C5: "S4", F6: "C5" };
const KERNEL = { C1: 5, C3: 5, C5: 5, F6: 1 }; // the side of a kernel

// What a unit sees of each layer below it, the nearest first: maps, and a square of their units.
function fields(net, stage, map, row, column) {
  const seen = [];
  let maps = [map], [top, left, size] = [row, column, 1];
  for (let layer = stage; BELOW[layer]; layer = BELOW[layer]) {
    if (KERNEL[layer]) {
      maps = [...new Set(maps.flatMap((each) => net[layer].table[each]))].sort((a, b) => a - b);
      size += KERNEL[layer] - 1;
    } else [top, left, size] = [2 * top, 2 * left, 2 * size];
    seen.push({ stage: BELOW[layer], maps, top, left, size });
  }
  return seen;
}

// The kernels of a unit, one after the other.
function kernelsOf({ weight, table }, map, side) {
  const before = table.slice(0, map).reduce((sum, seen) => sum + seen.length, 0);
  return weight.subarray(before * side ** 2, (before + table[map].length) * side ** 2);
}

// What a unit makes its value of, in words.
function described(net, stage, map) {
  const below = BELOW[stage], { weight, bias, table } = net[stage] ?? {};
  if (!below) return "";
  const plus = bias ? `, plus ${bias[map].toFixed(2)}` : "";
  if (KERNEL[stage]) {
    const seen = table[map], side = KERNEL[stage];
    if (below === "input") return `: a kernel of ${side}x${side} over the input${plus}`;
    const all = { C3: 6, C5: 16, F6: 120 }[stage], units = stage === "F6" ? "units" : "maps";
    const some = `${seen.length} of the ${all} maps of ${below} (${seen.join(", ")})`;
    const which = seen.length < all ? some : `all ${all} ${units} of ${below}`;
    const what = side > 1 ? `kernels of ${side}x${side}` : "weights";
    return `: ${seen.length} ${what} over ${which}${plus}`;
  }
  const four = `four units of ${below}'s map ${map}`;
  if (net.pooling === "subsampling") return `: ${four}, added, times ${weight[map].toFixed(2)}${plus}`;
  return `: the ${net.pooling === "max" ? "largest" : "mean"} of ${four}`;
}

// ---- The page ----

const SHOWN = { // of each layer: maps, the side of a map, maps in a line, pixels for a unit
  input: [1, 32, 1, 6],
  C1: [6, 28, 6, 4],
  S2: [6, 14, 6, 4],
  C3: [16, 10, 8, 4],
  S4: [16, 5, 16, 8],
  C5: [120, 1, 40, 16],
  F6: [84, 1, 7, 10],
};
const PAPER = 280, PEN = 11, STEP = 7; // pixels: the pad's side, the pen's radius, an arrow key
const SLIDERS = { // from, to, step, what changes nothing; those of factors are powers of two
  rotation: { from: -40, to: 40, step: 1, words: either("°", "clockwise", "counterclockwise") },
  scale: { from: -1, to: 1, step: 0.05, power: true, words: times("size") },
  squeeze: { from: -0.75, to: 0.75, step: 0.05, power: true, words: times("width") },
  "vertical shift": { from: -14, to: 14, step: 1, words: either(" pixels", "up", "down") },
  "horizontal shift": { from: -14, to: 14, step: 1, words: either(" pixels", "left", "right") },
  noise: { from: 0, to: 0.3, step: 0.01, words: (v) => `${Math.round(100 * v)} % inverted` },
};
function either(unit, less, more) {
  return (value) => `${Math.abs(value)}${unit} ${value < 0 ? less : more}`;
}
function times(what) {
  return (value) => `${value.toFixed(2)} times the ${what}`;
}
const clamp = (value, least, most) => Math.min(Math.max(value, least), most);

// Everything between a drawing and the answer. `data` is {nets, examples, curves}: nets as `opened`
// takes them with name, title and threshold; curves of nets by change, [value, error] each.
function drawPage(data) {
  const $ = (id) => document.getElementById(id);
  const nets = data.nets.map(opened);
  const grey = new Uint8Array(PAPER * PAPER).fill(255); // the drawing
  const settings = {}; // of the sliders that are moved
  let shown = 0, digit = null, readings = [], looked = null, code = null;

  // Brings everything on the page up to date with the drawing, or with a digit that was clicked.
  function update(given = normalise(grey, PAPER)) {
    digit = given;
    let changed = digit;
    for (const how in digit ? settings : {}) changed = CHANGES[how](changed, settings[how]);
    readings = changed ? nets.map((net) => read(net, changed)) : [];
    drawAnswers();
    drawStages();
  }

  // -- the pad --

  const pad = $("pad"), ink = pad.getContext("2d");
  const picture = ink.createImageData(PAPER, PAPER);
  const pen = { x: PAPER / 2, y: PAPER / 2, down: false, keys: false };

  // Ink from one place to another; the pad's outermost pixels stay ground.
  function stroke(x0, y0, x1, y1) {
    const [dx, dy] = [x1 - x0, y1 - y0], length = dx * dx + dy * dy, reach = PEN + 1;
    const range = (a, b) => [
      Math.max(Math.floor(Math.min(a, b) - reach), 1),
      Math.min(Math.ceil(Math.max(a, b) + reach), PAPER - 2),
    ];
    const [left, right] = range(x0, x1), [top, bottom] = range(y0, y1);
    for (let y = top; y <= bottom; y++)
      for (let x = left; x <= right; x++) {
        const along = length ? clamp(((x - x0) * dx + (y - y0) * dy) / length, 0, 1) : 0;
        const away = Math.hypot(x - x0 - along * dx, y - y0 - along * dy);
        const paper = Math.round(255 * clamp(away - PEN + 0.5, 0, 1));
        grey[y * PAPER + x] = Math.min(grey[y * PAPER + x], paper);
      }
  }

  function drawPad() {
    const levels = new Uint8ClampedArray(4 * 256), pixels = new Uint32Array(picture.data.buffer);
    for (let level = 0; level < 256; level++)
      mix(levels, 4 * level, colour("--ink"), colour("--paper"), level / 255);
    const shades = new Uint32Array(levels.buffer);
    for (let i = 0; i < grey.length; i++) pixels[i] = shades[grey[i]];
    ink.putImageData(picture, 0, 0);
    if (pen.keys) {
      ink.strokeStyle = colourOf("--mark");
      ink.lineWidth = pen.down ? 4 : 2;
      ink.beginPath();
      ink.arc(pen.x, pen.y, PEN, 0, 2 * Math.PI);
      ink.stroke();
    }
  }

  function clear() {
    grey.fill(255);
    for (const how in settings) set(how, null);
    drawPad();
    update();
    say();
  }

  // A digit of 28x28 on the pad, in large; a stroke starts a new drawing.
  let clicked = null;
  function show(example) {
    clicked = example;
    const size = PAPER / SIDE;
    for (let i = 0; i < grey.length; i++) {
      const place = Math.floor(Math.floor(i / PAPER) / size) * SIDE + Math.floor((i % PAPER) / size);
      grey[i] = 255 - example[place];
    }
    drawPad();
    update(example);
    say();
  }

  function draw(x, y, from = pen) {
    if (clicked) grey.fill(255);
    clicked = null;
    stroke(from.x, from.y, x, y);
    [pen.x, pen.y] = [x, y];
    drawPad();
    update();
  }

  const place = (event) => {
    const box = pad.getBoundingClientRect();
    const scale = PAPER / box.width;
    return [(event.clientX - box.left) * scale, (event.clientY - box.top) * scale];
  };
  pad.addEventListener("pointerdown", (event) => {
    pad.setPointerCapture(event.pointerId);
    [pen.down, pen.keys] = [true, false];
    const [x, y] = place(event);
    draw(x, y, { x, y });
  });
  pad.addEventListener("pointermove", (event) => {
    if (pen.down && !pen.keys) draw(...place(event));
  });
  for (const end of ["pointerup", "pointercancel"])
    pad.addEventListener(end, () => {
      pen.down = false;
      say();
    });
  const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
  pad.addEventListener("keydown", (event) => {
    if (ARROWS[event.key]) {
      const [dx, dy] = ARROWS[event.key];
      const [x, y] = [pen.x + STEP * dx, pen.y + STEP * dy].map((to) => clamp(to, 0, PAPER));
      pen.keys = true;
      if (pen.down) draw(x, y);
      else [pen.x, pen.y] = [x, y];
    } else if (event.key === " ") {
      [pen.down, pen.keys] = [!(pen.keys && pen.down), true];
      if (pen.down) draw(pen.x, pen.y);
      else say();
    } else if (event.key === "Delete" || event.key === "Backspace") clear();
    else return;
    event.preventDefault();
    drawPad();
  });
  pad.addEventListener("blur", () => {
    [pen.down, pen.keys] = [false, false];
    drawPad();
  });
  $("clear").addEventListener("click", clear);

  // -- the answers --

  const bars = [...Array(10).keys()].map((i) => {
    const bar = make("button", { type: "button", className: "bar" }, $("bars"));
    make("b", { textContent: i }, bar);
    const track = make("span", { className: "track" }, bar);
    bar.addEventListener("click", () => {
      code = code === i ? null : i;
      drawStages();
    });
    return { bar, length: make("i", {}, track), number: make("span", { className: "number" }, bar) };
  });
  const lines = nets.map((net, i) => {
    const row = make("tr", {}, $("compared"));
    const label = make("label", {}, make("th", { scope: "row" }, row));
    const radio = make("input", { type: "radio", name: "net", checked: i === shown }, label);
    label.append(` ${net.title}`);
    radio.addEventListener("change", () => {
      [shown, looked, code] = [i, null, null];
      drawCurves();
      drawAnswers();
      drawStages();
      say();
    });
    return [0, 1, 2].map(() => make("td", {}, row));
  });

  const found = () => readings.map(({ penalties }, i) => answerOf(penalties, nets[i].threshold));
  function drawAnswers() {
    const answers = found(), own = answers[shown];
    $("answer").textContent = own ? own.digit : "?";
    $("answer").classList.toggle("rejected", !!own?.rejected);
    $("sure").textContent = own ? sentence(own) : "Draw a digit from 0 to 9.";
    lines.forEach(([first, second, sure], i) => {
      first.textContent = answers[i]?.digit ?? "–";
      second.textContent = answers[i]?.second ?? "–";
      sure.textContent = answers[i] ? (answers[i].rejected ? "rejected" : "accepted") : "–";
    });
    const penalties = readings[shown]?.penalties, most = penalties ? Math.max(...penalties) : 1;
    bars.forEach(({ bar, length, number }, i) => {
      const penalty = penalties?.[i];
      length.style.width = penalties ? `${(100 * penalty) / most}%` : 0;
      number.textContent = penalties ? penalty.toFixed(1) : "–";
      bar.classList.toggle("best", i === own?.digit);
      bar.setAttribute("aria-label", `${i}: penalty ${number.textContent}`);
      bar.setAttribute("aria-pressed", String(i === code));
    });
  }
  const sentence = ({ second, margin, rejected }) =>
    `second ${second}, by ${margin.toFixed(1)}: ${rejected ? "rejected, too near" : "accepted"}`;
  function say() { // to those who hear the page, once a stroke has ended
    const own = found()[shown];
    $("said").textContent = own ? `The net reads ${own.digit}, ${sentence(own)}.` : "The pad is empty.";
  }

  // -- the layers --

  // A canvas for maps side by side, a square of some pixels for each unit.
  function laidOut(name, maps, side, across, unit, canvas) {
    const gap = side > 1 ? 1 : 0, down = Math.ceil(maps / across);
    const [width, height] = [across, down].map((count) => count * (side + gap) - gap);
    [canvas.width, canvas.height] = [width * unit, height * unit];
    const small = Object.assign(document.createElement("canvas"), { width, height });
    const corner = (map) => [(map % across) * (side + gap), Math.floor(map / across) * (side + gap)];
    return { name, maps, side, across, gap, unit, width, height, canvas, small, corner };
  }

  const stages = Object.fromEntries(
    Object.entries(SHOWN).map(([name, shape]) => {
      const canvas = $(`stage-${name}`), stage = laidOut(name, ...shape, canvas);
      const { maps, side, across, gap, width, height } = stage;
      const at = (event) => {
        const box = canvas.getBoundingClientRect();
        const x = clamp(Math.floor(((event.clientX - box.left) / box.width) * width), 0, width - 1);
        const y = clamp(Math.floor(((event.clientY - box.top) / box.height) * height), 0, height - 1);
        const map = Math.floor(y / (side + gap)) * across + Math.floor(x / (side + gap));
        const [row, column] = [y, x].map((to) => Math.min(to % (side + gap), side - 1));
        look(name, Math.min(map, maps - 1), row, column);
      };
      canvas.addEventListener("pointerdown", at);
      canvas.addEventListener("pointermove", at);
      canvas.addEventListener("pointerleave", (event) => {
        if (event.pointerType === "mouse" && document.activeElement !== canvas) look();
      });
      canvas.addEventListener("blur", () => look());
      canvas.addEventListener("keydown", (event) => {
        if (event.key === "Escape") return look();
        if (!ARROWS[event.key]) return;
        event.preventDefault();
        const now = looked?.stage === name ? looked : { map: 0, row: 0, column: 0 };
        const [dx, dy] = looked?.stage === name ? ARROWS[event.key] : [0, 0];
        const line = Math.floor(now.map / across) * side + now.row + dy;
        const column = (now.map % across) * side + now.column + dx;
        const map = Math.floor(line / side) * across + Math.floor(column / side);
        const inside = line >= 0 && column >= 0 && column < across * side && map < maps;
        if (inside) look(name, map, line % side, column % side);
      });
      return [name, stage];
    }),
  );

  function look(stage, map, row, column) {
    looked = stage ? { stage, map, row, column } : null;
    drawStages();
  }

  function drawStages() {
    const reading = readings[shown], net = nets[shown];
    const seen = [];
    if (looked) {
      const { stage, map, row, column } = looked;
      seen.push({ stage, maps: [map], top: row, left: column, size: 1 });
      seen.push(...fields(net, stage, map, row, column));
    }
    for (const name in stages) {
      paint(stages[name], reading?.[name], seen.find((field) => field.stage === name));
    }
    drawCode(net, reading);
    drawUnit(net, reading);
  }

  // A layer's maps, each unit a square, and frames around what is looked at.
  function paint({ name, maps, side, width, height, canvas, small, corner, unit }, values, field) {
    const picture = new ImageData(width, height), empty = name === "input" ? BACKGROUND : 0;
    const shade = name === "input" ? inkShade : signedShade(values);
    for (let map = 0; map < maps; map++) {
      const [x0, y0] = corner(map);
      for (let i = 0; i < side * side; i++) {
        const place = 4 * ((y0 + Math.floor(i / side)) * width + x0 + (i % side));
        shade(picture.data, place, values ? values[map * side * side + i] : empty);
      }
    }
    small.getContext("2d").putImageData(picture, 0, 0);
    const large = canvas.getContext("2d");
    large.clearRect(0, 0, canvas.width, canvas.height);
    large.imageSmoothingEnabled = false;
    large.drawImage(small, 0, 0, canvas.width, canvas.height);
    if (!field) return;
    large.strokeStyle = colourOf("--mark");
    large.lineWidth = 2;
    if (field.maps.length === 120) large.strokeRect(1, 1, canvas.width - 2, canvas.height - 2);
    else
      for (const map of field.maps) {
        const [x, y] = corner(map);
        const size = field.size * unit;
        large.strokeRect((x + field.left) * unit, (y + field.top) * unit, size, size);
      }
  }

  // Beside F6 the code that it is nearest to; of a softmax, the weights of the answer.
  const codes = laidOut("code", ...SHOWN.F6, $("stage-code"));
  function drawCode(net, reading) {
    const of = code ?? (reading ? answerOf(reading.penalties, 0).digit : null);
    const values = net.output.centres ?? net.output.weight;
    paint(codes, of === null ? null : values.subarray(84 * of, 84 * of + 84));
    const what = net.output.centres ? "code of" : "weights of";
    $("code-label").textContent = of === null ? `the ${what.split(" ")[0]}` : `${what} ${of}`;
  }

  // What the unit that is looked at sees, in words, and its kernels.
  function drawUnit(net, reading) {
    const canvas = $("kernels"), side = KERNEL[looked?.stage];
    canvas.hidden = !side;
    if (!looked) {
      $("unit").textContent =
        "Touch a unit of any layer, or move to it with the arrow keys: it shows where it looks.";
      return;
    }
    const { stage, map, row, column } = looked, { maps, side: tall } = stages[stage];
    const field = fields(net, stage, map, row, column).at(-1);
    $("unit").textContent =
      stage +
      (maps > 1 ? `, ${tall > 1 ? "map" : "unit"} ${map}` : "") +
      (tall > 1 ? `, row ${row}, column ${column}` : "") +
      (reading ? ` is ${reading[stage][(map * tall + row) * tall + column].toFixed(2)}` : "") +
      described(net, stage, map) +
      (field ? `. Of the input it sees ${field.size}x${field.size} pixels.` : ".");
    if (!side) return;
    const count = net[stage].table[map].length, across = side > 1 ? Math.min(count, 8) : 40;
    const kernels = laidOut("kernels", count, side, across, 8, canvas);
    paint(kernels, kernelsOf(net[stage], map, side));
  }

  // -- examples --

  for (const group of data.examples) {
    const box = make("div", { className: "examples" }, $("examples"));
    make("h4", { textContent: group.title }, box);
    const tiles = make("div", { className: "tiles" }, box);
    for (const { pixels, what } of group.digits) {
      const example = decoded(pixels);
      const button = make("button", { type: "button", className: "tile", title: what }, tiles);
      button.setAttribute("aria-label", what);
      const canvas = make("canvas", { width: SIDE, height: SIDE }, button);
      const tile = new ImageData(SIDE, SIDE);
      example.forEach((value, i) => tile.data.set([0, 0, 0, value], 4 * i));
      canvas.getContext("2d").putImageData(tile, 0, 0);
      button.addEventListener("click", () => show(example));
    }
  }

  // -- sliders --

  const sliders = {};
  for (const how in SLIDERS) {
    const { from, to, step } = SLIDERS[how];
    const box = make("div", { className: "change" }, $("changes"));
    const label = make("label", { textContent: how }, box);
    const input = make("input", { type: "range", min: from, max: to, step, value: 0 }, label);
    const words = make("output", {}, box);
    const plot = svg("svg", { viewBox: "0 0 200 64", "aria-hidden": "true" }, box);
    sliders[how] = { input, words, plot };
    input.addEventListener("input", () => {
      set(how, Number(input.value));
      if (digit) update(digit);
    });
    input.addEventListener("change", say);
  }
  $("reset").addEventListener("click", () => {
    for (const how in SLIDERS) set(how, null);
    update(digit);
    say();
  });
  $("noisiest").addEventListener("click", () => {
    if (!digit) return;
    set("noise", noisiest());
    update(digit);
    say();
  });

  // The largest share of inverted pixels up to which the net reads the digit as it does without.
  function noisiest() {
    const answer = (given) => answerOf(read(nets[shown], given).penalties, 0).digit;
    const { to, step } = SLIDERS.noise, plain = answer(digit);
    let steps = 0;
    const reads = (share) => share < to + step / 2 && answer(CHANGES.noise(digit, share)) === plain;
    while (reads((steps + 1) * step)) steps++;
    return steps * step;
  }

  const valueOf = (how, place) => (SLIDERS[how].power ? 2 ** place : place);
  function set(how, place) {
    if (place) settings[how] = valueOf(how, place);
    else delete settings[how];
    sliders[how].input.value = place ?? 0;
    drawCurve(how);
  }

  // The error of each net that was measured under a change, and where the slider stands.
  function drawCurve(how) {
    const { input, words, plot } = sliders[how], { from, to, power } = SLIDERS[how];
    const now = valueOf(how, Number(input.value));
    plot.replaceChildren();
    const x = (value) => 8 + (184 * ((power ? Math.log2(value) : value) - from)) / (to - from);
    const y = (error) => 58 - 18 * Math.log10(Math.max(error, 0.001) / 0.001);
    for (const name in data.curves) {
      const point = ([value, error]) => [x(value), y(error)].map((place) => place.toFixed(1));
      const points = data.curves[name][how].map(point);
      const kind = name === nets[shown].name ? "own" : "other";
      svg("polyline", { points: points.join(" "), class: kind }, plot);
    }
    svg("line", { x1: x(now), x2: x(now), y1: 2, y2: 62, class: "now" }, plot);
    const own = data.curves[nets[shown].name]?.[how];
    const far = ([value]) => Math.abs(x(value) - x(now));
    const near = own?.reduce((a, b) => (far(b) < far(a) ? b : a));
    const value = input.value === "0" ? "unchanged" : SLIDERS[how].words(now);
    const misread = near && `misreads ${(100 * near[1]).toFixed(1)} % at ${Number(near[0].toFixed(2))}`;
    words.textContent = `${value}; ${misread ?? "not measured of this net"}`;
    input.setAttribute("aria-valuetext", value);
  }
  const drawCurves = () => Object.keys(SLIDERS).forEach(drawCurve);

  // -- colours, of the scheme that the page is seen in --

  const colourOf = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const known = {};
  function colour(name) { // red, green, blue of a variable of the style sheet: #rrggbb
    return (known[name] ??= [1, 3, 5].map((i) => parseInt(colourOf(name).slice(i, i + 2), 16)));
  }
  function mix(pixels, place, full, ground, share) {
    for (let i = 0; i < 3; i++) pixels[place + i] = full[i] + (ground[i] - full[i]) * share;
    pixels[place + 3] = 255;
  }
  function inkShade(pixels, place, value) {
    const paper = (FOREGROUND - value) / (FOREGROUND - BACKGROUND);
    mix(pixels, place, colour("--ink"), colour("--paper"), paper);
  }
  function signedShade(values) { // white is 0, the largest value or 1 is the full colour
    const limit = values ? values.reduce((most, value) => Math.max(most, Math.abs(value)), 1e-6) : 1;
    const [zero, less, more] = ["--zero", "--negative", "--positive"].map(colour);
    return (pixels, place, value) =>
      mix(pixels, place, zero, value < 0 ? less : more, Math.min(Math.abs(value) / limit, 1));
  }
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
    for (const name in known) delete known[name];
    drawPad();
    drawStages();
  });

  drawCurves();
  drawPad();
  update();
  return { grey, clear, digit: () => digit, readings: () => readings };
}

function make(tag, properties, parent) {
  const element = Object.assign(document.createElement(tag), properties);
  parent.append(element);
  return element;
}

function svg(tag, attributes, parent) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const name in attributes) element.setAttribute(name, attributes[name]);
  parent.append(element);
  return element;
}

const drawn = globalThis.document?.getElementById("nets");
const lenetPad = drawn && drawPage(JSON.parse(drawn.textContent));
