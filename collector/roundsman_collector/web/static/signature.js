// A signature that is drawn, and the place that a phone tells: what a visit needs and HTML cannot do by itself.
// Without this a photo of a signature is sent by the same form, and the place is left out.
(function () {
  "use strict";

  var LIMIT = 300000;
  var INK = "#14202b";

  function begin() {
    document.querySelectorAll("[data-signature][hidden]").forEach(drawn);
    document.querySelectorAll("[data-locate][hidden]").forEach(located);
  }

  // --- a signature: strokes on a canvas, which become the file of the form ------------------------------------------
  function drawn(box) {
    var canvas = box.querySelector("canvas");
    var input = box.parentNode.querySelector("input[type=file]");
    if (!canvas || !input || !window.DataTransfer || !window.PointerEvent) return;
    var strokes = [];
    var stroke = null;
    box.hidden = false;
    paint(canvas, strokes);

    canvas.addEventListener("pointerdown", function (event) {
      if (!event.isPrimary) return;
      event.preventDefault();
      canvas.setPointerCapture(event.pointerId);
      stroke = [at(canvas, event)];
      strokes.push(stroke);
      paint(canvas, strokes);
    });
    canvas.addEventListener("pointermove", function (event) {
      if (!stroke || !event.isPrimary) return;
      var seen = event.getCoalescedEvents ? event.getCoalescedEvents() : [];
      (seen.length ? seen : [event]).forEach(function (one) { stroke.push(at(canvas, one)); });
      paint(canvas, strokes);
    });
    ["pointerup", "pointercancel"].forEach(function (name) {
      canvas.addEventListener(name, function () {
        if (!stroke) return;
        stroke = null;
        keep(canvas, strokes, input);
      });
    });
    box.querySelector("[data-clear]").addEventListener("click", function () {
      strokes.length = 0;
      paint(canvas, strokes);
      input.value = "";
    });
  }

  function at(canvas, event) {
    var box = canvas.getBoundingClientRect();
    return [(event.clientX - box.left) * canvas.width / box.width, (event.clientY - box.top) * canvas.height / box.height];
  }

  function paint(canvas, strokes) {
    var pen = canvas.getContext("2d");
    pen.fillStyle = "#ffffff";
    pen.fillRect(0, 0, canvas.width, canvas.height);
    pen.strokeStyle = pen.fillStyle = INK;
    pen.lineWidth = 3;
    pen.lineCap = pen.lineJoin = "round";
    strokes.forEach(function (one) {
      pen.beginPath();
      if (one.length === 1) {
        pen.arc(one[0][0], one[0][1], 2, 0, 2 * Math.PI);
        pen.fill();
        return;
      }
      pen.moveTo(one[0][0], one[0][1]);
      one.slice(1).forEach(function (point) { pen.lineTo(point[0], point[1]); });
      pen.stroke();
    });
  }

  // The canvas is small enough that its PNG stays far below the limit; one that does not is not sent.
  function keep(canvas, strokes, input) {
    var bytes = atob(canvas.toDataURL("image/png").split(",")[1]);
    if (!strokes.length || bytes.length > LIMIT) return;
    var body = new Uint8Array(bytes.length);
    for (var place = 0; place < bytes.length; place += 1) body[place] = bytes.charCodeAt(place);
    var holder = new DataTransfer();
    holder.items.add(new File([body], "signature.png", { type: "image/png" }));
    input.files = holder.files;
  }

  // --- the place, only when somebody taps for it --------------------------------------------------------------------
  function located(box) {
    if (!navigator.geolocation || !window.isSecureContext) return;
    var said = box.querySelector("[role=status]");
    box.hidden = false;
    box.querySelector("button").addEventListener("click", function () {
      said.textContent = box.dataset.asking;
      navigator.geolocation.getCurrentPosition(
        function (found) {
          put(box, "lat", found.coords.latitude.toFixed(6));
          put(box, "lon", found.coords.longitude.toFixed(6));
          put(box, "accuracy_m", Math.round(found.coords.accuracy));
          said.textContent = box.dataset.known + " ± " + Math.round(found.coords.accuracy) + " m";
        },
        function () { said.textContent = box.dataset.failed; },
        { enableHighAccuracy: true, timeout: 15000, maximumAge: 60000 }
      );
    });
  }

  function put(box, name, value) {
    box.querySelector("input[name=" + name + "]").value = value;
  }

  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", begin);
  else begin();
  document.addEventListener("htmx:afterSettle", begin);
})();
