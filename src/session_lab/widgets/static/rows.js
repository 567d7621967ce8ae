// A table of which only the rows in sight are asked for. Texts are set as texts, never as HTML.

const HEIGHT = 25;
const TALLEST = 8000000; // Browsers cap the height of elements.

function render({ model, el }) {
  const box = document.createElement("div");
  box.className = "sl-rows";
  box.tabIndex = 0;
  box.setAttribute("role", "region");
  box.setAttribute("aria-label", "Sessions selected");
  const spacer = document.createElement("div");
  const table = document.createElement("table");
  const head = document.createElement("thead");
  const body = document.createElement("tbody");
  const place = document.createElement("p");
  place.className = "sl-rows-place";
  place.setAttribute("role", "status");
  table.append(head, body);
  spacer.append(table);
  box.append(spacer);
  // Closed, it asks for no row.
  const fold = document.createElement("details");
  const title = document.createElement("summary");
  title.textContent = "Sessions selected, as a table";
  fold.append(title, box, place);
  el.classList.add("sl-rows-holder");
  el.append(fold);
  let by = null;
  let descending = false;
  let asked = null; // The question that waits for its answer.
  let wanted = null; // The newest question behind it.

  const inSight = () => Math.max(1, Math.floor(box.clientHeight / HEIGHT) - 1);

  function firstInSight() {
    const space = spacer.clientHeight - box.clientHeight;
    const share = space > 0 ? Math.min(1, box.scrollTop / space) : 0;
    return Math.round(share * Math.max(0, model.get("total") - inSight()));
  }

  function ask() {
    // Nobody sees it; what is closed has a height all the same in newer browsers.
    if (!fold.open || !box.clientHeight) return;
    const first = firstInSight();
    wanted = { window: [first, first + inSight()], by, descending };
    if (!asked) next();
  }

  function next() {
    asked = wanted;
    wanted = null;
    if (asked) model.send(asked);
  }

  function resize() {
    spacer.style.height = `${Math.min((model.get("total") + 1) * HEIGHT, TALLEST)}px`;
    ask();
  }

  function drawHead() {
    const row = document.createElement("tr");
    for (const name of model.get("columns")) {
      const cell = document.createElement("th");
      const button = document.createElement("button");
      const isSorted = name === by;
      button.textContent = name.replaceAll("_", " ") + (isSorted ? (descending ? " ↓" : " ↑") : "");
      cell.setAttribute("aria-sort", isSorted ? (descending ? "descending" : "ascending") : "none");
      button.addEventListener("click", () => {
        descending = isSorted && !descending;
        by = name;
        drawHead();
        head.querySelectorAll("button")[model.get("columns").indexOf(name)].focus();
        ask();
      });
      cell.append(button);
      row.append(cell);
    }
    head.replaceChildren(row);
  }

  function drawRows({ first, rows, links }) {
    body.replaceChildren(
      ...rows.map((texts, number) => {
        const row = document.createElement("tr");
        row.setAttribute("aria-rowindex", first + number + 2);
        texts.forEach((text, column) => {
          const cell = document.createElement("td");
          const link = column === 0 && links[number];
          if (link && /^https?:/.test(link)) {
            const anchor = document.createElement("a");
            anchor.href = link;
            anchor.target = "_blank";
            anchor.rel = "noopener noreferrer";
            anchor.textContent = text || "(no id)";
            cell.append(anchor);
          } else cell.textContent = text;
          cell.title = text;
          row.append(cell);
        });
        return row;
      }),
    );
    const total = model.get("total");
    place.textContent = rows.length
      ? `Rows ${(first + 1).toLocaleString("en")} to ${(first + rows.length).toLocaleString("en")} of ${total.toLocaleString("en")}`
      : "No rows";
    table.setAttribute("aria-rowcount", total + 1);
    box.dataset.drawn = String(Number(box.dataset.drawn ?? 0) + 1);
  }

  const answered = (message) => {
    if (message.problem) place.textContent = message.problem;
    // Rows of a selection that has been changed meanwhile are asked for again.
    else if (message.version === model.get("version")) drawRows(message);
    asked = null;
    if (wanted) next();
  };

  const changed = () => {
    box.scrollTop = 0;
    asked = null;
    resize();
  };

  const seen = new ResizeObserver(resize);
  seen.observe(box);
  box.addEventListener("scroll", ask);
  fold.addEventListener("toggle", resize);
  model.on("msg:custom", answered);
  model.on("change:version", changed);
  drawHead();
  resize();
  return () => {
    seen.disconnect();
    model.off("msg:custom", answered);
    model.off("change:version", changed);
  };
}

export default { render };
