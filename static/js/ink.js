// The theme's colours as a chart needs them: computed values, since Plotly knows no light-dark().

let probe = null;

const colour = (token) => {
  probe ??= Object.assign(document.createElement("span"), { hidden: true });
  if (!probe.isConnected) document.body.append(probe);
  probe.style.color = `var(${token})`;
  return getComputedStyle(probe).color;
};

const parts = (text) => (text.match(/[\d.]+/g) ?? ["0", "0", "0"]).slice(0, 3);

/** {c(token), faint(token, alpha), font(size, token)} for the theme that is on now. */
export const ink = () => {
  const family = getComputedStyle(document.documentElement).getPropertyValue("--np-sans").trim();
  return {
    c: colour,
    faint: (token, alpha) => `rgba(${parts(colour(token)).join(", ")}, ${alpha})`,
    font: (size = 13, token = "--np-ink-2", weight = 400) => ({ family, size, color: colour(token), weight }),
  };
};
