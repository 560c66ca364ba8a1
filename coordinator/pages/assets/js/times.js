// "3 hours ago" in place of the day, in the reader's language of dates; the title keeps the exact
// time, in the reader's own zone.
const UNITS = [
  ["year", 31_557_600],
  ["month", 2_629_800],
  ["week", 604_800],
  ["day", 86_400],
  ["hour", 3_600],
  ["minute", 60],
];
const relative = new Intl.RelativeTimeFormat(document.documentElement.lang, { numeric: "auto" });
const exact = new Intl.DateTimeFormat(document.documentElement.lang, { dateStyle: "long", timeStyle: "long" });

function ago(seconds) {
  for (const [unit, size] of UNITS) {
    if (Math.abs(seconds) >= size) return relative.format(Math.trunc(seconds / size), unit);
  }
  return relative.format(0, "second");
}

function show() {
  for (const element of document.querySelectorAll("time[datetime]:not([data-exact])")) {
    const at = new Date(element.dateTime);
    if (Number.isNaN(at.getTime())) continue;
    element.textContent = ago((at - Date.now()) / 1000);
    element.title = exact.format(at);
  }
}

show();
setInterval(show, 60_000);
