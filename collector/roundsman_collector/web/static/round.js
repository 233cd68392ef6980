// What somebody finds in a round is kept on the phone first and sent from there: a bad line loses nothing. Kept are the
// ticks with their photos (IndexedDB) until the collector has them; each has a key, so that it counts once however often
// it is sent. Without this, or without IndexedDB, the same forms are sent as forms are.
(function () {
  "use strict";

  var NAME = "roundsman-round";
  var SHELF = "waiting";
  var AGAIN_MS = 15000;
  var ANSWER_MS = 30000;
  var SIDE = 1600; // the longer side of a photo, in pixels: enough to see dust, small enough for a bad line
  var QUALITY = 0.85;
  var SMALL_BYTES = 400000;
  var SIGNS = { pass: "✓", attention: "△", fail: "✗", unseen: "○" };
  var notice = document.getElementById("waiting");
  var kept = null;
  var sending = false;

  // Not form.elements.item: that is a method of every form.
  function field(form, name) { return form.elements.namedItem(name); }

  // --- the shelf ----------------------------------------------------------------------------------------------------
  function opened() {
    return new Promise(function (resolve, reject) {
      var asked = window.indexedDB.open(NAME, 1);
      asked.onupgradeneeded = function () { asked.result.createObjectStore(SHELF, { keyPath: "key" }); };
      asked.onsuccess = function () { resolve(asked.result); };
      asked.onerror = function () { reject(asked.error); };
    });
  }

  function done(asked) {
    return new Promise(function (resolve, reject) {
      asked.onsuccess = function () { resolve(asked.result); };
      asked.onerror = function () { reject(asked.error); };
    });
  }

  function shelf(mode) { return kept.transaction(SHELF, mode).objectStore(SHELF); }
  function put(one) { return done(shelf("readwrite").put(one)); }
  function drop(key) { return done(shelf("readwrite").delete(key)); }
  function mine() {
    return done(shelf("readonly").getAll()).then(function (all) {
      return all.filter(function (one) { return one.who === notice.dataset.who; })
        .sort(function (one, other) { return one.at - other.at; });
    });
  }

  // --- keeping ------------------------------------------------------------------------------------------------------
  function keep(form, verdict) {
    var key = fresh();
    var photos = field(form, "file") ? Array.prototype.slice.call(field(form, "file").files) : [];
    return Promise.all(photos.map(smaller)).then(function (files) {
      return put({
        key: key,
        who: notice.dataset.who,
        api: form.dataset.tick,
        device: field(form, "device").value,
        item: field(form, "item").value,
        verdict: verdict.value,
        word: verdict.textContent.trim(),
        words: field(form, "words").value.trim(),
        files: files,
        at: Date.now(),
        why: ""
      });
    }).then(function () {
      if (field(form, "file")) field(form, "file").value = "";
    });
  }

  function fresh() {
    var drawn = window.crypto.getRandomValues(new Uint8Array(16));
    return Array.prototype.map.call(drawn, function (one) { return ("0" + one.toString(16)).slice(-2); }).join("");
  }

  // A photo of 12 megapixels would take minutes on a bad line. What cannot be drawn is kept as it is.
  function smaller(file) {
    if (file.size <= SMALL_BYTES || !window.createImageBitmap) return Promise.resolve(file);
    return window.createImageBitmap(file).then(function (picture) {
      var scale = Math.min(1, SIDE / Math.max(picture.width, picture.height));
      var canvas = document.createElement("canvas");
      canvas.width = Math.round(picture.width * scale);
      canvas.height = Math.round(picture.height * scale);
      canvas.getContext("2d").drawImage(picture, 0, 0, canvas.width, canvas.height);
      return new Promise(function (resolve) {
        canvas.toBlob(function (drawn) { resolve(drawn && drawn.size < file.size ? drawn : file); }, "image/jpeg", QUALITY);
      });
    }).catch(function () { return file; });
  }

  // --- sending ------------------------------------------------------------------------------------------------------
  function send() {
    if (sending || !kept) return Promise.resolve();
    sending = true;
    return mine().then(function (all) {
      return all.filter(function (one) { return !one.why; }).reduce(function (before, one) {
        return before.then(function () { return sent(one); });
      }, Promise.resolve());
    }).catch(function () { /* no line, or no answer: it stays, and goes again */ }).then(function () {
      sending = false;
      return show();
    });
  }

  function sent(one) {
    return Promise.all(one.files.map(function (file, place) {
      return post(one.api + "/files?kind=photo", file, { "Content-Type": file.type, "Idempotency-Key": one.key + "." + place });
    })).then(function (files) {
      var body = {
        device: one.device, item: one.item, verdict: one.verdict, words: one.words, at: one.at,
        files: files.map(function (file) { return file.id; })
      };
      var headers = { "Content-Type": "application/json", "Idempotency-Key": one.key };
      return post(one.api + "/ticks", JSON.stringify(body), headers);
    }).then(function () {
      return drop(one.key);
    }, function (why) {
      if (!why || !why.refused) throw why;
      one.why = why.refused; // what the collector will never take waits for whoever ticked it to see why
      return put(one);
    });
  }

  function post(address, body, headers) {
    var limit = new AbortController();
    var timer = setTimeout(function () { limit.abort(); }, ANSWER_MS);
    return fetch(address, { method: "POST", body: body, headers: headers, signal: limit.signal, credentials: "same-origin" })
      .then(function (answer) {
        if (answer.ok) return answer.json();
        var isFinal = answer.status >= 400 && answer.status < 500 && [401, 403, 408, 429].indexOf(answer.status) < 0;
        if (!isFinal) throw new Error(String(answer.status));
        return answer.json().then(function (said) { throw { refused: said.detail || String(answer.status) }; });
      })
      .finally(function () { clearTimeout(timer); });
  }

  // --- showing ------------------------------------------------------------------------------------------------------
  function show() {
    return mine().then(function (all) {
      notice.hidden = !all.length;
      notice.querySelector("span").textContent = notice.dataset.some.replace("{count}", all.length);
      notice.querySelector("button").hidden = !all.some(function (one) { return one.why; });
      document.querySelectorAll(".look.is-waiting").forEach(function (one) { one.classList.remove("is-waiting"); });
      all.forEach(function (one) { shown(one, true); });
      document.querySelectorAll("form[data-last] button.btn").forEach(function (button) {
        if (button.type === "submit") button.disabled = all.length > 0;
      });
    });
  }

  function shown(one, isWaiting) {
    var form = Array.prototype.find.call(document.querySelectorAll("form[data-tick]"), function (form) {
      return form.dataset.tick === one.api && field(form, "device").value === one.device && field(form, "item").value === one.item;
    });
    if (!form) return;
    var look = form.closest(".look");
    var found = look.querySelector("[data-found]");
    look.classList.add("is-found");
    look.classList.toggle("is-waiting", isWaiting);
    found.textContent = SIGNS[one.verdict] + " " + one.word.replace(SIGNS[one.verdict], "").trim()
      + (one.words ? " " + one.words : "") + (isWaiting ? " · " + notice.dataset.kept : "");
    tell(form, one.why ? notice.dataset.refused.replace("{why}", one.why) : "");
  }

  // --- ticking ------------------------------------------------------------------------------------------------------
  function ticked(event) {
    var form = event.target;
    var verdict = event.submitter;
    if (!form.matches || !form.matches("form[data-tick]") || !verdict || !kept) return;
    event.preventDefault();
    var lacks = lacking(form, verdict.value);
    tell(form, lacks);
    if (lacks) return;
    mine().then(function (all) { // what was refused before is said anew
      return Promise.all(all.filter(function (one) {
        return one.why && one.device === field(form, "device").value && one.item === field(form, "item").value;
      }).map(function (one) { return drop(one.key); }));
    }).then(function () { return keep(form, verdict); }).then(function () {
      return mine();
    }).then(function (all) {
      shown(all[all.length - 1], true);
      return show();
    }).then(function () {
      var last = { api: form.dataset.tick, device: field(form, "device").value, item: field(form, "item").value,
        verdict: verdict.value, word: verdict.textContent.trim(), words: field(form, "words").value.trim(), why: "" };
      return send().then(mine).then(function (all) {
        if (!all.some(function (one) { return one.device === last.device && one.item === last.item; })) shown(last, false);
      });
    }).catch(function () { kept = null; form.requestSubmit(verdict); });
  }

  // What the collector would refuse is said at once: it may not be heard for hours.
  function lacking(form, verdict) {
    if (verdict !== "pass" && !field(form, "words").value.trim()) {
      field(form, "words").focus();
      return notice.dataset.words;
    }
    var needsPhoto = form.dataset.photo === "needed" && verdict !== "unseen";
    return needsPhoto && !field(form, "file").files.length ? notice.dataset.photo : "";
  }

  function tell(form, text) {
    var why = form.querySelector("[data-why]");
    why.hidden = !text;
    why.textContent = text;
  }

  function discard() {
    mine().then(function (all) {
      return Promise.all(all.filter(function (one) { return one.why; }).map(function (one) { return drop(one.key); }));
    }).then(function () { window.location.reload(); });
  }

  function begin() {
    if (!notice || !window.indexedDB || !window.fetch || !window.AbortController) return;
    opened().then(function (shelf) {
      kept = shelf;
      document.addEventListener("submit", ticked);
      notice.querySelector("button").addEventListener("click", discard);
      window.addEventListener("online", send);
      window.setInterval(send, AGAIN_MS);
      document.documentElement.dataset.kept = "yes";
      return show().then(send);
    }).catch(function () { kept = null; });
  }

  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", begin);
  else begin();
})();
