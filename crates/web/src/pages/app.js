// The one script of Byleave's pages. Every page works without it; it adds the running timer, changes as they happen,
// dialogues in place and menus that close. It makes no markup from text, runs nothing it is sent, and asks only the
// server it came from (the policy of the pages forbids all else).
"use strict";

// The server's clock. Each sample is "server time when it was sent, minus my steady clock when it came". The way here
// only makes a sample smaller, so the largest of the latest samples is the best one. My own wall clock plays no part.
const samples = [];
const learn = (sent) => {
  if (!Number.isFinite(sent)) return;
  samples.push(sent - performance.now());
  if (samples.length > 12) samples.shift();
};
const serverNow = () => performance.now() + Math.max(...samples);

// Timers: <span class="left" data-until="…" data-since="…"> counts down; at zero the page asks what became of it.
const two = (number) => String(number).padStart(2, "0");
const clock = (millis) => {
  const seconds = Math.max(0, Math.ceil(millis / 1000));
  return `${two(Math.floor(seconds / 3600))}:${two(Math.floor(seconds / 60) % 60)}:${two(seconds % 60)}`;
};
let expired = 0;
const tick = () => {
  const now = serverNow();
  for (const timer of document.querySelectorAll("[data-until]")) {
    const until = Number(timer.dataset.until);
    const left = until - now;
    timer.hidden = false;
    if (timer instanceof HTMLProgressElement) {
      timer.value = Math.max(0, left);
      continue;
    }
    const text = left > 0 ? clock(left) : "expired";
    if (timer.textContent !== text) timer.textContent = text;
    timer.classList.toggle("soon", left < 600_000);
    if (left <= 0 && until > expired) {
      expired = until;
      setTimeout(refresh, 500);
    }
  }
  setTimeout(tick, 1000 - (((now % 1000) + 1000) % 1000) + 5);
};

// Changes: one stream a page says that something changed; the page is then fetched again and its marked parts replaced.
const ask = (url, then, form) => {
  const request = new XMLHttpRequest();
  request.open(form === undefined ? "GET" : "POST", url);
  request.responseType = "document"; // parsed by the browser without running anything
  if (form !== undefined) request.setRequestHeader("Content-Type", "application/x-www-form-urlencoded");
  request.addEventListener("load", () => then(request.response, request.responseURL));
  request.addEventListener("error", () => then(null, url));
  request.send(form);
};
const shown = new Map();
const parts = (of) => of.querySelectorAll("[data-live]");
const lives = () => parts(document).length > 0; // a page without such parts is never asked for by itself
const remember = () => parts(document).forEach((part) => shown.set(part.id, part.innerHTML));
let asking = false;
let again = false;
const refresh = () => {
  if (asking) {
    again = true;
    return;
  }
  asking = true;
  ask(location.href, (fresh, url) => {
    asking = false;
    if (fresh && new URL(url).pathname !== location.pathname) return location.assign(url);
    if (fresh) take(fresh);
    if (again) {
      again = false;
      refresh();
    }
  });
};
const take = (fresh) => {
  learnFrom(fresh);
  document.documentElement.dataset.seen = fresh.documentElement.dataset.seen;
  for (const part of parts(fresh)) {
    const old = document.getElementById(part.id);
    const html = part.innerHTML;
    if (!old || shown.get(part.id) === html) continue;
    shown.set(part.id, html);
    const open = [...old.querySelectorAll("details[open][id]")].map((details) => details.id);
    const focus = old.contains(document.activeElement) ? document.activeElement.id : "";
    old.replaceWith(document.importNode(part, true));
    for (const id of open) document.getElementById(id)?.setAttribute("open", "");
    if (focus) document.getElementById(focus)?.focus({ preventScroll: true });
  }
  for (const timer of document.querySelectorAll("[data-until]")) timer.hidden = false;
  tickNow();
};
const tickNow = () => {
  const now = serverNow();
  for (const timer of document.querySelectorAll(".left[data-until]")) timer.textContent = clock(Number(timer.dataset.until) - now);
};
const learnFrom = (page) => learn(Number(page.documentElement.dataset.now || NaN));
const listen = () => {
  const stream = new EventSource(`/live?seen=${document.documentElement.dataset.seen}`);
  stream.addEventListener("now", (message) => learn(Number(message.data)));
  stream.addEventListener("changed", (message) => {
    learn(Number(message.data));
    if (lives()) refresh();
  });
  stream.addEventListener("over", () => {
    stream.close();
    refresh(); // signed out elsewhere: the server answers with the sign-in page
  });
  stream.addEventListener("error", () => {
    if (stream.readyState !== EventSource.CLOSED) return; // the browser tries again by itself
    setTimeout(listen, 3000);
    if (lives()) refresh(); // signed out, or the store does not answer
  });
  addEventListener("pagehide", () => stream.close(), { once: true });
};

// Dialogues: a link marked data-dialog opens the page it leads to in a box; its form is answered in the same box.
const box = (page) => page?.querySelector(".dialogue");
const openDialog = (link) => {
  const href = link.href;
  ask(href, (page, url) => {
    const content = box(page);
    if (!content || url !== href) return location.assign(href);
    learnFrom(page);
    const dialog = document.createElement("dialog");
    dialog.append(document.importNode(content, true));
    name(dialog);
    dialog.addEventListener("close", () => {
      dialog.remove();
      const from = link.isConnected ? link : document.getElementById(link.id);
      const menu = from?.closest("details.menu:not([open])"); // a closed menu cannot hold the focus
      (menu ? menu.querySelector("summary") : from)?.focus();
    });
    dialog.addEventListener("submit", (event) => send(event, dialog));
    dialog.addEventListener("click", (event) => {
      if (event.target.closest?.("[data-close]")) {
        event.preventDefault();
        dialog.close();
      }
    });
    document.body.append(dialog);
    dialog.showModal();
  });
};
const name = (dialog) => {
  const title = dialog.querySelector("h1");
  if (title?.id) dialog.setAttribute("aria-labelledby", title.id);
};
const send = (event, dialog) => {
  const form = event.target;
  if (form.dataset.plain !== undefined) return;
  event.preventDefault();
  const button = event.submitter;
  if (button) button.disabled = true;
  const answered = (page, url) => {
    const content = url === form.action ? box(page) : null;
    if (page && url !== form.action) {
      if (new URL(url).pathname === location.pathname && new URL(url).search === location.search) return location.reload();
      return location.assign(url);
    }
    if (!content) {
      if (button) button.disabled = false;
      dialog.querySelector("[data-lost]")?.removeAttribute("hidden");
      return;
    }
    dialog.replaceChildren(document.importNode(content, true));
    name(dialog);
    dialog.querySelector("[aria-invalid=true], [autofocus]")?.focus();
  };
  ask(form.action, answered, new URLSearchParams(new FormData(form, button)).toString());
};

addEventListener("click", (event) => {
  const link = event.target.closest?.("a[data-dialog]");
  const plain = event.button === 0 && !event.ctrlKey && !event.metaKey && !event.shiftKey && !event.altKey;
  for (const menu of document.querySelectorAll("details.menu[open]")) {
    if (!menu.contains(event.target) || link) menu.removeAttribute("open");
  }
  if (link && plain) {
    event.preventDefault();
    openDialog(link);
  }
});
// Copying: a button marked data-copy copies the text of the element that it names.
if (navigator.clipboard) document.documentElement.classList.add("copies");
addEventListener("click", (event) => {
  const button = event.target.closest?.("[data-copy]");
  if (!button) return;
  const text = document.getElementById(button.dataset.copy).textContent;
  navigator.clipboard.writeText(text).then(
    () => (button.textContent = "Copied"),
    () => (button.textContent = "Could not copy"),
  );
});
// Granting: the title says the time that is typed.
addEventListener("input", (event) => {
  const stem = event.target.id === "duration" && event.target.form?.querySelector("[data-title]");
  const typed = event.target.value?.trim();
  const time = stem && typed && /^(?:(\d+)h)?(?:\d+m)?(?:\d+s)?$/.exec(typed);
  if (!time) return;
  const words = typed === `${time[1]}h` ? `${Number(time[1])} ${Number(time[1]) === 1 ? "hour" : "hours"}` : typed;
  event.target.closest(".dialogue").querySelector("h1").textContent = stem.dataset.title + words;
});
addEventListener("keydown", (event) => {
  if (event.key === " " && event.target.matches?.("a[role=switch]")) {
    event.preventDefault(); // a switch is turned by the space bar, too
    event.target.click();
  }
  const menu = event.key === "Escape" && document.querySelector("details.menu[open]");
  if (menu) {
    menu.removeAttribute("open");
    menu.querySelector("summary").focus();
  }
});

learnFrom(document);
remember();
if (samples.length) tick();
addEventListener("pageshow", (event) => event.persisted && location.reload());
if (document.documentElement.dataset.seen !== undefined) listen();
