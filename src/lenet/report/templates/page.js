// The table of all rows: a heading sorts it, the form filters it, a name opens a row. Each row has a
// body of its own. Without JavaScript all rows stand there, open.
for (const table of document.querySelectorAll("table.rows")) {
  const form = document.querySelector("form.filters"), none = document.querySelector("p.none");
  const bodies = [...table.tBodies];

  for (const button of table.tHead.querySelectorAll("button")) {
    button.addEventListener("click", () => {
      const heading = button.parentElement, column = heading.cellIndex;
      const up = heading.getAttribute("aria-sort") !== "ascending";
      const key = (body) => body.rows[0].cells[column].dataset.sort ?? body.rows[0].cells[column].textContent.trim();
      const compare = (a, b) => {
        const [x, y] = [key(a), key(b)];
        if ((x === "–") !== (y === "–")) return x === "–" ? 1 : -1; // what is missing comes last
        const order = isNaN(x) || isNaN(y) ? x.localeCompare(y) : x - y;
        return up ? order : -order;
      };
      for (const other of heading.parentElement.cells) other.removeAttribute("aria-sort");
      heading.setAttribute("aria-sort", up ? "ascending" : "descending");
      table.append(...bodies.sort(compare));
    });
  }

  for (const body of bodies.filter((each) => each.rows.length > 1)) {
    const [row, inside] = body.rows, label = row.querySelector(".label");
    const button = document.createElement("button");
    [button.type, button.textContent] = ["button", label.textContent];
    label.replaceChildren(button);
    const open = (whether) => {
      inside.hidden = !whether;
      button.setAttribute("aria-expanded", String(whether));
    };
    button.addEventListener("click", () => open(inside.hidden));
    open(false);
  }

  const filter = () => {
    const { family, verdict, second } = form.elements;
    for (const body of bodies) {
      const of = body.dataset;
      body.hidden = (family.value && family.value !== of.family) || (verdict.value && verdict.value !== of.verdict) || ("second" in of && !second.checked);
    }
    none.hidden = bodies.some((body) => !body.hidden);
  };
  form.hidden = false;
  form.addEventListener("input", filter);
  filter();
}

// On paper all is open.
addEventListener("beforeprint", () => {
  for (const details of document.querySelectorAll("details")) details.open = true;
});
