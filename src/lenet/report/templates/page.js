// A click on a heading sorts the rows by that column, a second click the other way round.
for (const button of document.querySelectorAll("table.rows thead button")) {
  button.addEventListener("click", () => {
    const heading = button.parentElement;
    const column = heading.cellIndex;
    const up = heading.getAttribute("aria-sort") !== "ascending";
    const body = heading.closest("table").tBodies[0];
    const key = (row) => row.cells[column].dataset.sort ?? row.cells[column].textContent.trim();
    const compare = (a, b) => {
      const [x, y] = [key(a), key(b)];
      if ((x === "–") !== (y === "–")) return x === "–" ? 1 : -1; // what is missing comes last
      const order = isNaN(x) || isNaN(y) ? x.localeCompare(y) : x - y;
      return up ? order : -order;
    };
    for (const other of heading.parentElement.cells) other.removeAttribute("aria-sort");
    heading.setAttribute("aria-sort", up ? "ascending" : "descending");
    body.append(...[...body.rows].sort(compare));
  });
}
