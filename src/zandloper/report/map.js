// The latent map: draws every item as a point and shows the nearest item of which there is a picture or a row.
(() => {
  "use strict";
  const data = JSON.parse(document.getElementById("map-data").textContent);
  const bytes = text => Uint8Array.from(atob(text), c => c.charCodeAt(0));
  const points = new Uint16Array(bytes(data.points).buffer);
  const errors = bytes(data.errors);
  const labels = data.labels && bytes(data.labels);
  const items = new Uint32Array(bytes(data.items).buffer);
  const count = points.length / 2, FINE = 65535;

  const canvas = document.getElementById("map-field"), frame = canvas.parentElement;
  const ctx = canvas.getContext("2d");
  const panel = document.getElementById("map-item"), legend = document.getElementById("map-legend");
  const view = { x: 0, y: 0, zoom: 1 };
  let colorBy = labels ? "label" : "error", only = -1, chosen = 0, queued = false, printing = false;

  // Viridis (van der Walt and Smith 2015), at eight places.
  const RAMP = [[68, 1, 84], [70, 50, 127], [54, 92, 141], [39, 127, 142], [31, 161, 135], [74, 194, 109], [159, 218, 58], [253, 231, 37]];
  const ramp = share => {
    const at = share * (RAMP.length - 1), i = Math.min(Math.floor(at), RAMP.length - 2), rest = at - i;
    return `rgb(${RAMP[i].map((v, k) => Math.round(v + rest * (RAMP[i + 1][k] - v))).join(",")})`;
  };
  const PAPER = { "--card": "#ffffff", "--ink": "#111111", "--faint": "#999999" };
  const style = name => printing && PAPER[name] || getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const classColor = k => style(`--c${k % 10}`);

  // Groups of points of one color, drawn together.
  let groups = [];
  function regroup() {
    const of = colorBy === "label" ? labels : errors, byClass = colorBy === "label" && data.names;
    const lists = new Map();
    for (let i = 0; i < count; i++) {
      const key = of[i] === 255 ? 255 : byClass ? of[i] : of[i] >> 3;
      let list = lists.get(key);
      if (!list) lists.set(key, list = []);
      list.push(i);
    }
    groups = [...lists.keys()].sort((a, b) => (a === 255 ? -1 : a) - (b === 255 ? -1 : b)).map(key => ({
      key, list: lists.get(key),
      color: () => key === 255 ? style("--faint") : byClass ? classColor(key) : ramp(key / 31)
    }));
  }

  const PAD = 10;
  let side = { w: 0, h: 0 };
  const toX = v => PAD + ((v / FINE - 0.5 - view.x) * view.zoom + 0.5) * (side.w - 2 * PAD);
  const toY = v => PAD + ((0.5 - v / FINE + view.y) * view.zoom + 0.5) * (side.h - 2 * PAD);

  function draw() {
    queued = false;
    const ratio = Math.min(printing ? 2 : window.devicePixelRatio || 1, 2);
    side = { w: canvas.clientWidth, h: canvas.clientHeight };
    if (!side.w) return;
    canvas.width = Math.round(side.w * ratio);
    canvas.height = Math.round(side.h * ratio);
    ctx.setTransform(ratio, 0, 0, ratio, 0, 0);
    const colors = new Map(groups.map(group => [group, group.color()])), TURNS = 16;
    ctx.clearRect(0, 0, side.w, side.h);
    const size = Math.max(1.4, Math.min(6, 1.4 * Math.sqrt(view.zoom) * Math.sqrt(side.w * side.h / count) / 4));
    // In turns, so that no class lies on top of all others.
    for (let turn = 0; turn < TURNS; turn++) for (const group of groups) {
      const faded = only >= 0 && group.key !== only;
      ctx.globalAlpha = faded ? 0.06 : count > 20000 ? 0.6 : 0.8;
      ctx.fillStyle = colors.get(group);
      for (let k = Math.floor(turn / TURNS * group.list.length), end = Math.floor((turn + 1) / TURNS * group.list.length); k < end; k++) {
        const i = group.list[k], x = toX(points[2 * i]), y = toY(points[2 * i + 1]);
        if (x < -size || y < -size || x > side.w + size || y > side.h + size) continue;
        if (size > 2.5) { ctx.beginPath(); ctx.arc(x, y, size / 2, 0, 7); ctx.fill(); }
        else ctx.fillRect(x - size / 2, y - size / 2, size, size);
      }
    }
    ctx.globalAlpha = 1;
    if (colorBy === "label" && data.names) nameClasses();
    ring();
  }
  const redraw = () => { if (!queued) { queued = true; requestAnimationFrame(draw); } };

  // The name of a class at the middle of its points, so that colors are not all that tells.
  let middles = null;
  function nameClasses() {
    if (data.names.length > 20) return;
    const median = values => values.sort((a, b) => a - b)[values.length >> 1];
    middles = middles || groups.filter(g => g.key !== 255).map(g => {
      const some = g.list.filter((_, i) => i % Math.ceil(g.list.length / 2000) === 0);
      return [g.key, median(some.map(i => points[2 * i])), median(some.map(i => points[2 * i + 1]))];
    });
    ctx.font = "600 15px system-ui, sans-serif";
    ctx.textAlign = "center"; ctx.textBaseline = "middle"; ctx.lineJoin = "round"; ctx.lineWidth = 4;
    for (const [key, x, y] of middles) {
      if (only >= 0 && key !== only) continue;
      ctx.strokeStyle = style("--card"); ctx.fillStyle = style("--ink");
      ctx.strokeText(data.names[key], toX(x), toY(y)); ctx.fillText(data.names[key], toX(x), toY(y));
    }
  }

  function ring() {
    const i = items[chosen], x = toX(points[2 * i]), y = toY(points[2 * i + 1]);
    for (const [color, width] of [[style("--card"), 5], [style("--ink"), 2]]) {
      ctx.strokeStyle = color; ctx.lineWidth = width;
      ctx.beginPath(); ctx.arc(x, y, 7, 0, 7); ctx.stroke();
    }
  }

  // What is shown of an item.
  const atlases = data.panes.map(pane => {
    if (pane.kind !== "pictures") return null;
    const image = new Image();
    image.onload = () => show(chosen);
    image.src = pane.atlas;
    return image;
  });
  const make = (tag, text, to) => { const e = document.createElement(tag); if (text !== undefined) e.textContent = text; if (to) to.append(e); return e; };
  function pictures(pane, image, n) {
    const box = make("div"); box.className = "pictures";
    pane.words.forEach((word, j) => {
      const figure = make("figure", undefined, box), c = make("canvas", undefined, figure);
      const scale = Math.max(1, Math.floor(128 / Math.max(pane.width, pane.height)));
      c.width = pane.width * scale; c.height = pane.height * scale;
      c.setAttribute("role", "img"); c.setAttribute("aria-label", `${word}: ${data.captions[n]}`);
      const tile = n * pane.words.length + j, brush = c.getContext("2d");
      brush.imageSmoothingEnabled = false;
      if (image.complete) brush.drawImage(image, tile % pane.columns * pane.width, Math.floor(tile / pane.columns) * pane.height, pane.width, pane.height, 0, 0, c.width, c.height);
      make("figcaption", word, figure);
    });
    return box;
  }
  function rows(pane, n) {
    const table = make("table"), head = make("tr", undefined, make("thead", undefined, table)), body = make("tbody", undefined, table);
    for (const word of ["", ...pane.words]) make("th", word, head);
    for (const [j, ...values] of pane.rows[n]) {
      const line = make("tr", undefined, body);
      make("th", pane.names[j], line).scope = "row";
      for (const value of values) make("td", value, line);
    }
    return table;
  }
  function show(n) {
    chosen = n;
    panel.replaceChildren(make("p", data.captions[n]), ...data.panes.map((pane, k) => pane.kind === "pictures" ? pictures(pane, atlases[k], n) : rows(pane, n)));
    redraw();
  }

  function nearest(x, y) {
    let best = -1, least = Infinity;
    for (let n = 0; n < items.length; n++) {
      const i = items[n];
      if (only >= 0 && colorBy === "label" && labels[i] !== only) continue;
      const d = (toX(points[2 * i]) - x) ** 2 + (toY(points[2 * i + 1]) - y) ** 2;
      if (d < least) { least = d; best = n; }
    }
    return best;
  }

  let grip = null;
  canvas.addEventListener("pointermove", e => {
    if (grip) {
      view.x = grip.x - (e.offsetX - grip.px) / (side.w - 2 * PAD) / view.zoom;
      view.y = grip.y - (e.offsetY - grip.py) / (side.h - 2 * PAD) / view.zoom;
      return redraw();
    }
    const n = nearest(e.offsetX, e.offsetY);
    if (n >= 0 && n !== chosen) show(n);
  });
  canvas.addEventListener("pointerdown", e => {
    const n = nearest(e.offsetX, e.offsetY);
    if (n >= 0) show(n);
    if (view.zoom > 1) { grip = { x: view.x, y: view.y, px: e.offsetX, py: e.offsetY }; canvas.setPointerCapture(e.pointerId); }
  });
  for (const end of ["pointerup", "pointercancel"]) canvas.addEventListener(end, () => { grip = null; });
  const order = [...items.keys()].sort((a, b) => points[2 * items[a]] - points[2 * items[b]]);
  canvas.addEventListener("keydown", e => {
    const step = { ArrowRight: 1, ArrowUp: 1, ArrowLeft: -1, ArrowDown: -1 }[e.key];
    if (step) { e.preventDefault(); show(order[(order.indexOf(chosen) + step + order.length) % order.length]); }
  });

  function zoom(by) {
    view.zoom = Math.max(1, Math.min(40, view.zoom * by));
    if (by > 1) { const i = items[chosen]; view.x = points[2 * i] / FINE - 0.5; view.y = points[2 * i + 1] / FINE - 0.5; }
    if (view.zoom === 1) view.x = view.y = 0;
    canvas.style.touchAction = view.zoom > 1 ? "none" : "pan-y";
    redraw();
  }
  document.getElementById("map-in").onclick = () => zoom(2);
  document.getElementById("map-out").onclick = () => zoom(0.5);
  document.getElementById("map-all").onclick = () => { view.zoom = 1; zoom(1); };
  document.getElementById("map-all").textContent = "all";

  function scale(ends) {
    const box = make("span"); box.className = "scale";
    make("span", String(ends[0]), box);
    make("i", undefined, box).style.background = `linear-gradient(to right, ${RAMP.map((_, i) => ramp(i / (RAMP.length - 1))).join(",")})`;
    make("span", String(ends[1]), box);
    return box;
  }
  function explain() {
    legend.replaceChildren();
    if (labels) {
      for (const [key, word] of [["label", "by label"], ["error", "by error"]]) {
        const button = make("button", word, legend);
        button.type = "button"; button.setAttribute("aria-pressed", String(colorBy === key));
        button.onclick = () => { colorBy = key; only = -1; regroup(); explain(); redraw(); };
      }
    }
    if (colorBy === "error") { make("span", "error", legend); legend.append(scale(data.errorEnds)); }
    else if (!data.names) legend.append(scale(data.labelEnds));
    else data.names.forEach((name, k) => {
      const button = make("button", undefined, legend), dot = make("i", undefined, button);
      dot.className = "dot"; dot.style.background = `var(--c${k % 10})`;
      button.append(name); button.type = "button"; button.setAttribute("aria-pressed", String(only === k));
      button.onclick = () => { only = only === k ? -1 : k; explain(); redraw(); };
    });
  }

  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);
  addEventListener("beforeprint", () => { printing = true; draw(); });
  addEventListener("afterprint", () => { printing = false; draw(); });
  new ResizeObserver(redraw).observe(frame);
  regroup(); explain(); draw(); show(0);
  document.documentElement.dataset.map = "drawn";
})();
