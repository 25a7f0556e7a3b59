// Asks for the live part of a page again every few seconds, as long as somebody looks at it.
(() => {
  const part = document.querySelector("[data-live]");
  if (!part) return;
  const EVERY = 5000;
  const again = async () => {
    if (document.visibilityState === "visible") {
      try {
        const answer = await fetch(part.dataset.live, { redirect: "manual" });
        if (answer.type === "opaqueredirect") {
          location.reload(); // The session has ended: what is shown would look well for ever. This leads to the login.
          return;
        }
        if (answer.ok && !part.contains(document.activeElement)) part.innerHTML = await answer.text();
      } catch {
        // The console is away: what is shown stays, with its time.
      }
    }
    setTimeout(again, EVERY);
  };
  setTimeout(again, EVERY);
})();
