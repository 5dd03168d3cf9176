// SimpleBar gives each place that scrolls one and the same name: the menu has one of its own.
addEventListener("load", () => {
    document.querySelector("#nav-sidebar-apps .simplebar-content-wrapper")?.setAttribute("aria-label", "scrollable menu");
});
