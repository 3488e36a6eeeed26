// Fills the table, figures and explorer of the page from the JSON in it. Text is only ever set as text.
(() => {
  "use strict";
  const page = JSON.parse(document.getElementById("page-data").textContent);
  const $ = (id) => document.getElementById(id);
  const root = document.documentElement;
  const state = {
    set: page.datasets[0], variant: "", x: "size_bytes", y: "", text: "", sort: null,
    looks: new Set(), runtimes: new Set(), groups: new Set(["overview"]), lines: [],
  };

  // ---- small helpers
  const el = (tag, attributes = {}, ...children) => {
    const node = document.createElement(tag);
    for (const [key, value] of Object.entries(attributes)) {
      if (key.startsWith("on")) node.addEventListener(key.slice(2), value);
      else if (value !== null && value !== false) node.setAttribute(key, value === true ? "" : value);
    }
    node.append(...children.filter((child) => child !== null && child !== undefined));
    return node;
  };
  const drawn = (box, tag, attributes) => {
    const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
    const mark = document.createElementNS("http://www.w3.org/2000/svg", tag);
    svg.setAttribute("viewBox", box);
    svg.setAttribute("aria-hidden", "true");
    for (const [key, value] of Object.entries(attributes)) mark.setAttribute(key, value);
    svg.append(mark);
    return svg;
  };
  const broken = (name) => name.split("+").flatMap((part, i) => (i ? [document.createElement("wbr"), "+" + part] : [part]));
  const hash = (variant) => `#${encodeURIComponent(state.set.name)}/${encodeURIComponent(variant).replaceAll("%2B", "+")}`;
  const row = (variant) => state.set.rows.find((one) => one.variant === variant);
  const place = (key) => state.set.columns.findIndex((column) => column.key === key);
  const value = (one, key) => one.values[place(key)] ?? null;
  const text = (one, key) => (one.texts[place(key)] ?? "–").split("\n");
  const percent = (share) => (share === null ? "–" : (100 * share).toFixed(1));
  const system = matchMedia("(prefers-color-scheme: dark)");
  const theme = () => root.dataset.theme || (system.matches ? "dark" : "light");

  // ---- charts
  const dark = (_, value) => (theme() === "dark" && typeof value === "string" && page.dark[value]) || value; // specs are in light colours
  const embedded = (host, spec) => vegaEmbed(host, JSON.parse(JSON.stringify(spec), dark), { mode: "vega-lite", ast: true, actions: false, renderer: "svg", defaultStyle: false, tooltip: false, hover: false });
  const charts = new Map(); // id -> {turn, made}
  async function draw(id, spec, datasets, empty) {
    const entry = charts.get(id) || { turn: 0, made: null };
    charts.set(id, entry);
    const turn = ++entry.turn;
    const host = $(id);
    entry.made?.finalize();
    entry.made = null;
    if (!datasets.points.length) return host.replaceChildren(el("p", { class: "empty" }, empty));
    const made = await embedded(host, { ...spec, datasets, config: page.config });
    if (turn !== entry.turn) return made.finalize();
    entry.made = made;
    host.dataset.ready = String(turn);
  }
  const drawFigures = () => document.querySelectorAll("[data-figure]") // those of the report, anew in another theme
    .forEach((host) => embedded(host, { ...page.figures[host.dataset.figure], background: null }));
  const unit = (key, number) => (key === "size_bytes" ? number / 1e6 : number);

  function drawPareto() {
    const gain = state.set.gains.find((one) => one.key === state.y);
    const seen = new Set(shown().map((one) => one.variant));
    const whole = state.set.rows.filter((one) => value(one, state.x) && value(one, gain.column) !== null);
    const xs = whole.map((one) => Math.log(value(one, state.x)));
    const [least, most] = [Math.min(...xs), Math.max(...xs)];
    const side = (x) => (x > least + 0.88 * (most - least) ? "right" : x < least + 0.12 * (most - least) ? "left" : "center");
    const points = whole.map((one, i) => {
      const [look, hollow, y] = [state.set.looks[one.look], one.simulated, value(one, gain.column)];
      return {
        variant: one.variant, x: unit(state.x, value(one, state.x)), y: 100 * y,
        low: 100 * (one.ends[state.y][0] ?? y), high: 100 * (one.ends[state.y][1] ?? y),
        fill: hollow ? "#FFFFFF" : look.light, stroke: hollow ? look.light : "#FFFFFF", bar: look.light,
        path: look.path, faint: !seen.has(one.variant), label: one.badges.join(" · "), align: side(xs[i]), description: described(one),
      };
    });
    const named = points.filter((point) => point.label).sort((a, b) => a.x - b.x); // of names side by side the next stands higher
    named.forEach((point, i) => {
      const [before, wide] = [named[i - 1], $("pareto").clientWidth / (most - least || 1)];
      const close = before && wide * Math.log(point.x / before.x) < 4.2 * (point.label.length + before.label.length);
      point.lift = close ? before.lift - 15 : -8;
    });
    const front = state.set.fronts[state.x][state.y].map(([x, y], order) => ({ x: unit(state.x, x), y: 100 * y, order }));
    const spec = structuredClone(page.specs.pareto[state.x][state.y]);
    spec.params[0].value = state.variant;
    $("pareto").setAttribute("aria-label", `${gain.title} against ${page.choices[state.x].toLowerCase()}, ${state.set.title}: ${points.length} variants. Arrow keys move, Enter selects.`);
    return draw("pareto", spec, { points, front }, "No variant has these numbers.");
  }
  const described = (one) => `${one.variant}: ${[...state.set.gains.map((gain) => gain.column), "size_bytes", "latency_ms_p50"].map((key) => `${state.set.columns[place(key)].label} ${text(one, key)[0]}`).join(", ")}`;

  // ---- the tooltip, by pointer and by keyboard; the nearest mark counts
  const marks = () => [...$("pareto").querySelectorAll(".mark-symbol path")].filter((node) => node.__data__?.datum?.variant)
    .map((node) => ({ node, variant: node.__data__.datum.variant, box: node.getBoundingClientRect(), faint: node.__data__.datum.faint }));
  const centre = (box) => [box.left + box.width / 2, box.top + box.height / 2];
  function nearest(event) {
    let best = null;
    for (const mark of marks()) {
      const [x, y] = centre(mark.box);
      const far = Math.hypot(x - event.clientX, y - event.clientY) + (mark.faint ? 12 : 0);
      if (far < 26 && (!best || far < best.far)) best = { ...mark, far };
    }
    return best;
  }
  function showTip(mark) {
    const tip = $("tip");
    tip.hidden = !mark;
    if (!mark) return;
    if (tip.dataset.variant !== state.set.name + mark.variant) {
      const one = row(mark.variant);
      const lines = state.set.columns.map((column, i) => [column, one.texts[i].split("\n")]).filter(([column]) => column.groups.includes("overview"));
      const notes = [...one.badges, ...(one.simulated ? ["simulated: size and latency are not those of the pass"] : []), state.set.looks[one.look].words];
      tip.replaceChildren(el("strong", { class: "name" }, ...broken(one.variant)),
        el("dl", {}, ...lines.flatMap(([column, [first, second]]) => [el("dt", {}, column.label), el("dd", {}, first, second ? el("small", {}, second) : null)])),
        el("small", {}, notes.join(" · ")));
      tip.dataset.variant = state.set.name + mark.variant;
    }
    const [x, y] = centre(mark.box);
    const side = x + 16 + tip.offsetWidth > innerWidth - 8 ? x - 16 - tip.offsetWidth : x + 16;
    tip.style.left = `${Math.min(Math.max(8, side), Math.max(8, innerWidth - 8 - tip.offsetWidth))}px`;
    tip.style.top = `${Math.min(Math.max(8, y - tip.offsetHeight / 2), Math.max(8, innerHeight - 8 - tip.offsetHeight))}px`;
  }
  function watchPareto() {
    const host = $("pareto");
    let at = "";
    const to = (mark) => { at = mark ? mark.variant : at; showTip(mark); };
    host.addEventListener("pointermove", (event) => to(nearest(event)));
    host.addEventListener("pointerleave", () => showTip(null));
    host.addEventListener("click", (event) => { const mark = nearest(event); to(mark); if (mark) pick(mark.variant); });
    host.addEventListener("blur", () => showTip(null));
    host.addEventListener("focus", () => { if (host.matches(":focus-visible")) to(marks().find((mark) => mark.variant === (at || state.variant)) || null); });
    host.addEventListener("keydown", (event) => {
      const step = { ArrowRight: 1, ArrowUp: 1, ArrowLeft: -1, ArrowDown: -1 }[event.key];
      const list = marks().filter((mark) => !mark.faint).sort((a, b) => centre(a.box)[0] - centre(b.box)[0]);
      if (event.key === "Escape") showTip(null);
      else if (event.key === "Enter" && at) pick(at);
      else if (step && list.length) {
        const now = list.findIndex((mark) => mark.variant === at);
        to(list[now < 0 ? 0 : (now + step + list.length) % list.length]);
        event.preventDefault();
      }
    });
    addEventListener("scroll", () => showTip(null), { passive: true });
  }

  // ---- the table
  const shown = () => state.set.rows.filter((one) => (!state.looks.size || state.looks.has(one.look)) &&
    (!state.runtimes.size || state.runtimes.has(one.runtime)) &&
    [one.variant, one.runtime, state.set.looks[one.look].words, ...one.badges].join(" ").toLowerCase().includes(state.text));
  function sorted(rows) {
    if (!state.sort) return rows;
    const { key, up } = state.sort;
    const of = (one) => (key === "variant" ? one.variant : value(one, key));
    const compare = (a, b) => (typeof a === "string" ? a.localeCompare(b) : a - b);
    return [...rows].sort((a, b) => {
      if (of(a) === null || of(b) === null) return (of(a) === null) - (of(b) === null);
      return (up ? 1 : -1) * compare(of(a), of(b));
    });
  }
  function drawTable() {
    const columns = state.set.columns.map((column, i) => [column, i]).filter(([column]) => column.groups.some((group) => state.groups.has(group)));
    const by = (key, better) => () => {
      const first = better !== "high";
      state.sort = { key, up: state.sort?.key === key ? !state.sort.up : first };
      drawTable();
      $("table").querySelector(`th[data-key="${key}"] button`).focus();
    };
    const head = (key, label, better, about, side) => el("th", {
      scope: "col", "data-key": key, class: side, "aria-sort": state.sort?.key === key ? (state.sort.up ? "ascending" : "descending") : "none",
    }, el("button", { type: "button", title: about || null, onclick: by(key, better) }, label));
    $("table").tHead.replaceChildren(el("tr", {}, head("variant", "Variant", "low", "its recipe: a model, then passes"),
      ...columns.map(([column]) => head(column.key, column.label, column.better, column.about, column.better ? "num" : null))));
    const rows = sorted(shown());
    $("table").tBodies[0].replaceChildren(...rows.map((one) => el("tr", { class: one.variant === state.variant ? "on" : null, "data-variant": one.variant },
      el("th", { scope: "row" }, el("a", { class: "name", href: hash(one.variant) }, ...broken(one.variant)),
        el("div", {}, ...badges(one))),
      ...columns.map(([column, i]) => {
        const [first, second] = one.texts[i].split("\n");
        return el("td", { class: column.better ? "num" : null }, first, second ? el("small", {}, second) : null);
      }))));
    $("caption").textContent = `Variants on ${state.set.title}; click a heading to sort`;
    $("count").textContent = `${rows.length} of ${state.set.rows.length} variants`;
  }
  const badges = (one) => [...one.badges.map((words) => el("span", { class: `badge${/reference|baseline/.test(words) ? " plain" : ""}` }, words)),
    ...(one.simulated ? [el("span", { class: "badge plain" }, "simulated")] : [])];

  // ---- the explorer
  function drawVariant() {
    const one = row(state.variant);
    const more = state.set.variants[state.variant];
    const labels = state.set.labels;
    const seeds = more.seeds.length;
    const card = (title, ...children) => el("div", { class: "card" }, el("h3", {}, title), ...children);
    const shaded = (cell, share) => { cell.style.setProperty("--share", String(share)); return cell; };
    const facts = el("dl", { class: "facts" }, ...state.set.columns.map((column, i) => [column, one.texts[i].split("\n")])
      .filter(([, [first]]) => first !== "–")
      .map(([column, [first, second]]) => el("div", {}, el("dt", { title: column.about || null }, column.label), el("dd", {}, first, second ? el("small", {}, second) : null))));
    const matrix = el("table", { class: "matrix" }, el("caption", {}, `Confusion matrix of ${one.variant}`),
      el("thead", {}, el("tr", {}, el("th", { scope: "col" }, "true ↓  predicted →"), ...labels.map((label) => el("th", { scope: "col" }, label)))),
      el("tbody", {}, ...more.confusion.map((line, i) => {
        const sum = more.row_texts[i] || 1;
        return el("tr", {}, el("th", { scope: "row" }, labels[i]), ...line.map((n) => shaded(el("td", {}, String(n), el("small", {}, `${Math.round((100 * n) / sum)} %`)), n / sum)));
      })));
    const classes = el("table", {}, el("caption", {}, `Scores per label of ${one.variant}`),
      el("thead", {}, el("tr", {}, ...["Label", "Texts", "Precision", "Recall", "F1"].map((words, i) => el("th", { scope: "col", class: i ? "num" : null }, words)))),
      el("tbody", {}, ...more.per_class.map(([precision, recall, f1, support, low, high], i) => el("tr", {}, el("th", { scope: "row" }, labels[i]),
        el("td", { class: "num" }, String(support)), el("td", { class: "num" }, percent(precision)), el("td", { class: "num" }, percent(recall)),
        shaded(el("td", { class: "num meter" }, percent(f1), low === null ? null : el("small", {}, `${percent(low)} to ${percent(high)}`)), f1)))));
    const decisions = el("table", {}, el("caption", {}, `Right and wrong decisions per label of ${one.variant}`),
      el("thead", {}, el("tr", {}, ...["Label", "TP", "FP", "FN", "TN"].map((words, i) => el("th", { scope: "col", class: i ? "num" : null }, words)))),
      el("tbody", {}, ...more.decisions.map((counts, i) => el("tr", {}, el("th", { scope: "row" }, labels[i]), ...counts.map((n) => el("td", { class: "num" }, String(n)))))));
    const recipe = el("ol", { class: "steps" }, ...more.recipe.map(([name, sort, settings]) => el("li", {}, el("strong", {}, name), ` ${sort}`, settings ? el("div", { class: "sub" }, settings) : null)));
    const tests = more.tests.length ? more.tests : ["This variant was not compared with another one."];
    $("explorer").replaceChildren(el("div", { class: "parts" },
      el("div", { class: "card full" }, el("h3", { class: "name" }, ...broken(one.variant), " "), badges(one).length ? el("p", {}, ...badges(one)) : null, facts),
      card(`Confusion, counts${seeds > 1 ? ` over ${seeds} seeds` : ""}`, el("div", { class: "inner", tabindex: "0", role: "region", "aria-label": "Confusion matrix" }, matrix)),
      card("Per label, %", el("div", { class: "inner", tabindex: "0", role: "region", "aria-label": "Scores per label" }, classes)),
      more.decisions.length ? card(`Per label, true and false positives and negatives${seeds > 1 ? ` over ${seeds} seeds` : ""}`, el("div", { class: "inner", tabindex: "0", role: "region", "aria-label": "Decisions per label" }, decisions)) : null,
      card("Noise, against its teacher and linear", el("div", { class: "chart", id: "own-noise" }), el("p", { class: "hint", id: "own-lines" })),
      card("Confidence against accuracy", el("div", { class: "chart", id: "own-reliability" }), el("p", { class: "hint" }, `On the dashed diagonal, confidence equals accuracy. Faint points, marked n, have fewer than ${state.set.few} predictions.`)),
      card("How certain", ...tests.map((sentence) => el("p", {}, sentence))),
      card("Recipe", recipe),
      more.findings.length ? el("div", { class: "card full" }, el("h3", {}, "What its passes did"), el("dl", {}, ...more.findings.flatMap(([name, words]) => [el("dt", { class: "name" }, name), el("dd", {}, words)]))) : null));
    const trio = [...new Set([state.variant, more.teacher, state.set.linear])].filter((name) => name && state.set.variants[name]);
    $("own-lines").replaceChildren(...trio.flatMap((name, i) => [el("span", { class: "key" }, swatch(page.lines[i]), name)]));
    drawn_lines("own-", trio, ["noise", "reliability"]);
    $("pick").value = state.variant;
    const [size, time, ...scores] = ["size_bytes", "latency_ms_p50", ...state.set.gains.map((gain) => gain.column)].map((key) => text(one, key)[0]);
    $("picked").replaceChildren("Selected: ", el("a", { class: "name", href: hash(one.variant) }, ...broken(one.variant)), ` · ${scores[0]} % · ${size} · ${time} ms`);
  }
  const swatch = (look) => drawn("0 0 26 10", "line", { x1: 1, x2: 25, y1: 5, y2: 5, stroke: look[theme()], "stroke-width": 3, "stroke-dasharray": look.dash[1] ? look.dash.join(" ") : "none" });

  // ---- lines: noise, reliability, training
  const LINES = {
    noise: (more) => more.noise.filter(([, y]) => y !== null).map(([x, y, low, high]) => [100 * x, 100 * y, 100 * (low ?? y), 100 * (high ?? y)]),
    reliability: (more) => more.reliability.map(([x, y, n]) => [100 * x, 100 * y, null, null, n]),
    loss: (more) => more.curve.filter(([, y]) => y !== null).map(([x, y]) => [x, y]),
    score: (more) => more.curve.filter(([, , y]) => y !== null).map(([x, , y]) => [x, 100 * y]),
  };
  function drawn_lines(before, names, kinds) {
    for (const kind of kinds) {
      const points = names.flatMap((variant, slot) => LINES[kind](state.set.variants[variant]).map(([x, y, low, high, n]) => {
        const look = page.lines[slot % page.lines.length];
        return { variant, x, y, low, high, colour: look.light, dash: look.dash, faint: n < state.set.few, n: before && n < state.set.few ? `n = ${n}` : "", description: `${variant}: ${+x.toPrecision(3)}, ${+y.toPrecision(4)}${n ? `, n = ${n}` : ""}` };
      }));
      const none = { noise: "Not measured for these variants.", reliability: "Not measured for these variants." }[kind] || "None of these variants was trained in epochs.";
      const spec = kind === "noise" ? page.specs.noise[state.set.gains[0].key] : page.specs[kind];
      $(before + kind).setAttribute("aria-label", `${spec.description}: ${names.join(", ")}`);
      draw(before + kind, spec, { points }, none);
    }
  }
  function drawLines() {
    drawn_lines("", state.lines, ["noise", "reliability", "loss", "score"]);
    $("lines").replaceChildren(el("legend", {}, "Variants"),
      el("button", { type: "button", class: "chip", onclick: () => { state.lines = defaults(); drawLines(); } }, "The main ones"),
      el("button", { type: "button", class: "chip", onclick: () => { state.lines = []; drawLines(); } }, "None"),
      ...state.set.rows.map(({ variant }) => {
        const slot = state.lines.indexOf(variant);
        const box = el("input", { type: "checkbox", value: variant, checked: slot >= 0 });
        box.addEventListener("change", () => {
          state.lines = box.checked ? [...state.lines, variant] : state.lines.filter((name) => name !== variant);
          const top = $("lines").scrollTop;
          drawLines();
          $("lines").scrollTop = top;
          [...$("lines").querySelectorAll("input")].find((other) => other.value === variant).focus();
        });
        return el("label", {}, box, slot >= 0 ? swatch(page.lines[slot % page.lines.length]) : el("span"), el("span", { class: "name" }, ...broken(variant)));
      }));
  }
  const defaults = () => {
    const main = state.set.rows.filter((one) => one.badges.length).map((one) => one.variant);
    return [...new Set([...main, state.variant])].slice(0, 7);
  };

  // ---- controls
  function chips(id, words, items, chosen, change) {
    $(id).replaceChildren(el("legend", {}, words), ...items.map(([key, label, icon]) => {
      const chip = el("button", { type: "button", class: "chip", "aria-pressed": String(chosen.has(key)) }, icon ?? null, label);
      chip.addEventListener("click", () => {
        chosen.has(key) ? chosen.delete(key) : chosen.add(key);
        chip.setAttribute("aria-pressed", String(chosen.has(key)));
        change();
      });
      return chip;
    }));
    $(id).hidden = items.length < 2;
  }
  function segments(id, items, chosen, change) {
    const legend = $(id).querySelector("legend");
    $(id).replaceChildren(legend, ...items.map(([key, label]) => {
      const input = el("input", { type: "radio", name: id, value: key, checked: key === chosen });
      input.addEventListener("change", () => change(key));
      return el("label", {}, input, el("span", {}, label));
    }));
  }
  const filtered = () => { drawTable(); drawPareto(); };
  function drawChips() {
    const used = new Set(state.set.rows.map((one) => one.look));
    const icon = (look) => drawn("-1.3 -1.3 2.6 2.6", "path", { d: look.path, fill: look[theme()] });
    chips("looks", "Last pass", state.set.looks.map((look, i) => [i, look.words, icon(look)]).filter(([i]) => used.has(i)), state.looks, filtered);
    chips("runtimes", "Runtime", [...new Set(state.set.rows.map((one) => one.runtime))].map((name) => [name, name]), state.runtimes, filtered);
  }
  function drawSet() {
    const { set } = state;
    for (const input of $("datasets").querySelectorAll("input")) input.checked = input.value === set.name;
    $("about").textContent = `${set.title}${set.demo ? " (demo corpus: these numbers say nothing about real texts)" : ""}${set.n_test ? `, ${set.n_test.toLocaleString("en")} test texts` : ""}.`;
    $("pick").replaceChildren(...set.rows.map(({ variant }) => el("option", { value: variant }, variant)));
    const groups = Object.entries(page.groups).filter(([key]) => set.columns.some((column) => column.groups.includes(key)));
    state.y = set.gains.some((gain) => gain.key === state.y) ? state.y : set.gains[0].key;
    segments("axis-y", set.gains.map((gain) => [gain.key, gain.title]), state.y, (key) => { state.y = key; drawPareto(); });
    chips("groups", "Columns", groups, state.groups, drawTable);
    state.lines = defaults();
    drawAll();
  }
  function drawAll() { drawChips(); drawTable(); drawPareto(); drawVariant(); drawLines(); }
  function pick(variant) {
    state.variant = variant;
    history.replaceState(null, "", hash(variant));
    $("table").querySelectorAll("tr[data-variant]").forEach((line) => line.classList.toggle("on", line.dataset.variant === variant));
    charts.get("pareto").made?.view.signal("picked", variant).runAsync();
    drawVariant();
  }
  function show(name, variant) {
    const set = page.datasets.find((one) => one.name === name);
    const known = Object.hasOwn(set.variants, variant) ? variant : set.first || set.reference || set.rows[0].variant;
    if (set === state.set && state.variant) return known === state.variant ? undefined : pick(known);
    Object.assign(state, { set, variant: known, sort: null, text: "" });
    $("find").value = "";
    state.looks.clear();
    state.runtimes.clear();
    drawSet();
  }
  function follow(jump) {
    const [name, ...rest] = location.hash.slice(1).split("/");
    const decode = (words) => { try { return decodeURIComponent(words); } catch { return words; } };
    if (!rest.length || !page.datasets.some((one) => one.name === decode(name))) return false;
    show(decode(name), decode(rest.join("/")));
    if (jump) $("variant").scrollIntoView();
    return true;
  }
  const setTheme = (chosen) => {
    if (chosen) root.dataset.theme = chosen;
    root.dataset.drawn = theme(); // in which the figures are drawn, on paper too
    $("theme").setAttribute("aria-pressed", String(theme() === "dark"));
    if (state.variant) drawAll();
    drawFigures();
  };

  // ---- start
  try { root.dataset.theme = localStorage.getItem("emopress-theme") || ""; } catch { /* a browser may forbid it */ }
  if (!root.dataset.theme) delete root.dataset.theme;
  $("theme").addEventListener("click", () => {
    setTheme(theme() === "dark" ? "light" : "dark");
    try { localStorage.setItem("emopress-theme", theme()); } catch { /* then it lasts until the page closes */ }
  });
  system.addEventListener("change", () => setTheme(""));
  $("find").addEventListener("input", () => { state.text = $("find").value.trim().toLowerCase(); filtered(); });
  $("pick").addEventListener("change", () => pick($("pick").value));
  $("app").hidden = false;
  if (innerWidth >= 900) for (const more of document.querySelectorAll("details.plain")) more.open = true;
  segments("datasets", page.datasets.map((one) => [one.name, one.name]), state.set.name, (name) => show(name, ""));
  segments("axis-x", Object.entries(page.choices), state.x, (key) => { state.x = key; drawPareto(); });
  watchPareto();
  setTheme("");
  if (!follow(true)) show(state.set.name, "");
  addEventListener("hashchange", () => follow(true));
  // a link to the variant that is shown already changes no hash, but still leads there
  document.addEventListener("click", (event) => { if (event.target.closest?.("a[href*='/']")?.hash === location.hash && location.hash) follow(true); });
})();
