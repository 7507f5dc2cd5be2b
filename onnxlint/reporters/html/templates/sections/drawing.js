{
  const MARGIN = 40;
  const HEADER = 34;
  const ABOVE = -1;
  const BELOW = -2;
  const SIZES = 1;
  const LOST = 2;
  const PAST = 4;
  const STUB = 16;
  const MOST_HITS = 30;
  const MOST_TOLD = 40;
  const format = new Intl.NumberFormat("en");

  const short = (text, most) => {
    const all = [...text];
    return all.length <= most ? text : `${all.slice(0, most - 9).join("")}…${all.slice(-8).join("")}`;
  };
  const plural = (count) => `${format.format(count)} ${count === 1 ? "node" : "nodes"}`;
  const bare = (op) => op.split("::").at(-1);
  const cut = (text, most) => (text.length <= most ? text : `${text.slice(0, most - 1)}…`);

  // Where everything stands after some boxes grew: `spans` are [from, to, how much longer].
  const stretched = (spans) => {
    const ends = [...new Set(spans.flatMap(([from, to]) => [from, to]))].sort((a, b) => a - b);
    const moved = new Map();
    let by = 0;
    for (const end of ends) {
      for (const [from, to, more] of spans) if (to === end) by = Math.max(by, moved.get(from) + more);
      moved.set(end, by);
    }
    return (at) => {
      const next = ends.findIndex((end) => end >= at);
      if (next === 0 || !ends.length) return at;
      if (next < 0) return at + by;
      const [low, high] = [ends[next - 1], ends[next]];
      const share = (at - low) / (high - low);
      return at + moved.get(low) * (1 - share) + moved.get(high) * share;
    };
  };

  const read = (text) => {
    const { sizes, values, steps, groups, ...rest } = JSON.parse(text);
    const named = ([kind, name, op, scope, module, facts, reads, sized, gives, weights, glue, unused, calls]) =>
      ({ kind, name, op, scope, module, facts, reads, sized, gives, weights, glue, unused, calls });
    const grouped = ([kind, title, parent, children, x, y, width, height, edges, step, path, size, common]) =>
      ({ kind, title, parent, children, x, y, width, height, edges, step, path, size, common });
    const made = { ...rest, sizes, values, steps: steps.map(named), groups: groups.map(grouped), homes: new Map(), makers: new Map(), readers: new Map() };
    made.groups.forEach((group, number) => {
      for (const child of group.children) if (child >= 0) made.homes.set(child, number);
      if (group.step !== null) made.homes.set(group.step, number);
    });
    made.steps.forEach((step, number) => {
      for (const value of step.gives) made.makers.set(value, made.makers.get(value) ?? number);
      for (const value of [...step.reads, ...step.sized]) {
        if (!made.readers.has(value)) made.readers.set(value, []);
        made.readers.get(value).push(number);
      }
    });
    for (let number = made.groups.length - 1; number >= 0; number--) {
      const group = made.groups[number];
      const inside = group.children.map((child) => (child < 0 ? made.groups[~child] : null));
      group.unused = group.children.reduce((sum, child, at) => sum + (inside[at]?.unused ?? made.steps[child].unused), 0);
      group.found = group.children.reduce((sum, child, at) => sum + (inside[at]?.found ?? made.findings[`n${child}`]?.length ?? 0), 0)
        + (made.findings[`g${number}`]?.length ?? 0) + (group.step === null ? 0 : made.findings[`n${group.step}`]?.length ?? 0);
    }
    return made;
  };

  const show = (section) => {
    const data = read(section.querySelector(".data").textContent);
    const [WIDTH, HEIGHT, FRAME] = data.sizes;
    const pick = (selector) => section.querySelector(selector);
    const [svg, told, meaning, rootChoice] = [".pane > svg", ".told", ".meaning", ".root"].map(pick);
    const opened = new Set(data.opened);
    let [root] = data.roots;
    let chosen = null;
    let view = { x: 0, y: 0, scale: 1 };
    let placed = new Map();
    let whole = { w: 1, h: 1 };

    const element = (name, attributes, ...inside) => {
      const made = document.createElementNS(svg.namespaceURI, name);
      for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
      made.append(...inside);
      return made;
    };
    const html = (name, attributes, ...inside) => {
      const made = document.createElement(name);
      Object.assign(made, attributes);
      made.append(...inside);
      return made;
    };

    // Geometry: a group as large as what is unfolded in it, then everything where it stands.
    const measure = (number) => {
      const group = data.groups[number];
      const boxes = group.children.map((child) => (child < 0 && opened.has(~child) ? measure(~child) : { w: WIDTH, h: HEIGHT }));
      const grown = (along, size, side) => boxes.flatMap((box, at) =>
        box[side] > size ? [[along[at] - size / 2, along[at] + size / 2, box[side] - size]] : []);
      const X = stretched(grown(group.x, WIDTH, "w"));
      const Y = stretched(grown(group.y, HEIGHT, "h"));
      const least = [...group.title].length * 8 + 130;
      return { number, boxes, X, Y, w: Math.max(X(group.width) + 2 * MARGIN, least), h: Y(group.height) + FRAME };
    };
    const place = (measured, x, y) => {
      const group = data.groups[measured.number];
      const left = x + (measured.w - measured.X(group.width)) / 2;
      const here = { ...measured, x, y, left, top: y + HEADER };
      here.boxes = measured.boxes.map((box, at) => {
        const middle = (along, size, S) => (S(along - size / 2) + S(along + size / 2)) / 2;
        const [cx, cy] = [left + middle(group.x[at], WIDTH, measured.X), here.top + middle(group.y[at], HEIGHT, measured.Y)];
        const corner = { x: cx - box.w / 2, y: cy - box.h / 2, w: box.w, h: box.h, cx };
        if (box.boxes) place(box, corner.x, corner.y);
        placed.set(group.children[at], corner);
        return { ...corner, number: box.number };
      });
      placed.set(`in${measured.number}`, here);
      placed.set(-1 - measured.number, placed.get(-1 - measured.number) ?? here);
    };
    const bends = (here, edge) => {
      const points = [];
      for (let at = 0; at < edge[3].length; at += 2) {
        const x = here.left + here.X(edge[3][at]);
        for (const side of [-HEIGHT / 2, HEIGHT / 2]) points.push([x, here.top + here.Y(edge[3][at + 1] + side)]);
      }
      return points;
    };
    // Where values go into or come out of a box: its middle, or the places at the border of a group;
    // each with the marks of the edge that goes on there.
    const doors = (box, end, values) => {
      if (box.number === undefined) return [[box.cx]];
      const here = placed.get(`in${box.number}`);
      const found = data.groups[box.number].edges.filter((edge) => !(edge[4] & STUB) && edge[end === ABOVE ? 0 : 1] === end && edge[2].some((each) => values.includes(each)));
      const places = found.flatMap((edge) => {
        const way = bends(here, edge);
        if (way.length) return [[way.at(end === ABOVE ? 0 : -1)[0], edge[4]]];
        return doors(here.boxes[edge[end === ABOVE ? 1 : 0]], end, values).map(([x, marks]) => [x, marks ?? edge[4]]);
      });
      return places.length ? [...new Map(places.map((door) => [door[0], door])).values()] : [[box.cx]];
    };
    const ways = (here, edge) => {
      const [from, to, values, , marks] = edge;
      if (marks & STUB) return [];
      const group = data.groups[here.number];
      const rowEnd = (at, side) => here.top + here.Y(group.y[at] + side * (HEIGHT / 2));
      const [source, target] = [here.boxes[from], here.boxes[to]];
      const middle = bends(here, edge);
      const starts = (some) => (source ? doors(source, BELOW, some).map(([x]) => [x, source.y + source.h]) : null);
      const ends = (some) => (target ? doors(target, ABOVE, some).map(([x, mark]) => [x, target.y, mark]) : null);
      // Beside a box that grew, straight on to the end of its row.
      const straight = (line) => {
        const made = [...line];
        const [below, above] = [source && rowEnd(from, 1), target && rowEnd(to, -1)];
        if (source && below - line[0][1] > 4) made.splice(1, 0, [line[0][0], below]);
        if (target && line.at(-1)[1] - above > 4) made.splice(-1, 0, [line.at(-1)[0], above]);
        return made;
      };
      const upper = ([x]) => [x, here.y];
      const lower = ([x]) => [x, here.y + here.h];
      if (middle.length) {
        const first = starts(values) ?? [upper(middle[0])];
        const final = ends(values) ?? [lower(middle.at(-1))];
        return [...first.slice(1).map((start) => [start, middle[0]]), straight([first[0], ...middle, final[0]]), ...final.slice(1).map((end) => [middle.at(-1), end])];
      }
      const pairs = new Map();
      for (const value of values) {
        const [first, final] = [starts([value]), ends([value])];
        for (const start of first ?? final.map(upper)) for (const end of final ?? first.map(lower)) {
          const is = (first || start[0] === end[0]) && (final || start[0] === end[0]);
          if (is) pairs.set(`${start} ${end}`, [start, end]);
        }
      }
      return [...pairs.values()].map(straight);
    };
    const curve = (points) => {
      let path = `M${points[0].slice(0, 2).map(Math.round)}`;
      for (let at = 1; at < points.length; at++) {
        const [[x, y], [u, v]] = [points[at - 1], points[at]];
        const half = (v - y) / 2;
        path += Math.abs(x - u) < 1 ? `L${[u, v].map(Math.round)}` : `C${[x, y + half, u, v - half, u, v].map(Math.round)}`;
      }
      return path;
    };

    // Drawing
    const typeOf = (values) => {
      const types = new Set(values.map((value) => data.values[value][1]));
      const [only] = types;
      if (values.length === 1) return only;
      return types.size === 1 && only ? `${values.length} × ${only}` : `${values.length} values`;
    };
    // A label is where no line is: left or right of those that leave a box, or between them.
    const beside = (x, y, ways) => {
      if (ways.has(1) && !ways.has(-1)) return { x: x - 7, y: y + 15, "text-anchor": "end" };
      if (ways.has(1) && !ways.has(0)) return { x, y: y + 29, "text-anchor": "middle" };
      return { x: x + 7, y: y + 15 };
    };
    const turnsOf = (here) => {
      const turns = new Map();
      for (const edge of data.groups[here.number].edges) {
        if (!turns.has(edge[0])) turns.set(edge[0], new Set());
        for (const line of ways(here, edge)) turns.get(edge[0]).add(Math.abs(line[1][0] - line[0][0]) < 4 ? 0 : Math.sign(line[1][0] - line[0][0]));
      }
      return turns;
    };
    const drawStubs = (here, layer, near) => {
      const stubs = new Map();
      for (const edge of data.groups[here.number].edges.filter((each) => each[4] & STUB)) {
        for (const [at, way] of [[edge[1], -1], [edge[0], 1]]) {
          if (at < 0 || (way > 0 && edge[1] >= 0)) continue; // what is read within the group has one line at least
          const key = `${at} ${way}`;
          const known = stubs.get(key) ?? { at, way, values: new Set(), isNear: false };
          edge[2].forEach((value) => known.values.add(value));
          known.isNear ||= near(edge);
          stubs.set(key, known);
        }
      }
      for (const { at, way, values, isNear } of stubs.values()) {
        const box = here.boxes[at];
        const [x, y] = [way < 0 ? box.x : box.x + box.w + 4 * (data.groups[here.number].children[at] < 0 && box.number === undefined), box.y + box.h / 2];
        const kind = isNear ? " near" : "";
        layer.append(element("g", { class: "stub" },
          element("title", {}, [...values].slice(0, 20).map((value) => data.values[value].join(" ")).join("\n")),
          element("path", { class: `edge${kind}`, d: `M${x} ${y}h${way * 12}` }),
          element("circle", { class: `tip${kind}`, cx: x + way * 12, cy: y, r: 3.5 }),
          element("text", { class: "type", x: x + way * 19, y: y + 3.5, "text-anchor": way < 0 ? "end" : "start" }, format.format(values.size))));
      }
    };
    const drawEdges = (here, layer) => {
      const labelled = new Set();
      const turns = turnsOf(here);
      const alike = new Map();
      for (const [from, , values, , marks] of data.groups[here.number].edges) {
        if (!(marks & STUB)) alike.set(from, (alike.get(from) ?? new Set()).add(typeOf(values)));
      }
      const near = (edge) => chosen && [edge[0], edge[1]].some((end) => idOf(data.groups[here.number].children[end]) === chosen);
      for (const edge of data.groups[here.number].edges) {
        const [from, to, values, , marks] = edge;
        const lines = ways(here, edge);
        for (const line of lines) {
          const mark = line.at(-1)[2] ?? marks;
          const kind = `${marks & SIZES ? " sizes" : ""}${mark & LOST ? " lost" : ""}${mark & PAST ? " past" : ""}${near(edge) ? " near" : ""}`;
          layer.append(element("path", { class: `edge${kind}`, d: curve(line) }));
          const [x, y] = line.at(-1);
          if (to !== BELOW && here.boxes[to].number === undefined) layer.append(element("path", { class: `tip${kind}`, d: `M${x} ${y}l-4 -7h8z` }));
        }
        const label = typeOf(values);
        if (from === ABOVE || here.boxes[from].number !== undefined || !label || !lines.length || labelled.has(`${from} ${label}`)) continue;
        labelled.add(`${from} ${label}`);
        const [[x, y], [u, v]] = [lines[0][0], lines[0].at(-1)];
        const isOnly = alike.get(from).size === 1;
        const at = isOnly ? beside(x, y, turns.get(from)) : { x: u + 7, y: v - 9 };
        if (isOnly || to !== BELOW) layer.append(element("text", { class: "type", ...at }, short(label.replaceAll(", ", ","), 26)));
      }
      drawStubs(here, layer, near);
    };
    const idOf = (child) => (child === undefined ? undefined : child < 0 ? (data.groups[~child].step === null ? `g${~child}` : `n${data.groups[~child].step}`) : `n${child}`);
    const colourOf = (child) => {
      const [, , steps, groups] = data.colours[meaning.selectedIndex];
      return `${meaning.selectedIndex ? "s" : "f"}${child < 0 ? groups[~child] : steps[child]}`;
    };
    const lines = (child) => {
      if (child < 0) {
        const group = data.groups[~child];
        if (/^(in|out)puts$/.test(group.kind)) return [group.title, `${format.format(group.size)} ${group.kind}`];
        return [group.title, `${plural(group.size)}${group.common ? `: ${group.common}` : ""}`];
      }
      const step = data.steps[child];
      const isInModule = step.module && data.groups[data.homes.get(child)].path !== step.module;
      const called = isInModule ? step.module.split(".").slice(-2).join(".") : step.name.split("/").at(-1);
      return step.op ? [step.op, called] : [step.kind === "i" ? "input" : "output", step.name];
    };
    const spoken = (child, count, unused) => {
      const step = data.steps[child];
      const type = step && typeOf((step.gives.length ? step.gives : step.reads).slice(0, 1));
      const parts = [...lines(child), step && step.name, type, count && `${count} finding${count > 1 ? "s" : ""}`, unused && "unused", child < 0 && "group"];
      return [...new Set(parts.filter(Boolean))].join(", ");
    };
    const drawBox = (child, box, isOdd) => {
      const isGroup = child < 0;
      const group = isGroup ? data.groups[~child] : null;
      const isOpen = isGroup && box.number !== undefined;
      const count = isGroup ? group.found : data.findings[`n${child}`]?.length ?? 0;
      const unused = isGroup ? group.unused : data.steps[child].unused;
      const isUnused = isGroup ? unused > 0 && unused >= group.size : unused;
      const id = idOf(child);
      const kind = isOpen ? `frame${isOdd ? " odd" : ""}` : `${isGroup ? "group" : data.steps[child].op ? "step" : "port"} ${colourOf(child)}`;
      const made = element("g", {
        class: `box ${kind}${isUnused ? " unused" : ""}${id === chosen ? " chosen" : ""}`, transform: `translate(${Math.round(box.x)} ${Math.round(box.y)})`,
        "data-box": id, tabindex: "-1", role: "button", "aria-label": spoken(child, count, unused), ...(isGroup ? { "aria-expanded": isOpen } : {}),
      });
      const [first, second] = lines(child);
      made.append(element("title", {}, [first, second, isGroup ? group.path : data.steps[child].name].filter(Boolean).join("\n")));
      if (isGroup && !isOpen) made.append(element("rect", { class: "behind", x: 4, y: 4, width: box.w, height: box.h, rx: 6 }));
      made.append(element("rect", { width: box.w, height: box.h, rx: 6 }));
      if (isOpen) made.append(element("rect", { class: "bar", width: box.w, height: HEADER - 6 }));
      const most = isOpen ? Math.floor(box.w / 8) - 6 : 17;
      made.append(element("text", { class: "op", x: 10, y: isOpen ? 20 : 18 }, `${isGroup ? (isOpen ? "▾ " : "▸ ") : ""}${short(isGroup ? first : bare(first), most - (isGroup ? 2 : 0))}`));
      if (!isOpen) made.append(element("text", { class: "name", x: 10, y: 34 }, isGroup ? cut(second, 23) : short(second, 22)));
      if (unused) made.append(element("text", { class: "flag", x: 10, y: -4 }, isGroup ? `${format.format(unused)} unused` : "unused"));
      if (count) {
        const severity = ["", "info", "warning", "error"][data.colours[0][isGroup ? 3 : 2][isGroup ? ~child : child]];
        made.append(element("g", { class: `badge ${severity}`, transform: `translate(${box.w - 2} 2)` },
          element("circle", { r: 9 }), element("text", { y: 3.5 }, count > 99 ? "99+" : `${count}`)));
      }
      return made;
    };
    const drawGroup = (number, depth, layer) => {
      const here = placed.get(`in${number}`);
      const texts = element("g", {});
      if (depth) layer.append(drawBox(-1 - number, { ...here, number }, depth % 2 === 0));
      drawEdges(here, texts);
      layer.append(texts);
      data.groups[number].children.forEach((child, at) => {
        const box = here.boxes[at];
        if (box.number === undefined) layer.append(drawBox(child, box, false));
        else drawGroup(box.number, depth + 1, layer);
      });
    };
    const draw = () => {
      const focused = svg.contains(document.activeElement) ? document.activeElement.dataset.box : null;
      placed = new Map();
      whole = measure(root);
      place(whole, 0, 0);
      const layer = element("g", {});
      drawGroup(root, 0, layer);
      svg.replaceChildren(layer);
      (boxOf(focused) ?? boxOf(chosen) ?? svg.querySelector(".box"))?.setAttribute("tabindex", "0");
      if (focused) boxOf(focused)?.focus({ preventScroll: true });
    };
    const boxOf = (id) => id && svg.querySelector(`[data-box="${id}"]`);

    // Moving
    const look = () => {
      const { width, height } = svg.getBoundingClientRect();
      if (width) svg.setAttribute("viewBox", [view.x, view.y, width / view.scale, height / view.scale].map((each) => each.toFixed(1)).join(" "));
    };
    const fit = (least = 0.55) => {
      const { width, height } = svg.getBoundingClientRect();
      if (!width) return;
      const scale = Math.max(least, Math.min(1.15, width / (whole.w + 8), height / (whole.h + 8)));
      view = { scale, x: (whole.w - width / scale) / 2, y: Math.min(0, (whole.h - height / scale) / 2) };
      look();
    };
    const zoom = (by, at) => {
      const frame = svg.getBoundingClientRect();
      const [px, py] = at ? [at.clientX - frame.x, at.clientY - frame.y] : [frame.width / 2, frame.height / 2];
      const scale = Math.min(4, Math.max(0.03, view.scale * by));
      view = { scale, x: view.x + px / view.scale - px / scale, y: view.y + py / view.scale - py / scale };
      look();
    };
    const centre = (corner) => {
      const { width, height } = svg.getBoundingClientRect();
      const scale = Math.max(0.9, view.scale);
      view = { scale, x: corner.x + corner.w / 2 - width / scale / 2, y: corner.y + Math.min(corner.h, height / scale) / 2 - height / scale / 2 };
      look();
    };
    const toggle = (number) => {
      const before = placed.get(-1 - number);
      if (!opened.delete(number)) opened.add(number);
      draw();
      const after = placed.get(-1 - number);
      const middle = (corner) => corner.x + corner.w / 2;
      view = { ...view, x: view.x + middle(after) - middle(before), y: view.y + after.y - before.y };
      look();
    };

    // What is told of a box
    const childOf = (id) => {
      const number = Number(id.slice(1));
      if (id[0] === "g") return -1 - number;
      const home = data.homes.get(number);
      return data.groups[home]?.step === number ? -1 - home : number;
    };
    const list = (title, items) => (items.length ? [html("h5", { textContent: title }), html("ul", {}, ...items.slice(0, MOST_TOLD),
      ...(items.length > MOST_TOLD ? [html("li", { textContent: `and ${format.format(items.length - MOST_TOLD)} more` })] : []))] : []);
    const link = (id, text) => html("a", { href: `#${section.id}-${id}`, textContent: text });
    const entry = (value, others, note) => {
      const [name, type] = data.values[value];
      const item = html("li", {}, html("code", { textContent: name }), ` ${type}${note} `);
      others.slice(0, 5).forEach((step) => item.append(link(`n${step}`, lines(step).join(" ")), " "));
      if (others.length > 5) item.append(`and ${others.length - 5} more`);
      return item;
    };
    const found = (ids) => list("Findings", ids.flatMap((id) => data.findings[id] ?? []).map(([severity, code, message, target]) =>
      html("li", {}, html("span", { className: `severity ${severity}`, textContent: severity }), " ", html("a", { href: `#${target}`, textContent: code }), ` ${short(message, 220)}`)));
    const pairs = (rows) => html("dl", {}, ...rows.filter(([, text]) => text).map(([title, text]) =>
      html("div", {}, html("dt", { textContent: title }), html("dd", { textContent: text }))));
    const rowOf = (number) => {
      const row = document.querySelector(`.layer-table a[href="#${section.id}-n${number}"]`)?.closest("tbody");
      return row ? [html("p", {}, html("a", { href: `#${row.id}`, textContent: "Show in the table of layers" }))] : [];
    };
    const tellStep = (number) => {
      const step = data.steps[number];
      const makers = (value) => (data.makers.has(value) ? [data.makers.get(value)] : []);
      told.append(
        html("h4", { textContent: lines(number)[0] }),
        pairs([["Name", step.name], ["Module", step.module], ["Scope", step.scope], ["Unused", step.unused ? "No output of the model depends on it." : ""], ...step.facts]),
        ...found([`n${number}`]),
        ...list("Inputs", [...step.reads.map((value) => entry(value, makers(value), "")), ...step.sized.map((value) => entry(value, makers(value), " (only its sizes)"))]),
        ...list("Weights", step.weights.map(([name, type]) => html("li", {}, html("code", { textContent: name }), ` ${type}`))),
        ...list("Outputs", step.gives.map((value) => entry(value, data.readers.get(value) ?? [], (data.readers.get(value) ?? []).length ? " →" : ", not read"))),
        ...rowOf(number),
        ...list("Computed for it, and not drawn", step.glue.map((name) => html("li", {}, html("code", { textContent: name })))),
      );
      if (step.calls !== null) told.append(html("button", { type: "button", textContent: "Open the function", onclick: () => turn(step.calls) }));
    };
    const inside = (number) => data.groups[number].children.flatMap((child) => (child < 0 ? [`g${~child}`, ...inside(~child)] : [`n${child}`]));
    const tellGroup = (number) => {
      const group = data.groups[number];
      told.append(
        html("h4", { textContent: group.title }),
        pairs([["Path", group.path], ["Nodes", format.format(group.size)], ["Operators", group.common], ["Unused", group.unused ? plural(group.unused) : ""]]),
        ...found([`g${number}`, ...inside(number)]),
      );
    };
    const tell = (id) => {
      told.replaceChildren();
      if (!id) return tellGroup(root);
      const number = Number(id.slice(1));
      return id[0] === "n" ? tellStep(number) : tellGroup(number);
    };
    const choose = (id) => {
      chosen = id;
      draw();
      tell(id);
      history.replaceState(null, "", `#${section.id}-${id}`);
    };
    const turn = (number) => {
      root = number;
      if (rootChoice) rootChoice.value = number;
      chosen = null;
      draw();
      tell(null);
      fit();
    };
    const go = (id) => {
      const number = Number(id.slice(1));
      const home = id[0] === "g" ? number : data.homes.get(number);
      if (home === undefined || !data.groups[home]) return;
      const isBox = id[0] === "g" || data.groups[home].step === number;
      let group = isBox ? data.groups[home].parent ?? home : home;
      for (; data.groups[group].parent !== null; group = data.groups[group].parent) opened.add(group);
      if (rootChoice) rootChoice.value = group;
      root = group;
      choose(id);
      const corner = placed.get(childOf(id));
      if (corner) centre(corner);
      section.scrollIntoView();
      boxOf(id)?.focus({ preventScroll: true });
    };

    // Searching
    let texts = null;
    const search = () => {
      const words = pick(".find").value.toLowerCase().split(/\s+/).filter(Boolean);
      const [hits, matches] = [pick(".hits"), pick(".matches")];
      hits.replaceChildren();
      matches.textContent = "";
      if (!words.length) return;
      texts ??= [
        ...data.steps.map((step, number) => [`n${number}`, [step.op, step.name, step.module, step.scope, ...step.glue].join(" ").toLowerCase()]),
        ...data.groups.map((group, number) => [`g${number}`, [group.title, group.path].join(" ").toLowerCase()]),
      ];
      const all = texts.filter(([, text]) => words.every((word) => text.includes(word))).map(([id]) => id);
      matches.textContent = `${format.format(all.length)} ${all.length === 1 ? "match" : "matches"}`;
      for (const id of all.slice(0, MOST_HITS)) {
        const text = lines(id[0] === "n" ? Number(id.slice(1)) : -1 - Number(id.slice(1))).join(" ");
        hits.append(html("li", {}, html("button", { type: "button", textContent: short(text, 60), onclick: () => go(id) })));
      }
    };
    const legend = () => {
      const swatch = (className, ...inner) => element("svg", { viewBox: "0 0 26 16", "aria-hidden": "true" }, element("g", { class: className }, ...inner));
      const rect = () => element("rect", { x: 1, y: 1, width: 24, height: 14, rx: 3 });
      const line = (kind) => element("path", { class: `edge ${kind}`, d: "M1 8H25" });
      const [, titles] = data.colours[meaning.selectedIndex];
      const rows = titles.map((title, at) => [swatch(`box ${meaning.selectedIndex ? "s" : "f"}${at}`, rect()), title]);
      const marks = new Set(data.groups.flatMap((group) => group.edges.map((edge) => edge[4])));
      const has = (mark) => [...marks].some((each) => each & mark);
      if (data.groups[data.roots[0]].unused) rows.push([swatch("box unused", rect()), "unused: no output depends on it"]);
      if (has(LOST)) rows.push([swatch("", line("lost")), "to an unused node"]);
      if (has(PAST)) rows.push([swatch("", line("past")), "leads past an unused node"]);
      if (has(STUB)) rows.push([swatch("", element("path", { class: "edge", d: "M22 8H10" }), element("circle", { class: "tip", cx: 8, cy: 8, r: 4 })), "values from or to many places, with their number: see the facts"]);
      if (has(SIZES)) rows.push([swatch("", line("sizes")), "only sizes are read"]);
      pick(".legend").replaceChildren(...rows.map(([sign, title]) => html("li", {}, sign, title)));
    };

    // Being used
    const act = (id, target) => {
      const child = childOf(id);
      choose(id);
      if (child < 0 && (target !== "body" || !opened.has(~child))) toggle(~child);
    };
    const pointers = new Map();
    let moved = false;
    svg.addEventListener("pointerdown", (event) => {
      pointers.set(event.pointerId, event);
      moved = pointers.size > 1;
    });
    svg.addEventListener("pointermove", (event) => {
      const before = pointers.get(event.pointerId);
      if (!before) return;
      const [dx, dy] = [event.clientX - before.clientX, event.clientY - before.clientY];
      if (!moved && Math.hypot(dx, dy) < 5) return;
      if (!moved) svg.setPointerCapture(event.pointerId);
      moved = true;
      const other = [...pointers.values()].find((each) => each.pointerId !== event.pointerId);
      if (other) {
        const apart = (one) => Math.hypot(one.clientX - other.clientX, one.clientY - other.clientY);
        zoom(apart(event) / Math.max(1, apart(before)), other);
      } else {
        view = { ...view, x: view.x - dx / view.scale, y: view.y - dy / view.scale };
        look();
      }
      pointers.set(event.pointerId, event);
    });
    for (const name of ["pointerup", "pointercancel"]) svg.addEventListener(name, (event) => pointers.delete(event.pointerId));
    svg.addEventListener("click", (event) => {
      const box = event.target.closest(".box");
      if (moved || !box) return;
      const isBody = box.classList.contains("frame") && !event.target.classList.contains("bar") && !event.target.classList.contains("op");
      box.focus({ preventScroll: true });
      act(box.dataset.box, isBody ? "body" : "title");
    });
    svg.addEventListener("wheel", (event) => {
      if (!event.ctrlKey && !event.metaKey && !svg.contains(document.activeElement)) return;
      event.preventDefault();
      zoom(Math.exp(-event.deltaY * (event.deltaMode ? 0.05 : 0.0015)), event);
    }, { passive: false });
    const neighbour = (id, key) => {
      const from = placed.get(childOf(id));
      const [dx, dy] = { ArrowUp: [0, -1], ArrowDown: [0, 1], ArrowLeft: [-1, 0], ArrowRight: [1, 0] }[key];
      const far = (box) => {
        const corner = placed.get(childOf(box.dataset.box));
        const [x, y] = [corner.x + corner.w / 2 - from.x - from.w / 2, dy ? corner.y - from.y : (corner.y - from.y) / 1];
        const onwards = x * dx + y * dy;
        return onwards > 4 ? onwards + 3 * Math.abs(x * dy + y * dx) : Infinity;
      };
      const [nearest] = [...svg.querySelectorAll(".box")].map((box) => [far(box), box]).sort(([a], [b]) => a - b);
      return nearest && nearest[0] < Infinity ? nearest[1] : null;
    };
    svg.addEventListener("keydown", (event) => {
      const box = event.target.closest(".box");
      const does = { "+": () => zoom(1.25), "=": () => zoom(1.25), "-": () => zoom(0.8), 0: () => fit(0) }[event.key];
      if (does && !event.ctrlKey && !event.metaKey) does();
      else if (box && event.key.startsWith("Arrow")) {
        const next = neighbour(box.dataset.box, event.key);
        box.setAttribute("tabindex", next ? "-1" : "0");
        next?.setAttribute("tabindex", "0");
        next?.focus({ preventScroll: true });
        if (next) reveal(placed.get(childOf(next.dataset.box)));
      } else if (box && (event.key === "Enter" || event.key === " ")) act(box.dataset.box, "title");
      else return;
      event.preventDefault();
    });
    const reveal = (corner) => {
      const { width, height } = svg.getBoundingClientRect();
      const [w, h] = [width / view.scale, height / view.scale];
      const isSeen = corner.x >= view.x && corner.x + WIDTH <= view.x + w && corner.y >= view.y && corner.y + HEIGHT <= view.y + h;
      if (!isSeen) centre({ ...corner, h: HEIGHT });
    };
    const deeds = {
      in: () => zoom(1.25), out: () => zoom(0.8), fit: () => fit(0),
      fold: () => { opened.clear(); data.opened.forEach((each) => opened.add(each)); draw(); fit(); },
    };
    section.addEventListener("click", (event) => deeds[event.target.closest("[data-do]")?.dataset.do]?.());
    pick(".find").addEventListener("input", search);
    pick(".find").addEventListener("keydown", (event) => {
      if (event.key === "Enter") pick(".hits button")?.click();
    });
    for (const [title] of data.colours) meaning.append(html("option", { textContent: title }));
    meaning.selectedIndex = data.meaning;
    meaning.addEventListener("change", () => { draw(); legend(); });
    rootChoice?.addEventListener("change", () => turn(Number(rootChoice.value)));
    const follow = () => {
      const [, id] = location.hash.match(new RegExp(`^#${section.id}-([ng]\\d+)$`)) ?? [];
      if (id) go(id);
    };
    pick(".canvas").hidden = false;
    turn(root);
    legend();
    new ResizeObserver(look).observe(svg);
    addEventListener("hashchange", follow);
    addEventListener("beforeprint", () => fit(0));
    follow();
  };
  document.querySelectorAll(".part.drawing").forEach((section) => { if (section.querySelector(".data")) show(section); });
}
