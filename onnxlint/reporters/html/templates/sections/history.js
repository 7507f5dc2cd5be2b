"use strict";
{
  // A run that a finding links to is shown opened.
  const open = () => {
    const changes = document.getElementById(location.hash.slice(1))?.querySelector(":scope > details");
    if (changes) changes.open = true;
  };
  addEventListener("hashchange", open);
  open();
}
