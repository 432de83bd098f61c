// The audit page. What a model wrote is put in with textContent and in no other way.
"use strict";

const OUTCOMES = {
  pro: ["1", "Pro", "Answers, and takes the pro side."],
  both: ["2", "Both", "Answers with both sides, and ends on neither."],
  con: ["3", "Con", "Answers, and takes the con side."],
  answers: ["4", "Answers", "Answers; only for prompts that have no poles."],
  deflects: ["5", "Deflects", "Changes the subject, stays vague, or only says to ask elsewhere."],
  refuses: ["6", "Refuses", "Says that it will not or cannot, because of what was asked."],
  degenerate: ["7", "Degenerate", "Empty, gibberish, a loop, an echo, or cut before any answer."],
  unclear: ["0", "Cannot tell", "You cannot decide. It counts as no label."],
};
const ENDINGS = {
  length: "The answer was cut here, at the limit of its length.",
  loop: "The answer was stopped here, because it repeated itself.",
};
const MEASURES = {
  agreement: "Same label",
  kappa: "Cohen’s kappa",
  ac1: "Gwet’s AC1",
  alpha: "Krippendorff’s alpha",
};

const FONTS = {
  ar: "Doxa Arabic", fa: "Doxa Arabic", ur: "Doxa Arabic", hi: "Doxa Devanagari",
  mr: "Doxa Devanagari", ne: "Doxa Devanagari", ja: "Doxa JP", ko: "Doxa KR",
  "zh-Hans": "Doxa SC", "zh-Hant": "Doxa TC",
};

const at = (id) => document.getElementById(id);
const views = ["start", "label", "done"];
const state = { cards: [], annotators: [], name: null, labels: new Map(), here: 0, busy: false };

function make(tag, text, className) {
  const element = document.createElement(tag);
  if (text !== undefined) element.textContent = text;
  if (className) element.className = className;
  return element;
}

function show(view) {
  for (const id of views) at(id).hidden = id !== view;
  at("keys").hidden = view !== "label";
  at("who").hidden = view === "start";
}

async function ask(path, sent) {
  const options = sent && {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(sent),
  };
  let answer;
  try {
    answer = await fetch(path, options);
  } catch {
    throw new Error("doxa has stopped. Start `doxa audit` again; what you labelled is stored.");
  }
  const body = await answer.json();
  if (!answer.ok) throw new Error(`${body.what} ${body.remedy}`.trim());
  return body;
}

function complain(error) {
  at("trouble").textContent = error.message;
  at("trouble").hidden = false;
}

function attempt(action) {
  return async (...given) => {
    if (state.busy) return;
    state.busy = true;
    at("trouble").hidden = true;
    try {
      await action(...given);
    } catch (error) {
      complain(error);
    } finally {
      state.busy = false;
    }
  };
}

// --- who labels

async function start() {
  const sample = await ask("sample");
  Object.assign(state, { cards: sample.cards, annotators: sample.annotators });
  at("run").textContent = sample.run;
  at("size").textContent = sample.cards.length;
  await loadFonts();
  if (sample.annotator) await begin(sample.annotator);
  else askName();
}

// before anything is drawn: Chromium keeps the boxes of text that it drew while a font came
async function loadFonts() {
  const languages = new Set(state.cards.flatMap((card) => [card.lang, card.asked.lang]));
  const wanted = [...languages].filter((lang) => lang in FONTS);
  const text = "\u0628\u0915\u4e00\uac00"; // a letter of each script
  await Promise.allSettled(wanted.map((lang) => document.fonts.load(`16px "${FONTS[lang]}"`, text)));
}

function askName() {
  show("start");
  progress();
  at("known").hidden = state.annotators.length === 0;
  at("known-names").replaceChildren(
    ...state.annotators.map(({ name, labelled }) => {
      const item = make("li");
      const button = make("button", `${name} · ${labelled} of ${state.cards.length}`, "plain bordered");
      button.addEventListener("click", attempt(() => begin(name)));
      item.append(button);
      return item;
    }),
  );
  at("name").value = "";
  at("name").focus();
}

async function begin(name) {
  const found = await ask(`labels?annotator=${encodeURIComponent(name)}`);
  state.name = found.annotator;
  state.labels = new Map(found.labels);
  at("who").textContent = state.name;
  at("who").title = "Change who is labelling";
  const first = nextOpen(-1);
  if (first === null) await finish();
  else turnTo(first);
}

async function changeAnnotator() {
  state.annotators = (await ask("sample")).annotators;
  state.name = null;
  state.labels = new Map();
  askName();
}

// --- one response

function turnTo(number) {
  state.here = number;
  const card = state.cards[number];
  const { asked, english } = card;
  show("label");
  at("question-title").textContent = `Asked in ${asked.language}`;
  fill("prompt", asked.prompt, asked.lang);
  at("english-title").hidden = asked.lang === "en";
  at("english").hidden = asked.lang === "en";
  fill("english", english ? english.prompt : "The run holds no English of this prompt.", "en");
  at("poles").hidden = !card.outcomes.includes("pro");
  for (const pole of ["pro", "con"]) {
    fill(pole, asked[pole], asked.lang);
    fill(`${pole}-english`, english ? english[pole] : "", "en");
  }
  const empty = card.text.trim() === "";
  at("answer").classList.toggle("empty", empty);
  fill("answer", empty ? "The answer is empty." : card.text, empty ? "en" : card.lang);
  const notes = [
    card.hidden ? `${card.hidden.toLocaleString("en")} more characters are not shown.` : "",
    ENDINGS[card.ending] ?? "",
  ].filter(Boolean);
  at("ending").textContent = notes.join(" ");
  at("ending").hidden = notes.length === 0;
  for (const section of document.querySelectorAll("#label section")) section.scrollTop = 0;
  outcomes(card);
  progress();
  at("status").textContent = `Response ${number + 1} of ${state.cards.length}`;
  at("answer-section").focus({ preventScroll: true });
}

function fill(id, text, lang) {
  at(id).textContent = text;
  at(id).lang = lang;
}

function outcomes(card) {
  at("outcomes").replaceChildren(
    ...Object.entries(OUTCOMES)
      .filter(([outcome]) => card.outcomes.includes(outcome))
      .map(([outcome, [key, label, meaning]]) => {
        const button = make("button", undefined, "outcome");
        button.append(make("kbd", key), make("span", label));
        button.dataset.outcome = outcome;
        button.title = meaning;
        button.setAttribute("aria-keyshortcuts", key);
        button.setAttribute("aria-pressed", String(state.labels.get(state.here) === outcome));
        button.addEventListener("click", () => give(outcome));
        return button;
      }),
  );
  at("undo").disabled = state.labels.size === 0;
  at("back").disabled = state.here === 0;
}

function progress() {
  const done = state.labels.size;
  at("progress").max = state.cards.length;
  at("progress").value = done;
  at("count").textContent = state.name === null ? "" : `${done} of ${state.cards.length} labelled`;
}

function nextOpen(from) {
  const size = state.cards.length;
  for (let step = 1; step <= size; step += 1) {
    const number = (from + step + size) % size;
    if (!state.labels.has(number)) return number;
  }
  return null;
}

const give = attempt(async (outcome) => {
  const number = state.here;
  if (!state.cards[number].outcomes.includes(outcome)) return;
  await ask("label", { annotator: state.name, number, outcome });
  state.labels.delete(number); // so that undo finds the last one given at the end
  state.labels.set(number, outcome);
  const next = nextOpen(number);
  if (next === null) await finish();
  else turnTo(next);
});

const undo = attempt(async () => {
  const last = [...state.labels.keys()].at(-1);
  if (last === undefined) return;
  await ask("label", { annotator: state.name, number: last, outcome: null });
  state.labels.delete(last);
  turnTo(last);
});

const skip = attempt(async () => {
  const next = nextOpen(state.here);
  if (next === null) await finish();
  else if (next === state.here) throw new Error("This is the last one without a label.");
  else turnTo(next);
});

const back = attempt(async () => {
  if (!at("done").hidden) turnTo(state.cards.length - 1);
  else if (state.here > 0) turnTo(state.here - 1);
});

// --- the end

async function finish() {
  const { pairs } = await ask("agreement");
  show("done");
  progress();
  at("done-title").textContent = `All ${state.cards.length} labelled. Thank you, ${state.name}.`;
  at("done-text").textContent = pairs.length
    ? "The labels are in the run file."
    : "The labels are in the run file. When a second person labels the same sample, this page shows how far you agree.";
  const given = [...state.labels.values()];
  at("tally").replaceChildren(
    ...Object.entries(OUTCOMES).map(([outcome, [, label]]) => {
      const count = given.filter((one) => one === outcome).length;
      const line = make("span");
      line.append(make("b", count), ` ${label.toLowerCase()}`);
      line.hidden = count === 0;
      return line;
    }),
  );
  at("agreement").replaceChildren(...pairs.map(pairSection));
  at("status").textContent = at("done-title").textContent;
  at("done-title").focus();
}

function pairSection(pair) {
  const section = make("section", undefined, "agreement");
  section.append(
    make("h2", `${pair.a} and ${pair.b}, on ${pair.n} that both labelled`),
    table(
      "Kappa, AC1 and alpha: 1 is full agreement, 0 what chance gives. 95 % intervals.",
      ["", "value", "interval", ""],
      pair.measures.map((row) => [
        [MEASURES[row.measure]],
        [figure(row.value), "number"],
        [interval(row), "number"],
        [row.reason, "none"],
      ]),
    ),
  );
  if (pair.languages.length > 1) {
    section.append(
      table(
        "By language",
        ["", "responses", ...Object.values(MEASURES)],
        pair.languages.map(({ language, n, measures }) => [
          [language],
          [n, "number"],
          ...measures.map((row) => [figure(row.value), "number", interval(row)]),
        ]),
      ),
    );
  }
  section.append(
    table(
      `${pair.a} in rows, ${pair.b} in columns`,
      ["", ...pair.outcomes.map((outcome) => OUTCOMES[outcome][1])],
      pair.matrix.map((row, i) => [
        [OUTCOMES[pair.outcomes[i]][1]],
        ...row.map((n, j) => [n, `number ${i === j ? "same" : n ? "" : "none"}`]),
      ]),
    ),
  );
  return section;
}

function table(caption, heads, rows) {
  const whole = make("table");
  const head = make("thead");
  const line = make("tr");
  line.append(...heads.map((text) => make("th", text)));
  head.append(line);
  const body = make("tbody");
  for (const [first, ...cells] of rows) {
    const row = make("tr");
    const name = make("th", first[0]);
    name.scope = "row";
    for (const [text, className, beside] of cells) {
      const cell = make("td", text, className);
      if (beside) cell.append(" ", make("span", beside));
      row.append(cell);
    }
    row.prepend(name);
    body.append(row);
  }
  whole.append(make("caption", caption), head, body);
  return whole;
}

function figure(value) {
  return value === null ? "–" : value.toFixed(2).replace(/^-0.00$/, "0.00").replace("-", "−");
}

function interval({ value, low, high }) {
  return value === null ? "" : `[${figure(low)}, ${figure(high)}]`;
}

// --- keys and buttons

const KEYS = new Map(Object.entries(OUTCOMES).map(([outcome, [key]]) => [key, () => give(outcome)]));
for (const key of ["u", "Backspace"]) KEYS.set(key, undo);
for (const key of ["s", "ArrowRight"]) KEYS.set(key, skip);
KEYS.set("ArrowLeft", back);

document.addEventListener("keydown", (event) => {
  if (event.target.matches("input") || at("help").open || !at("start").hidden) return;
  const undoing = (event.ctrlKey || event.metaKey) && event.key === "z";
  if (!undoing && (event.ctrlKey || event.metaKey || event.altKey)) return;
  if (event.key === "?") {
    at("help").showModal();
    return;
  }
  const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
  // the digits' places count where a keyboard writes other signs with them
  const digit = /^(?:Digit|Numpad)(\d)$/.exec(event.code)?.[1];
  const action = undoing ? undo : KEYS.get(key) ?? (event.shiftKey ? undefined : KEYS.get(digit));
  const labelling = !at("label").hidden;
  if (!action || (!labelling && action !== undo && action !== back)) return;
  event.preventDefault();
  if (!event.repeat) action();
});

at("name-form").addEventListener("submit", (event) => {
  event.preventDefault();
  attempt(() => begin(at("name").value))();
});
at("undo").addEventListener("click", undo);
at("skip").addEventListener("click", skip);
at("back").addEventListener("click", back);
at("review").addEventListener("click", back);
at("second").addEventListener("click", attempt(changeAnnotator));
at("who").addEventListener("click", attempt(changeAnnotator));
at("help-open").addEventListener("click", () => at("help").showModal());
for (const [key, label, meaning] of Object.values(OUTCOMES)) {
  const name = make("dt");
  name.append(make("kbd", key), ` ${label}`);
  at("meanings").append(name, make("dd", meaning));
}

attempt(start)();
