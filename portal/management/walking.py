"""Walking through the portal by its links, as one person after the other, and looking at each page in every mode.

One page for each address pattern (with its words, such as a step's code, but without its numbers) and person. What is
looked for: axe's rules (WCAG 2.2 A and AA, and best practice), a page wider than the screen, words that are cut off, a
breach of the content security policy, an error of a script, an answer that is no page.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from django.urls import Resolver404, resolve

from portal.management.browser import DESK, HEIGHTS, PHONE, page_of

Mode = tuple[int, str]
MODES: tuple[Mode, ...] = ((DESK, "light"), (DESK, "dark"), (PHONE, "light"), (PHONE, "dark"))
RULES = {
    "runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"],
    "resultTypes": ["violations"],
}
WATCH = """addEventListener("securitypolicyviolation", (breach) => {
  (window.breaches ??= []).push(`${breach.violatedDirective} ${breach.sourceFile}`);
});"""
SETTLED = """async () => {
  await document.fonts.ready;
  for (const fold of document.querySelectorAll("main details:not([open])")) fold.open = true;
  await new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));
}"""
LINKS = "[...document.querySelectorAll('a[href]:not([download])')].map((link) => link.href)"
WIDER = """() => document.documentElement.scrollWidth <= innerWidth ? [] :
  [...document.querySelectorAll("body *")].filter((one) => {
    const box = one.getBoundingClientRect();
    return box.width && box.right > innerWidth + 1 && !one.closest(".np-scroll, .visually-hidden");
  }).slice(0, 3).map((one) => `${one.tagName.toLowerCase()}.${String(one.className.baseVal ?? one.className)}`)"""
CUT = """() => [...document.querySelectorAll("main *, .np-top *")].filter((one) => {
    if (![...one.childNodes].some((part) => part.nodeType === 3 && part.data.trim())) return false;
    if (one.closest(".visually-hidden, pre, svg, thead, .np-who__n, textarea, select")) return false;
    const style = getComputedStyle(one);
    return style.overflowX === "hidden" && one.scrollWidth > one.clientWidth + 1;
  }).slice(0, 3).map((one) => one.textContent.trim().slice(0, 60))"""
QUIET = ("account_logout",)
"""Pages of which a visit is not worth a picture for each person."""


@dataclass
class Visit:
    """One page as one person saw it. `faults` says what was found in each mode."""

    person: str
    name: str
    path: str
    faults: dict[Mode, list[str]] = field(default_factory=dict)

    @property
    def is_clean(self) -> bool:
        return not any(self.faults.values())


@dataclass
class Walk:
    """One walk over a portal at `url`. With `once`, a page is met once, but for where each person begins."""

    browser: Any
    url: str
    modes: Sequence[Mode] = MODES
    pictures: Path | None = None
    once: bool = False
    seen: set[tuple[str, ...]] = field(default_factory=set)
    tell: Callable[[Visit], None] = lambda visit: None

    def of(self, person: str, start: Sequence[str] = ("/",)) -> Generator[Visit]:
        """Every page that this person reaches by links, the nearest first. An empty person is a stranger."""
        page = page_of(self.browser, self.url, person, width=self.modes[0][0], theme=self.modes[0][1], script=WATCH)
        said: list[str] = []
        page.on("console", lambda line: said.append(line.text) if line.type == "error" else None)
        page.on("pageerror", lambda error: said.append(str(error)))
        waiting, met = deque(start), set()
        try:
            while waiting:
                path = waiting.popleft()
                key = page_key(path)
                if key is None or key in met or (self.once and key in self.seen and path not in start):
                    continue
                met.add(key)
                self.seen.add(key)
                said.clear()
                visit = self._look(page, person, key, path, said)
                waiting.extend(_here(self.url, page.evaluate(LINKS)))
                self.tell(visit)
                yield visit
        finally:
            # Also where the walk is left early: an open page asks for every change anew.
            page.context.close()

    def _look(self, page: Any, person: str, key: tuple[str, ...], path: str, said: list[str]) -> Visit:
        visit = Visit(person, " ".join(key), path)
        self._size(page, self.modes[0])
        answer = page.goto(path, wait_until="load")
        wrong = [f"answers {answer.status}"] if answer and answer.status >= 400 else []
        for number, mode in enumerate(self.modes):
            if number:
                self._size(page, mode)
            page.evaluate(SETTLED)
            page.wait_for_timeout(120)
            visit.faults[mode] = wrong + faults_of(page)
            wrong = []
            if self.pictures is not None:
                name = f"{person or 'stranger'}-{'-'.join(key)}-{mode[0]}-{mode[1]}".replace(" ", "_").replace("/", "_")
                page.screenshot(path=str(self.pictures / f"{name}.png"), full_page=True)
        visit.faults[self.modes[0]].extend(f"script: {one}" for one in said)
        return visit

    def _size(self, page: Any, mode: Mode) -> None:
        width, theme = mode
        page.emulate_media(color_scheme=theme)
        page.set_viewport_size({"width": width, "height": HEIGHTS.get(width, 900)})


def faults_of(page: Any) -> list[str]:
    """What is wrong with a page as it stands, in words; empty when nothing is."""
    from axe_playwright_python.sync_playwright import Axe

    found = []
    for fault in Axe().run(page, options=RULES).response["violations"]:
        where = ", ".join(" ".join(map(str, node["target"])) for node in fault["nodes"][:3])
        found.append(
            f"axe {fault['id']}: {where}" + (f" and {len(fault['nodes']) - 3} more" * (len(fault["nodes"]) > 3))
        )
    found.extend(f"wider than the screen: {one}" for one in page.evaluate(WIDER))
    found.extend(f"cut off: {one}" for one in page.evaluate(CUT))
    found.extend(f"policy: {one}" for one in page.evaluate("window.breaches ?? []"))
    return found


def page_key(path: str) -> tuple[str, ...] | None:
    """What makes a page another page: its view and the words in its address. None where there is no page of ours."""
    try:
        match = resolve(urlsplit(path).path)
    except Resolver404:
        return None
    name = match.url_name or ""
    words = [str(value) for value in match.kwargs.values() if isinstance(value, str)]
    if (
        name.startswith("log_")
        or "/static/" in path
        or name in QUIET
        or path.endswith((".json", ".zip", ".tlog-proof"))
    ):
        return None
    return (name, *(word for word in words if len(word) < 40))


def _here(url: str, links: Sequence[str]) -> list[str]:
    """Those of the links that stay in the portal, as paths."""
    found = []
    for link in links:
        parts = urlsplit(link)
        if f"{parts.scheme}://{parts.netloc}" == url:
            found.append(parts.path + (f"?{parts.query}" if parts.query else ""))
    return found
