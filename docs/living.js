// The living network on the front page is light or dark as the site is. Where pages are opened
// without a server, a browser keeps them apart, and it goes by the system instead.
const frame = document.querySelector("iframe.living");
if (frame) {
  const follow = () => {
    const page = frame.contentDocument;
    if (!page || !page.body) return;
    const theme = document.body.dataset.mdColorScheme === "slate" ? "dark" : "light";
    page.documentElement.dataset.theme = page.documentElement.style.colorScheme = theme;
    page.body.style.background = "transparent";
  };
  frame.addEventListener("load", follow);
  new MutationObserver(follow).observe(document.body, {
    attributes: true, attributeFilter: ["data-md-color-scheme"],
  });
  follow();
}
