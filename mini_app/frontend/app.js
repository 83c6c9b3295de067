// Shows one region of the mini app live: who answers, how it is, what a visitor gets, and the users.
// Everything that comes from the server is put in as text, never as markup.

const PERIOD_MS = 1000;
const PATIENCE_MS = 5000;
const SLOW_MS = 500;
const REMEMBERED = 60;
const USERS = "/api/users?limit=50";

const by = (id) => document.getElementById(id);
const answers = [];

/** Ask this origin for JSON; never throws. `body` is null where the answer held none. */
async function ask(path, options = {}) {
  const began = performance.now();
  try {
    const response = await fetch(path, { cache: "no-store", signal: AbortSignal.timeout(PATIENCE_MS), ...options });
    const text = await response.text();
    return {
      ok: response.ok,
      status: response.status,
      region: response.headers.get("x-region"),
      replica: response.headers.get("x-replica"),
      body: parsed(text),
      ms: performance.now() - began,
    };
  } catch (error) {
    return { ok: false, status: 0, region: null, replica: null, body: null, ms: performance.now() - began, error: error.name };
  }
}

function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

function why(answer) {
  if (answer.status === 0) return answer.error === "TimeoutError" ? `no answer within ${PATIENCE_MS / 1000} s` : "can't be reached";
  const detail = answer.body?.detail;
  const words = Array.isArray(detail) ? detail.map((d) => d.msg).join("; ") : detail;
  return words ? `${answer.status}: ${words}` : `answered ${answer.status}`;
}

function say(element, text, kind = "") {
  element.textContent = text;
  element.className = `${element.classList.contains("says") ? "says " : ""}${kind}`;
}

function duration(seconds) {
  const whole = Math.floor(seconds);
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${whole % 60} s`;
  return `${Math.floor(whole / 3600)} h ${Math.floor((whole % 3600) / 60)} min`;
}

function showState(users, health) {
  const failed = !users.ok;
  const warned = health.body?.status !== "pass" || users.ms > SLOW_MS;
  const [glyph, word, kind] = failed ? ["✖", "failing", "bad"] : warned ? ["▲", "unwell", "warn"] : ["●", "well", "good"];
  const state = by("state");
  state.className = `state ${kind}`;
  state.querySelector(".glyph").textContent = glyph;
  state.querySelector(".word").textContent = word;
}

function showHealth(health, status) {
  const word = health.body?.status;
  const kind = word === "pass" ? "good" : word === "warn" ? "warn" : "bad";
  say(by("health"), word ?? why(health), kind);
  const database = health.body?.checks?.["database:responseTime"]?.[0];
  say(by("database"), database ? `${database.status}, ${database.observedValue} ${database.observedUnit}` : "not known");
  if (!status.ok || !Array.isArray(status.body?.faults)) {
    say(by("faults"), why(status), "bad");
    return;
  }
  const now = status.body;
  by("version").textContent = now.version;
  by("uptime").textContent = duration(now.uptime_s);
  const faults = now.faults.map((f) => {
    const what = f.kind === "degrade" ? `degrade ${f.latency_ms} ms, ${Math.round(100 * f.error_rate)} % errors` : f.kind;
    return `${what} (${f.scope}), ends in ${Math.ceil(f.ends_in_s)} s`;
  });
  say(by("faults"), faults.join("; ") || "none", faults.length ? "bad" : "");
  showPeers(now.peers);
}

function showPeers(peers) {
  const wanted = Object.entries(peers ?? {}).filter(([, url]) => /^https?:\/\//.test(url));
  const known = [...by("peers").querySelectorAll("a")].map((a) => a.getAttribute("href")).join();
  if (!wanted.length || known === wanted.map(([, url]) => url).join()) return;
  by("peers").replaceChildren(
    ...wanted.flatMap(([name, url], n) => {
      const link = document.createElement("a");
      link.href = url;
      link.textContent = name;
      return n ? [", ", link] : [link];
    }),
  );
}

function showAnswers(answer) {
  answers.push(answer);
  answers.splice(0, answers.length - REMEMBERED);
  say(by("latency"), answer.ok ? `${Math.round(answer.ms)} ms` : why(answer), answer.ok ? "" : "bad");
  const failed = answers.filter((a) => !a.ok).length;
  say(by("failed"), `${failed} of the last ${answers.length}`, failed ? "bad" : "");
  const shares = new Map();
  for (const a of answers.slice(-10)) shares.set(a.region ?? "nobody", (shares.get(a.region ?? "nobody") ?? 0) + 1);
  say(by("served"), [...shares].map(([region, count]) => `${region} ${count}`).join(", "));
  if (answer.region) by("region").textContent = by("chaos-region").textContent = answer.region;
  if (answer.replica) by("replica").textContent = answer.replica;
  drawAnswers();
}

function drawAnswers() {
  const width = 240 / REMEMBERED;
  const most = Math.max(100, ...answers.map((a) => a.ms));
  const bars = answers.map((a, n) => {
    const bar = document.createElementNS("http://www.w3.org/2000/svg", "rect");
    const height = Math.max(2, (58 * a.ms) / most);
    const x = (REMEMBERED - answers.length + n) * width;
    for (const [key, value] of Object.entries({ x, y: 60 - height, width: width - 1, height })) bar.setAttribute(key, value);
    bar.setAttribute("class", !a.ok ? "failed" : a.ms > SLOW_MS ? "slow" : "");
    return bar;
  });
  by("chart").replaceChildren(...bars);
}

function showUsers(answer) {
  if (!answer.ok || !Array.isArray(answer.body?.items)) return;
  const shown = answer.body.items.length;
  by("total").textContent = shown < answer.body.total ? `the first ${shown} of ${answer.body.total}` : `${shown}`;
  by("users").replaceChildren(
    ...answer.body.items.map((user) => {
      const row = document.createElement("tr");
      for (const value of [user.id, user.name, user.email]) {
        const cell = document.createElement("td");
        cell.textContent = value;
        row.append(cell);
      }
      const remove = document.createElement("button");
      remove.textContent = "Delete";
      remove.setAttribute("aria-label", `Delete ${user.name}`);
      remove.dataset.user = user.id;
      const cell = document.createElement("td");
      cell.append(remove);
      row.append(cell);
      return row;
    }),
  );
}

async function look() {
  const [users, health, status] = await Promise.all([ask(USERS), ask("/health"), ask("/status")]);
  showState(users, health);
  showAnswers(users);
  showHealth(health, status);
  if (!by("users").contains(document.activeElement)) showUsers(users);
}

async function watch() {
  for (;;) {
    await look();
    await new Promise((resolve) => setTimeout(resolve, PERIOD_MS));
  }
}

const json = (method, body, headers = {}) => ({
  method,
  headers: { "content-type": "application/json", ...headers },
  body: JSON.stringify(body),
});

by("add").addEventListener("submit", async (event) => {
  event.preventDefault();
  const form = event.currentTarget;
  const user = Object.fromEntries(new FormData(form));
  const answer = await ask("/api/users", json("POST", user));
  say(by("users-say"), answer.ok ? `added ${user.name}` : why(answer), answer.ok ? "good" : "bad");
  if (answer.ok) form.reset();
  showUsers(await ask(USERS));
});

by("users").addEventListener("click", async (event) => {
  const id = event.target.dataset?.user;
  if (!id) return;
  event.target.disabled = true;
  const answer = await ask(`/api/users/${encodeURIComponent(id)}`, { method: "DELETE" });
  say(by("users-say"), answer.ok ? `deleted user ${id}` : why(answer), answer.ok ? "good" : "bad");
  showUsers(await ask(USERS));
});

by("token").addEventListener("input", () => {
  by("faults-form").disabled = !by("token").value;
});

// The buttons don't submit: Enter in the token's field must break nothing.
by("chaos").addEventListener("submit", (event) => event.preventDefault());
by("chaos").addEventListener("click", async (event) => {
  const fault = event.target.closest("button")?.value;
  const form = event.currentTarget;
  if (!fault || (fault !== "recover" && !form.reportValidity())) return;
  const token = by("token").value.trim();
  if (!/^[\x21-\x7e]+$/.test(token)) {
    say(by("chaos-says"), "a token is made of plain letters, digits and signs", "bad");
    return;
  }
  const given = Object.fromEntries(new FormData(form));
  const duration_s = Number(given.duration_s);
  const bodies = {
    degrade: { latency_ms: Number(given.latency_ms), error_rate: Number(given.error_rate) / 100, duration_s, scope: given.scope },
    outage: { duration_s },
    recover: {},
  };
  const headers = { authorization: `Bearer ${token}` };
  const answer = await ask(`/admin/${fault}`, json("POST", bodies[fault], headers));
  const refused = answer.status === 404 ? "this is the public address: open a region's own, below" : why(answer);
  say(by("chaos-says"), answer.ok ? `${fault}: ${answer.body?.region ?? "done"}` : refused, answer.ok ? "good" : "bad");
});

watch();
