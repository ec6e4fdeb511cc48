// Words of time that stay true while the page is open: relative times and running timers.

const pad = (number) => String(number).padStart(2, "0");

/** Seconds in words with two units at most, as the server's `duration` filter says them. */
export const duration = (seconds) => {
  const total = Math.abs(Math.round(seconds));
  if (total < 60) return `${total} s`;
  const minutes = Math.floor(total / 60);
  if (minutes < 60) return `${minutes} min`;
  const hours = Math.floor(minutes / 60);
  if (hours < 24) return minutes % 60 ? `${hours} h ${pad(minutes % 60)}` : `${hours} h`;
  const days = Math.floor(hours / 24);
  return hours % 24 && days < 10 ? `${days} d ${hours % 24} h` : `${days} d`;
};

const relative = (apart) => (Math.abs(apart) < 30 ? "now" : apart > 0 ? `in ${duration(apart)}` : `${duration(apart)} late`);
const ago = (apart) => (apart < 5 ? "just now" : `${duration(apart)} ago`);

/** 14:05:20 CET in the site's zone (data-zone of the body). */
export const clock = (date, options = { second: "2-digit" }) => {
  const zone = document.body.dataset.zone || "UTC";
  const shape = { hour: "2-digit", minute: "2-digit", hourCycle: "h23", timeZone: zone, timeZoneName: "short", ...options };
  const parts = new Intl.DateTimeFormat("en-GB", shape).formatToParts(date);
  const figures = parts.filter((part) => ["hour", "minute", "second"].includes(part.type)).map((part) => part.value);
  const name = parts.find((part) => part.type === "timeZoneName")?.value ?? "UTC";
  return `${figures.join(":")} ${name.replace(/^GMT(?=[+-])/, "UTC")}`;
};

const running = (seconds) => {
  const total = Math.abs(Math.floor(seconds));
  const days = Math.floor(total / 86400);
  const figures = `${pad(Math.floor((total % 86400) / 3600))}:${pad(Math.floor((total % 3600) / 60))}:${pad(total % 60)}`;
  return days ? `${days} d ${figures}` : figures;
};

const tick = () => {
  const now = Date.now();
  for (const time of document.querySelectorAll("time[data-relative]")) {
    const apart = (Date.parse(time.dateTime) - now) / 1000;
    const words = time.dataset.relative === "ago" ? ago(-apart) : relative(apart);
    if (time.textContent !== words) time.textContent = words;
  }
  for (const output of document.querySelectorAll("output[data-since]")) {
    output.textContent = running((now - Date.parse(output.dataset.since)) / 1000);
  }
  for (const output of document.querySelectorAll("output[data-until]")) {
    const left = (Date.parse(output.dataset.until) - now) / 1000;
    output.textContent = left >= 0 ? running(left) : `${running(left)} over`;
    output.classList.toggle("np-stopword", left < 0);
  }
};

let timer = 0;
export const initClocks = () => {
  tick();
  timer ||= setInterval(tick, 1000);
};
