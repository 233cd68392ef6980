// The little that HTML cannot do by itself. Pages work without it; nothing here decides anything.
(function () {
  "use strict";

  // "/" goes to the search, Escape leaves it.
  document.addEventListener("keydown", function (event) {
    var search = document.getElementById("search");
    var at = document.activeElement;
    var writing = at && (/^(INPUT|TEXTAREA|SELECT)$/.test(at.tagName) || at.isContentEditable);
    if (event.key === "/" && search && !writing && !event.ctrlKey && !event.metaKey && !event.altKey) {
      event.preventDefault();
      search.focus();
      search.select();
    } else if (event.key === "Escape" && at === search) {
      search.blur();
    }
  });

  // One menu open at a time, and none after a click elsewhere.
  document.addEventListener("click", function (event) {
    document.querySelectorAll("details.drop[open]").forEach(function (one) {
      if (!one.contains(event.target)) one.open = false;
    });
  });

  // Where a row of links is wider than the phone, the one that is here is in sight.
  function intoSight() {
    document.querySelectorAll(".sections .here, .subsections .here, .tabs .here").forEach(function (one) {
      var row = one.parentElement;
      var over = one.offsetLeft + one.offsetWidth + 24 - row.clientWidth;
      if (over > 0) row.scrollLeft = over;
    });
  }
  intoSight();
  document.addEventListener("htmx:afterSettle", intoSight);

  // What is chosen in a filter is asked for at once.
  document.addEventListener("change", function (event) {
    var form = event.target.closest && event.target.closest("form[data-at-once]");
    if (form) form.requestSubmit();
  });

  // The stream: say when it is lost, fetch again what was missed when it is back.
  var lost = false;
  function tell(isLost) {
    document.documentElement.classList.toggle("lost", isLost);
    var notice = document.getElementById("lost");
    if (notice) notice.hidden = !isLost;
  }
  document.addEventListener("htmx:sseError", function () {
    lost = true;
    tell(true);
  });
  document.addEventListener("htmx:sseOpen", function () {
    tell(false);
    var live = document.getElementById("live");
    if (lost && live && window.htmx) window.htmx.trigger(live, "again");
    lost = false;
  });

  // The session is over, or may do something else than before: the page, or the login, comes anew.
  document.addEventListener("htmx:sseClose", function (event) {
    if (event.detail && event.detail.type === "message") window.location.reload();
  });

  // Fetched anew, the page keeps what was open and where the keyboard was.
  var kept = null;
  document.addEventListener("htmx:beforeSwap", function (event) {
    if (!event.detail.target || event.detail.target.id !== "live") return;
    var at = document.activeElement;
    kept = {
      open: Array.prototype.map.call(document.querySelectorAll("#live details[open][id]"), function (one) { return one.id; }),
      href: at && event.detail.target.contains(at) ? at.getAttribute("href") : null
    };
  });
  document.addEventListener("htmx:afterSettle", function () {
    if (!kept) return;
    kept.open.forEach(function (id) {
      var one = document.getElementById(id);
      if (one) one.open = true;
    });
    if (kept.href && document.activeElement === document.body) {
      var link = Array.prototype.find.call(document.querySelectorAll("#live a[href]"), function (one) {
        return one.getAttribute("href") === kept.href;
      });
      if (link) link.focus({ preventScroll: true });
    }
    kept = null;
  });

  // A form that did not get through keeps what was written and says so.
  document.addEventListener("htmx:sendError", function (event) { unsent(event.detail.elt, false); });
  document.addEventListener("htmx:timeout", function (event) { unsent(event.detail.elt, false); });
  document.addEventListener("htmx:responseError", function (event) { unsent(event.detail.elt, false); });
  document.addEventListener("htmx:beforeRequest", function (event) { unsent(event.detail.elt, true); });
  function unsent(element, hidden) {
    var form = element && element.closest && element.closest("form");
    var notice = form && form.querySelector("[data-unsent]");
    if (notice) notice.hidden = hidden;
  }

  // Printing by a button.
  document.addEventListener("click", function (event) {
    if (event.target.closest && event.target.closest("[data-print]")) window.print();
  });
})();
