// Asks for the live part of a page again every few seconds, as long as somebody looks at it.
(() => {
  const part = document.querySelector("[data-live]");
  if (!part) return;
  const EVERY = 5000;
  const again = async () => {
    if (document.visibilityState === "visible" && !part.contains(document.activeElement)) {
      try {
        const answer = await fetch(part.dataset.live, { redirect: "error" });
        if (answer.ok) part.innerHTML = await answer.text();
      } catch {
        // The console is away, or the session has ended: what is shown stays, with its time.
      }
    }
    setTimeout(again, EVERY);
  };
  setTimeout(again, EVERY);
})();
