// A picture that answers: it shows SVG that the kernel drew, tells values under the pointer, and
// sends gestures. It decides nothing: what a gesture does is decided by the explorer, in Python.

const SVG = "http://www.w3.org/2000/svg";
const PATIENCE = 8000;

function element(name, attributes, parent) {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  parent?.append(made);
  return made;
}

function valueText(unit, value) {
  if (unit.kind === "share") return `${(100 * value).toFixed(1)} %`;
  if (unit.kind === "age") return `${Number(value.toPrecision(3))} ${unit.name}`;
  if (unit.kind === "time")
    return new Date(value * unit.milliseconds).toISOString().slice(0, 16).replace("T", " ");
  return String(Number(value.toPrecision(4)));
}

// What the kernel compressed.
const unpacked = (packed) =>
  new Response(new Blob([packed]).stream().pipeThrough(new DecompressionStream("deflate"))).json();

// The corners of a line as the SVG has them.
function pointsOf(line) {
  const numbers = line?.querySelector("path")?.getAttribute("d")?.match(/-?\d+(\.\d+)?/g) ?? [];
  const points = [];
  for (let i = 0; i + 1 < numbers.length; i += 2) points.push([+numbers[i], +numbers[i + 1]]);
  return points;
}

// A slider of ipywidgets has its name and its value beside it, and says neither of them itself.
function nameSliders(within) {
  for (const slider of within.querySelectorAll(".widget-slider")) {
    const name = slider.querySelector(".widget-label")?.textContent ?? "";
    const value = slider.querySelector(".widget-readout")?.textContent;
    const handles = [...slider.querySelectorAll(".noUi-handle")];
    const ends = handles.length > 1 ? [" from", " to"] : [""];
    handles.forEach((handle, place) => {
      handle.setAttribute("aria-label", name + ends[place]);
      if (value) handle.setAttribute("aria-valuetext", value);
    });
  }
}

// What each button writes: the kind of file by which the kernel knows it, and its content.
const EXPORTS = {
  PNG: ["png", "the picture as PNG"],
  SVG: ["svg", "the picture as SVG"],
  CSV: ["csv", "the sessions selected as CSV"],
  Parquet: ["parquet", "the sessions selected as Parquet"],
  Code: ["code", "the code"],
};

function render({ model, el }) {
  const lines = document.createElement("div");
  lines.className = "sl-lines";
  lines.setAttribute("role", "status");
  const holder = document.createElement("div");
  holder.className = "sl-holder";
  const table = document.createElement("div");
  const code = document.createElement("pre");
  code.className = "sl-code";
  const tools = document.createElement("div");
  tools.className = "sl-tools";
  tools.setAttribute("role", "toolbar");
  tools.setAttribute("aria-label", "Picture and rows");
  const root = document.createElement("div");
  root.className = "sl-view";
  const tip = document.createElement("div");
  tip.className = "sl-tip";
  tip.setAttribute("role", "status");
  holder.append(tools, root, tip);
  el.append(lines, holder, table, code);
  let shown, scene, layer, cursor, curves, waiting;
  let zoom = 1;
  let turn = 0;

  function addTool(name, title, act) {
    const button = document.createElement("button");
    button.textContent = name;
    button.title = title;
    button.setAttribute("aria-label", title);
    button.addEventListener("click", () => act(button));
    tools.append(button);
  }

  function zoomTo(value) {
    zoom = Math.min(Math.max(value, 1), 8);
    if (shown) shown.style.width = `${100 * zoom}%`;
  }

  async function copyCode(button) {
    try {
      await navigator.clipboard.writeText(model.get("code"));
    } catch {
      // Pages without a secure connection have no clipboard of that kind.
      const text = document.createElement("textarea");
      text.value = model.get("code");
      el.append(text);
      text.select();
      document.execCommand("copy");
      text.remove();
      button.focus();
    }
    button.textContent = "Copied";
    setTimeout(() => (button.textContent = "Copy code"), 1500);
  }

  addTool("+", "Zoom in", () => zoomTo(zoom * 1.5));
  addTool("−", "Zoom out", () => zoomTo(zoom / 1.5));
  addTool("Reset", "Take every filter away, and the zoom", () => {
    zoomTo(1);
    send({ reset: true });
  });
  addTool("Copy code", "Copy the code of this view", copyCode);
  for (const [name, [kind, content]] of Object.entries(EXPORTS))
    addTool(name, `Write ${content} to a file beside the notebook`, () => send({ export: kind }));

  const send = (gesture) => {
    clearTimeout(waiting);
    const unanswered = () => {
      tip.textContent = "The kernel does not answer. Run the cell again.";
      tip.style.display = "block";
    };
    waiting = setTimeout(unanswered, PATIENCE);
    try {
      model.send(gesture);
    } catch {
      unanswered(); // A kernel that was restarted knows no views of before.
    }
  };

  function tell(text, x, y) {
    tip.textContent = text;
    tip.style.display = text ? "block" : "none";
    if (!text || !shown) return;
    const [box, frame] = [shown.getBoundingClientRect(), holder.getBoundingClientRect()];
    const scale = box.width / scene.width;
    const left = box.left - frame.left + x * scale + 12;
    tip.style.left = `${Math.max(0, Math.min(left, root.clientWidth - tip.offsetWidth))}px`;
    tip.style.top = `${Math.max(box.top - frame.top + y * scale - 34, 0)}px`;
  }

  // From the place on the page to that in the picture.
  function placeOf(event) {
    const box = shown.getBoundingClientRect();
    return [
      ((event.clientX - box.left) * scene.width) / box.width,
      ((event.clientY - box.top) * scene.height) / box.height,
    ];
  }

  function toValue(x) {
    const [left, , right] = scene.frame;
    const share = Math.min(Math.max((x - left) / (right - left), 0), 1);
    return scene.limits[0] + share * (scene.limits[1] - scene.limits[0]);
  }

  function toPlace(value) {
    const [left, , right] = scene.frame;
    const [first, last] = scene.limits;
    return left + ((value - first) / (last - first)) * (right - left);
  }

  // The curve that is nearest, and its step at a place.
  function nearest(x, y) {
    let best;
    for (const { name, points } of curves) {
      let low = 0;
      let high = points.length - 1;
      if (high < 0 || x < points[0][0] - 2) continue;
      while (low < high) {
        const middle = (low + high + 1) >> 1;
        if (points[middle][0] <= x) low = middle;
        else high = middle - 1;
      }
      const distance = Math.abs(points[low][1] - y);
      if (!best || distance < best.distance) best = { name, distance, point: points[low], x };
    }
    return best;
  }

  function readCurve(x, y) {
    const found = nearest(x, y);
    if (!found) return "";
    const [, top, , bottom] = scene.frame;
    const [, , low, high] = scene.limits;
    const value = low + ((bottom - found.point[1]) / (bottom - top)) * (high - low);
    cursor.setAttribute("cx", found.x);
    cursor.setAttribute("cy", found.point[1]);
    cursor.style.display = "block";
    return `${found.name}, ${valueText(scene.x, toValue(x))}: ${valueText(scene.y, value)}`;
  }

  function addPlaces(picked) {
    const rects = scene.places.map(([key, text, x, y, width, height], index) => {
      const isPicked = picked.includes(JSON.stringify(key));
      const rect = element("rect", { x, y, width, height, class: "sl-mark" }, layer);
      rect.setAttribute("role", "button");
      rect.setAttribute("aria-label", text);
      rect.setAttribute("aria-pressed", isPicked);
      rect.setAttribute("tabindex", index ? -1 : 0);
      rect.dataset.key = JSON.stringify(key);
      rect.addEventListener("pointerenter", () => tell(text, x + width, y));
      rect.addEventListener("focus", () => tell(text, x + width, y));
      rect.addEventListener("blur", () => tell(""));
      rect.addEventListener("click", () => send({ pick: key }));
      rect.addEventListener("keydown", (event) => {
        const step = { ArrowDown: 1, ArrowRight: 1, ArrowUp: -1, ArrowLeft: -1 }[event.key];
        if (step) rects[(index + step + rects.length) % rects.length].focus();
        else if (event.key === "Enter" || event.key === " ") send({ pick: key });
        else if (event.key === "Escape") send({ reset: true });
        else return;
        event.preventDefault();
        event.stopPropagation();
      });
      return rect;
    });
    return rects;
  }

  // A stretch of the axis is chosen by dragging, or with the keyboard.
  function addBrush(brushed) {
    const [left, top, right, bottom] = scene.frame;
    const area = element(
      "rect",
      { x: left, y: top, width: right - left, height: bottom - top, class: "sl-area" },
      layer,
    );
    const band = element("rect", { y: top, height: bottom - top, class: "sl-band" }, layer);
    const draw = (a, b) => {
      band.setAttribute("x", Math.min(a, b));
      band.setAttribute("width", Math.abs(b - a));
    };
    if (brushed.length) draw(...brushed.map((value, i) => (value === null ? [left, right][i] : toPlace(value))));
    const done = (a, b) => {
      if (Math.abs(a - b) < 3) return;
      send({ brush: [Math.min(a, b), Math.max(a, b)].map(toValue) });
    };
    let from = null;
    let at = left;
    area.addEventListener("pointerdown", (event) => {
      from = placeOf(event)[0];
      area.setPointerCapture(event.pointerId);
    });
    area.addEventListener("pointermove", (event) => {
      const [x, y] = placeOf(event);
      if (from !== null) draw(from, Math.min(Math.max(x, left), right));
      tell(readCurve(x, y), x, y);
    });
    area.addEventListener("pointerup", (event) => {
      if (from !== null) done(from, Math.min(Math.max(placeOf(event)[0], left), right));
      from = null;
    });
    area.addEventListener("dblclick", () => send({ brush: [] }));
    area.addEventListener("pointerleave", () => {
      cursor.style.display = "none";
      tell("");
    });
    area.setAttribute("tabindex", 0);
    area.setAttribute("role", "slider");
    area.setAttribute("aria-label", `${scene.alt} Arrows read; with Shift they choose; Escape clears.`);
    area.setAttribute("aria-valuemin", scene.limits[0]);
    area.setAttribute("aria-valuemax", scene.limits[1]);
    area.addEventListener("keydown", (event) => {
      const wide = (right - left) / 50;
      const step = { ArrowRight: 1, ArrowLeft: -1, PageUp: 10, PageDown: -10 }[event.key];
      if (step) {
        if (event.shiftKey && from === null) from = at;
        at = Math.min(Math.max(at + step * wide, left), right);
        if (from !== null) draw(from, at);
        const text = readCurve(at, 0);
        area.setAttribute("aria-valuenow", toValue(at));
        area.setAttribute("aria-valuetext", text);
        tell(text, at, top);
      } else if (event.key === "Escape") send({ brush: [] });
      else return;
      event.preventDefault();
      event.stopPropagation();
    });
    area.addEventListener("keyup", (event) => {
      if (event.key === "Shift" && from !== null) {
        done(from, at);
        from = null;
      }
    });
    return area;
  }

  function say() {
    lines.replaceChildren(...model.get("lines").flatMap((line) => [line, document.createElement("br")]));
  }

  async function draw() {
    clearTimeout(waiting);
    const mine = ++turn;
    const [svg, told, html] = await Promise.all(["svg", "scene", "table"].map((name) => unpacked(model.get(name))));
    if (mine !== turn) return; // A newer picture has come meanwhile.
    scene = told;
    table.innerHTML = html; // As the kernel wrote it, with every text of users escaped.
    code.textContent = model.get("code");
    nameSliders(el.closest(".jp-OutputArea-output, .cell-output, .output_area") ?? document.body);
    const focused = root.contains(document.activeElement) ? document.activeElement : null;
    const focusedKey = focused?.dataset.key;
    root.replaceChildren();
    tell("");
    if (!svg) return;
    const parsed = new DOMParser().parseFromString(svg, "image/svg+xml").documentElement;
    if (parsed.nodeName !== "svg") {
      root.textContent = scene.alt;
      return;
    }
    shown = document.importNode(parsed, true);
    shown.setAttribute("role", "group");
    shown.setAttribute("aria-label", scene.alt);
    zoomTo(zoom);
    root.append(shown);
    curves = Object.entries(scene.curves).map(([id, name]) => ({
      name,
      points: pointsOf(shown.querySelector(`[id="${id}"]`)),
    }));
    layer = element("g", {}, shown);
    const area = scene.x && curves.length ? addBrush(model.get("brushed")) : null;
    const rects = addPlaces(model.get("picked").map((key) => JSON.stringify(key)));
    cursor = element("circle", { r: 3, class: "sl-cursor" }, layer);
    cursor.style.display = "none";
    if (focusedKey) rects.find((rect) => rect.dataset.key === focusedKey)?.focus();
    else if (focused) area?.focus();
    root.dataset.drawn = String(Number(root.dataset.drawn ?? 0) + 1);
  }

  root.addEventListener("pointerleave", () => tell(""));
  model.on("change:drawn", draw);
  model.on("change:lines", say);
  // Only a kernel that answers makes this view stand for its static twin.
  const answered = (message) => {
    if (message.alive) el.classList.add("sl-alive", `sl-live-${message.alive}`);
    clearTimeout(waiting);
  };
  model.on("msg:custom", answered);
  model.send({ hello: true });
  say();
  draw();
  return () => {
    clearTimeout(waiting);
    model.off("change:drawn", draw);
    model.off("change:lines", say);
    model.off("msg:custom", answered);
  };
}

export default { render };
