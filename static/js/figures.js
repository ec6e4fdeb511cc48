// Pure functions from a figure's data to what Plotly draws. Colour is never alone: a limit carries its value, an
// excursion is a diamond, a gap is left open and named. On narrow plots marks become numbers with a key below.

const CLEAR = "rgba(0, 0, 0, 0)";

const base = ({ ink, height }, rest) => ({
  paper_bgcolor: CLEAR,
  plot_bgcolor: CLEAR,
  height,
  font: ink.font(),
  showlegend: false,
  dragmode: false,
  hoverlabel: { bgcolor: ink.c("--np-ink"), bordercolor: ink.c("--np-ink"), font: ink.font(13, "--np-surface") },
  ...rest,
});

const axis = ({ ink }, rest) => ({
  gridcolor: ink.c("--np-line"),
  linecolor: ink.c("--np-line-strong"),
  tickcolor: ink.c("--np-line-strong"),
  zeroline: false,
  ticks: "outside",
  ticklen: 5,
  tickfont: ink.font(),
  fixedrange: true,
  automargin: true,
  ...rest,
});

// Plotly's dates know no zones: a moment is written as the wall clock of the site. The distance from UTC is asked
// once an hour, since Intl is slow and readings are many.
const wallClock = (zone) => {
  const shape = { timeZone: zone, hourCycle: "h23", year: "numeric", month: "2-digit", day: "2-digit", hour: "2-digit", minute: "2-digit", second: "2-digit" };
  const format = new Intl.DateTimeFormat("en-GB", shape);
  const distances = new Map();
  const distance = (moment) => {
    const hour = Math.floor(moment / 900000);
    if (!distances.has(hour)) {
      const at = Object.fromEntries(format.formatToParts(new Date(hour * 900000)).map((part) => [part.type, Number(part.value)]));
      distances.set(hour, Date.UTC(at.year, at.month - 1, at.day, at.hour, at.minute, at.second) - hour * 900000);
    }
    return distances.get(hour);
  };
  return (text) => {
    const moment = typeof text === "number" ? text * 1000 : Date.parse(text);
    return new Date(moment + distance(moment)).toISOString().slice(0, 19);
  };
};

const zoneName = (zone, moment) => {
  const parts = new Intl.DateTimeFormat("en-GB", { timeZone: zone, timeZoneName: "short" }).formatToParts(moment);
  return (parts.find((part) => part.type === "timeZoneName")?.value ?? "UTC").replace(/^GMT(?=[+-])/, "UTC");
};

const minus = (number, places = 1) => number.toFixed(places).replace("-", "\u2212");

const seconds = (text) => (typeof text === "number" ? text : Date.parse(text) / 1000);

/** Points as two columns, with an empty value wherever nothing was read for longer than allowed. */
const columns = (spec, local) => {
  const x = [];
  const y = [];
  let last = null;
  for (const [at, value] of spec.points ?? []) {
    const now = seconds(at);
    if (last !== null && spec.max_gap && now - last > spec.max_gap) {
      x.push(local((now + last) / 2));
      y.push(null);
    }
    x.push(local(at));
    y.push(value === null ? null : Number(value));
    last = now;
  }
  return { x, y };
};

const span = (values) => {
  let low = Infinity;
  let high = -Infinity;
  for (const value of values) {
    if (value === null || Number.isNaN(value)) continue;
    if (value < low) low = value;
    if (value > high) high = value;
  }
  return [low, high];
};

/** The vertical range: all readings and limits with some air; a band that ends far away is cut. */
const reach = (spec, y) => {
  if (spec.y) return [spec.y.min, spec.y.max];
  const limits = (spec.limits ?? []).map((limit) => Number(limit.value));
  const [low, high] = span([...y, ...limits]);
  if (low > high) return [0, 1];
  const air = Math.max((high - low) * 0.14, 0.5);
  return [low - air, high + air];
};

const band = (spec, { ink }, [bottom, top], opacity = 0.1) => {
  if (!spec.band) return [];
  const low = Math.max(bottom, spec.band.low ?? bottom);
  const high = Math.min(top, spec.band.high ?? top);
  return [{ type: "rect", xref: "paper", x0: 0, x1: 1, y0: low, y1: high, fillcolor: ink.faint("--np-ok", opacity), line: { width: 0 }, layer: "below" }];
};

const limitLines = (spec, { ink }) =>
  (spec.limits ?? []).map((limit) => ({
    type: "line",
    xref: "paper",
    x0: 0,
    x1: 1,
    y0: limit.value,
    y1: limit.value,
    line: { color: ink.c("--np-stop"), width: 1.5, dash: "dash" },
  }));

const readings = (spec, view) => {
  const { ink, narrow } = view;
  const zone = spec.zone || document.body.dataset.zone || "UTC";
  const local = wallClock(zone);
  const { x, y } = columns(spec, local);
  const range = reach(spec, y);
  const unit = spec.unit ?? "";
  const named = [
    ...(spec.marks ?? []).map((mark) => ({ at: seconds(mark.at), label: mark.label, kind: "mark" })),
    ...(spec.gaps ?? []).map((gap) => ({ at: (seconds(gap.from) + seconds(gap.to)) / 2, label: gap.label, kind: "gap" })),
    ...(spec.excursions ?? []).map((each) => ({ at: seconds(each.at), label: each.label, kind: "excursion" })),
  ].sort((one, other) => one.at - other.at);
  const label = narrow || crowded(named, x, view) ? (_, place) => String(place + 1) : (each) => each.label;
  const numbered = label({ label: "" }, 0) === "1";
  const last = y.findLastIndex((value) => value !== null);
  const shapes = [
    ...band(spec, view, range),
    ...limitLines(spec, view),
    ...(spec.gaps ?? []).map((gap) => ({
      type: "rect",
      x0: local(gap.from),
      x1: local(gap.to),
      yref: "paper",
      y0: 0,
      y1: 1,
      fillcolor: ink.faint("--np-stop", 0.16),
      line: { color: ink.c("--np-stop"), width: 1, dash: "dot" },
    })),
    ...named
      .filter((each) => each.kind !== "gap")
      .map((each) => ({ type: "line", x0: local(each.at), x1: local(each.at), yref: "paper", y0: 0, y1: 1, line: { color: ink.c("--np-line-strong"), width: 1, dash: "dot" } })),
  ];
  const annotations = [
    ...named.map((each, place) => ({
      x: local(each.at),
      y: 1.015,
      yref: "paper",
      yanchor: "bottom",
      xanchor: numbered || each.kind === "gap" ? "center" : "left",
      text: label(each, place),
      showarrow: false,
      font: ink.font(12.5, each.kind === "mark" ? "--np-ink-2" : "--np-stop"),
    })),
    ...(narrow ? [] : (spec.limits ?? []).map((limit) => ({ xref: "paper", x: 1.008, y: limit.value, text: limit.label ?? "", showarrow: false, xanchor: "left", font: ink.font(12.5, "--np-stop") }))),
  ];
  if (!narrow && last >= 0) {
    annotations.push({ xref: "paper", x: 1.008, y: y[last], text: `${minus(y[last])}\u00a0${unit}`, showarrow: false, xanchor: "left", font: ink.font(12.5, "--np-ink", 700) });
  }
  const when = zoneName(zone, x.length ? Date.parse(spec.points[0][0]) || Date.now() : Date.now());
  const curve = { x, y, type: "scatter", mode: "lines", connectgaps: false, line: { color: ink.c("--np-thread"), width: 2 }, hovertemplate: `%{x|%d %b, %H:%M} ${when}<br>%{y:.1f} ${unit}<extra></extra>` };
  const peaks = {
    x: (spec.excursions ?? []).map((each) => local(each.at)),
    y: (spec.excursions ?? []).map((each) => each.value),
    type: "scatter",
    mode: "markers",
    marker: { symbol: "diamond", size: 11, color: ink.c("--np-stop"), line: { color: ink.c("--np-surface"), width: 1.5 } },
    text: (spec.excursions ?? []).map((each) => each.label ?? ""),
    hovertemplate: `%{text}<br>%{y:.1f} ${unit}<extra></extra>`,
  };
  return {
    data: [curve, peaks],
    layout: base(view, {
      margin: { l: narrow ? 44 : 52, r: narrow ? 12 : 100, t: 28, b: 46 },
      xaxis: axis(view, { type: "date", tickformat: "%H:%M\n%d %b", nticks: narrow ? 4 : 8, tickangle: 0, showgrid: false }),
      yaxis: axis(view, { range, nticks: 6 }),
      shapes,
      annotations,
    }),
    key: numbered ? named.map((each) => `${each.label}, ${local(each.at).slice(11, 16)}`) : [],
  };
};

/** Whether labels above the plot would run into each other, judged at 6.6 px a letter. */
const crowded = (named, x, view) => {
  if (named.length < 2 || x.length < 2) return false;
  const from = Date.parse(`${x[0]}Z`);
  const to = Date.parse(`${x[x.length - 1]}Z`);
  const perPixel = (to - from) / (view.width ?? 420);
  return named.some((each, place) => {
    const next = named[place + 1];
    return next && (next.at - each.at) * 1000 < perPixel * (each.label.length * 6.6 + 10) * (each.kind === "gap" ? 0.6 : 1);
  });
};

const spark = (spec, view) => {
  const { ink } = view;
  const local = wallClock(spec.zone || document.body.dataset.zone || "UTC");
  const { x, y } = columns(spec, local);
  const range = reach(spec, y);
  const last = y.findLastIndex((value) => value !== null);
  const middle = Math.floor((x.length - 1) / 2);
  const ticks = [0, middle, x.length - 1].filter((place) => place >= 0 && x[place]);
  return {
    data: [
      { x, y, type: "scatter", mode: "lines", connectgaps: false, line: { color: ink.c("--np-thread"), width: 2.5 }, hoverinfo: "skip" },
      { x: [x[last]], y: [y[last]], type: "scatter", mode: "markers", marker: { size: 10, color: ink.c("--np-thread") }, hoverinfo: "skip" },
    ],
    layout: base(view, {
      margin: { l: 22, r: 22, t: 6, b: 22 },
      xaxis: axis(view, { type: "date", showgrid: false, tickvals: ticks.map((place) => x[place]), ticktext: ticks.map((place) => x[place].slice(11, 16)), ticks: "", linecolor: CLEAR, automargin: false }),
      yaxis: axis(view, { visible: false, range }),
      shapes: [...band(spec, view, range), ...limitLines(spec, view)],
      annotations: (spec.limits ?? []).map((limit) => ({ xref: "paper", x: 0, y: limit.value, yanchor: "bottom", xanchor: "left", text: limit.label ?? "", showarrow: false, font: ink.font(12.5, "--np-stop") })),
    }),
    config: { staticPlot: true },
  };
};

const sites = (spec, view) => {
  const { ink } = view;
  const rows = [...(spec.rows ?? [])].reverse();
  const names = rows.map((row) => row.name);
  const tone = (row) => ink.c(row.apart ? "--np-stop" : "--np-thread");
  const limits = spec.limits ?? [];
  const [low, high] = span([...rows.flatMap((row) => [row.low, row.high]), ...limits.map((limit) => limit.value)]);
  const air = Math.max((high - low) * 0.08, 1);
  return {
    data: [
      ...rows.map((row) => ({ x: [row.low, row.high], y: [row.name, row.name], type: "scatter", mode: "lines", line: { color: tone(row), width: 3 }, hoverinfo: "skip" })),
      {
        x: rows.map((row) => row.median),
        y: names,
        type: "scatter",
        mode: "markers",
        marker: { size: 13, symbol: rows.map((row) => (row.apart ? "diamond" : "circle")), color: rows.map(tone), line: { color: ink.c("--np-surface"), width: 2 } },
        hovertemplate: `%{y}: median %{x:.1f} ${spec.unit ?? ""}<extra></extra>`,
      },
    ],
    layout: base(view, {
      margin: { l: 96, r: 54, t: 24, b: 34 },
      xaxis: axis(view, { range: [low - air, high + air], ticksuffix: spec.unit ? `\u00a0${spec.unit}` : "", nticks: view.narrow ? 4 : 7, tickangle: 0 }),
      yaxis: axis(view, { ticks: "", showgrid: false, linecolor: CLEAR, tickfont: ink.font(13.5, "--np-ink"), range: [-0.6, rows.length - 0.4], type: "category" }),
      shapes: limits.map((limit) => ({ type: "line", x0: limit.value, x1: limit.value, yref: "paper", y0: 0, y1: 1, line: { color: ink.c("--np-ink"), width: 1.5, dash: "dash" } })),
      annotations: [
        ...limits.map((limit) => ({ x: limit.value, y: 1, yref: "paper", yanchor: "bottom", text: limit.label ?? "", showarrow: false, font: ink.font(12.5) })),
        ...rows.map((row) => ({ xref: "paper", x: 1.01, y: row.name, text: `n ${row.count}`, showarrow: false, xanchor: "left", font: ink.font(12.5) })),
      ],
    }),
  };
};

/** A figure made by the server: strings that name a token ("--np-thread") become that colour. */
const plotly = (spec, view) => {
  const paint = (value) => {
    if (typeof value === "string" && value.startsWith("--np-")) return view.ink.c(value);
    if (Array.isArray(value)) return value.map(paint);
    if (value && typeof value === "object") return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, paint(each)]));
    return value;
  };
  const given = paint(spec.layout ?? {});
  const layout = base(view, { margin: { l: 56, r: 16, t: 16, b: 44 }, ...given });
  for (const name of ["xaxis", "yaxis", "xaxis2", "yaxis2"]) {
    if (given[name] || name === "xaxis" || name === "yaxis") layout[name] = axis(view, given[name] ?? {});
  }
  return { data: paint(spec.data ?? []), layout, config: spec.config };
};

export const figures = { readings, spark, sites, plotly };
