// Sorts tables by the column whose head is pressed; a second time, the other
// way around. Cells without a number come last either way.
"use strict";
for (const table of document.querySelectorAll("table.sorted")) {
  const body = table.tBodies[0];
  const heads = [...table.tHead.rows[0].cells];
  heads.forEach((head, column) => {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...head.childNodes);
    head.append(button);
    button.addEventListener("click", () => {
      const down = head.getAttribute("aria-sort") === "ascending";
      for (const other of heads) other.removeAttribute("aria-sort");
      head.setAttribute("aria-sort", down ? "descending" : "ascending");
      const key = (row) => {
        const text = row.cells[column] ? row.cells[column].textContent : "";
        return head.classList.contains("number") ? parseFloat(text.replace(/\s/g, "")) : text;
      };
      const compare = (a, b) => {
        if (typeof a === "string") return a.localeCompare(b, "en", { numeric: true }) * (down ? -1 : 1);
        if (isNaN(a) || isNaN(b)) return isNaN(a) - isNaN(b);
        return (a - b) * (down ? -1 : 1);
      };
      body.append(...[...body.rows].sort((a, b) => compare(key(a), key(b))));
    });
  });
}
