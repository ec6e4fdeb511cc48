// Figures by Plotly, coloured by the theme's tokens and drawn again when the theme changes. Plotly is fetched only
// when a page has a figure. Its own style rules go into static/css/plotly.css's sheet, as no inline style is allowed.
import { figures } from "./figures.js";
import { ink } from "./ink.js";

const tag = document.querySelector("script[data-plotly]");
let loading = null;

const element = (name, attributes) => {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  return new Promise((resolve, reject) => {
    made.addEventListener("load", () => resolve(made));
    made.addEventListener("error", () => reject(new Error(`${name} could not be loaded`)));
    document.head.append(made);
  });
};

const plotly = () =>
  (loading ??= (async () => {
    // Plotly looks for this id and adds its rules to that sheet instead of making a <style> of its own.
    await element("link", { rel: "stylesheet", id: "plotly.js-style-global", href: tag.dataset.plotlyStyle });
    await element("script", { src: tag.dataset.plotly });
    return globalThis.Plotly;
  })());

const key = (figure, entries) => {
  const list = figure.querySelector("[data-chart-key]");
  list?.replaceChildren(
    ...entries.map((text, place) => {
      const row = document.createElement("li");
      const number = document.createElement("b");
      number.textContent = String(place + 1);
      row.append(number, text);
      return row;
    }),
  );
};

const draw = async (figure) => {
  const plot = figure.querySelector("[data-chart-plot]");
  const source = figure.querySelector("script[type='application/json']");
  const make = figures[figure.dataset.chart];
  if (!plot || !source || !make) return;
  try {
    const library = await plotly();
    const width = plot.clientWidth;
    const narrow = width < 460;
    figure.classList.toggle("is-narrow", narrow);
    const made = make(JSON.parse(source.textContent), { ink: ink(), narrow, width: width - 152, height: Number(figure.dataset.chartHeight) });
    key(figure, made.key ?? []);
    await library.react(plot, made.data, made.layout, { displayModeBar: false, responsive: true, ...made.config });
    figure.dataset.chartDrawn = "1";
  } catch (problem) {
    console.error(problem);
    const words = document.createElement("p");
    words.className = "np-chart__failed";
    words.textContent = "The chart could not be drawn. Its figures stand in the table.";
    plot.replaceChildren(words);
    figure.querySelector("details")?.setAttribute("open", "");
  }
};

let timer = 0;
let width = innerWidth;
const redraw = () => document.querySelectorAll("[data-chart]").forEach(draw);

let listening = false;
export const initCharts = (root) => {
  if (!listening) {
    listening = true;
    document.addEventListener("np:theme", redraw);
    addEventListener("resize", () => {
      clearTimeout(timer);
      timer = setTimeout(() => {
        if (innerWidth !== width) redraw();
        width = innerWidth;
      }, 200);
    });
  }
  const found = [...(root.querySelectorAll?.("[data-chart]") ?? [])];
  if (root.matches?.("[data-chart]")) found.push(root);
  for (const figure of found) draw(figure);
};
