"""Walks through a page by the tab key, and looks for what is not reached, not seen, or too bright in the dark."""

from collections.abc import Iterator

from playwright.sync_api import Page

MOST_BACK = 3  # turns without a stop in the page: the browser's own places
NUMBERED = """() => [...document.querySelectorAll(
    'a[href], button, input:not([type=hidden]), select, textarea, summary, [tabindex]:not([tabindex="-1"])')]
  .filter(one => !one.disabled && one.tabIndex >= 0 && one.getBoundingClientRect().width > 0
    && one.checkVisibility({visibilityProperty: true}))
  .filter(one => one.type != 'radio' || one.checked)
  .map((one, number) => { one.dataset.stop = number; return one.outerHTML.slice(0, 200); })"""
FOCUSED = """() => {
  const one = document.activeElement;
  if (!one || one === document.body) return null;
  const rings = [one, one.parentElement, one.parentElement?.parentElement].filter(Boolean).map(getComputedStyle);
  const isSeen = rings.some(style => style.outlineStyle != 'none' && parseFloat(style.outlineWidth) > 0);
  return {stop: one.dataset.stop ?? '', isSeen, html: one.outerHTML.slice(0, 200)};
}"""
BRIGHT = """() => {
  const brush = document.createElement('canvas').getContext('2d', {willReadFrequently: true});
  const isBright = colour => {
    brush.clearRect(0, 0, 1, 1); brush.fillStyle = colour; brush.fillRect(0, 0, 1, 1);
    const [red, green, blue, opacity] = brush.getImageData(0, 0, 1, 1).data;
    return opacity > 128 && Math.min(red, green, blue) > 160;
  };
  return [...document.querySelectorAll('body, body *')].filter(one => {
    const place = one.getBoundingClientRect();
    return place.width * place.height > 400 && one.checkVisibility({opacityProperty: true, visibilityProperty: true})
      && isBright(getComputedStyle(one).backgroundColor);
  }).map(one => one.outerHTML.slice(0, 200));
}"""


def bright_boxes(page: Page) -> list[str]:
    """What is white, or nearly, and larger than a dot."""
    return list(page.evaluate(BRIGHT))


def faults_by_keyboard(page: Page) -> Iterator[str]:
    """What the tab key does not reach, and what is not seen to have the focus when it does."""
    stops = page.evaluate(NUMBERED)
    page.evaluate("document.activeElement.blur()")
    reached: set[str] = set()
    away = 0
    while away < MOST_BACK:
        page.keyboard.press("Tab")
        focused = page.evaluate(FOCUSED)
        if focused is None:
            away += 1
            continue
        if focused["stop"] in reached:
            break
        if focused["stop"]:
            reached.add(focused["stop"])
        if not focused["isSeen"]:
            yield f"has the focus, and nobody sees it: {focused['html']}"
    yield from (f"is never reached: {html}" for number, html in enumerate(stops) if str(number) not in reached)
