"use strict";
(() => {
  const figures = JSON.parse(document.getElementById("figures").textContent);
  const points = JSON.parse(document.getElementById("points").textContent);
  const root = document.documentElement;
  const dark = window.matchMedia("(prefers-color-scheme: dark)");
  const isDark = () => (root.dataset.theme ? root.dataset.theme === "dark" : dark.matches);

  // Colours stand in the figures as CSS variables, under keys that name a colour or in a scale of colours.
  function painted(value, key, style) {
    if (typeof value === "string") {
      const name = /colou?r|scale/.test(key) && /^var\((--[a-z]+)\)$/.exec(value);
      return name ? style.getPropertyValue(name[1]).trim() : value;
    }
    if (Array.isArray(value)) {
      const plain = !/colorscale/.test(key) && typeof value[0] !== "object";
      return plain ? value : value.map((one) => painted(one, key, style));
    }
    if (value && typeof value === "object") {
      return Object.fromEntries(Object.entries(value).map(([k, v]) => [k, painted(v, k, style)]));
    }
    return value;
  }

  function draw(place) {
    const style = getComputedStyle(root);
    const figure = painted(figures[place.dataset.figure], "", style);
    figure.layout.font.family = getComputedStyle(document.body).fontFamily;
    const isMap = place.dataset.figure === "map";
    const options = { responsive: true, displaylogo: false, displayModeBar: isMap };
    if (isMap) {
      // Where fingers scroll the page, the map stays where it is: it has buttons.
      if (window.matchMedia("(pointer: coarse)").matches) figure.layout.dragmode = false;
      options.modeBarButtons = [["zoomIn2d", "zoomOut2d", "resetScale2d"]];
    }
    return Plotly.react(place, figure.data, figure.layout, options);
  }

  const places = [...document.querySelectorAll("[data-figure]")];
  const drawAll = () => places.forEach(draw);

  function showTheme() {
    const button = document.getElementById("theme");
    button.setAttribute("aria-pressed", String(isDark()));
    drawAll();
  }
  document.getElementById("theme").addEventListener("click", () => {
    root.dataset.theme = isDark() ? "light" : "dark";
    showTheme();
  });
  dark.addEventListener("change", showTheme);

  document.querySelectorAll(".switch").forEach((group) => {
    const place = document.getElementById(group.dataset.for);
    const buttons = [...group.querySelectorAll("button")];
    buttons.forEach((button) =>
      button.addEventListener("click", () => {
        buttons.forEach((other) => other.setAttribute("aria-pressed", String(other === button)));
        place.dataset.figure = button.value;
        place.setAttribute("aria-label", button.dataset.label);
        draw(place);
      }),
    );
  });

  // Written as text, never as markup: an item may hold anything.
  const hover = document.getElementById("hover");
  function line(text, name) {
    const span = document.createElement("span");
    span.textContent = text;
    span.dir = "auto";
    if (name) span.className = name;
    return span;
  }
  function show(event) {
    const point = points[event.points[0].customdata];
    if (!point.id) return;
    hover.replaceChildren();
    if (point.image) {
      const image = document.createElement("img");
      image.src = point.image;
      image.alt = "";
      hover.append(image);
    }
    if (point.text) hover.append(line(point.text));
    hover.append(line(point.note, "under"), line(point.id, "under"));
    hover.hidden = false;
    const box = hover.getBoundingClientRect();
    const { clientX, clientY } = event.event;
    hover.style.left = `${Math.max(8, Math.min(clientX + 14, root.clientWidth - box.width - 8))}px`;
    hover.style.top = `${clientY + box.height + 24 > window.innerHeight ? clientY - box.height - 10 : clientY + 14}px`;
  }

  showTheme();
  const map = document.getElementById("map");
  if (map) {
    map.on("plotly_hover", show);
    map.on("plotly_unhover", () => (hover.hidden = true));
    window.addEventListener("scroll", () => (hover.hidden = true), { passive: true });
  }
  root.dataset.ready = "true";
})();
