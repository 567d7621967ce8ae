// The criteria of a selection, each a button that takes it away. Texts are set as texts.

function render({ model, el }) {
  el.classList.add("sl-chips");
  el.setAttribute("role", "group");
  el.setAttribute("aria-label", "Filters");

  function draw() {
    const texts = model.get("texts");
    const focused = [...el.children].indexOf(document.activeElement);
    el.replaceChildren(
      ...texts.map((text, place) => {
        const button = document.createElement("button");
        button.textContent = text;
        button.title = place < texts.length - 1 ? "Take this away" : "Take every filter away";
        button.addEventListener("click", () => model.send({ take: place }));
        return button;
      }),
    );
    // Whoever takes filters away with keys goes on with the next.
    if (focused >= 0) el.children[Math.min(focused, texts.length - 1)]?.focus();
  }

  model.on("change:texts", draw);
  draw();
  return () => model.off("change:texts", draw);
}

export default { render };
