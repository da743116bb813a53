// The sign-in package only logs that a passkey was not used: refused, timed out, or none there. Say so on the page.
document.addEventListener("allauth.error", (event) => {
  const problem = document.getElementById("passkey-problem");
  if (!problem) return;
  event.preventDefault();
  problem.hidden = false;
});
