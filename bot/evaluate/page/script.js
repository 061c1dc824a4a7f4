// Finding among the questions; without it all of them are there to read.
const questions = [...document.querySelectorAll(".question")];
const found = document.getElementById("found");
document.querySelector(".find").hidden = false;
document.querySelector(".find").addEventListener("submit", (event) => event.preventDefault());
document.getElementById("find").addEventListener("input", (event) => {
  const wanted = event.target.value.trim().toLowerCase();
  for (const one of questions) one.hidden = !one.textContent.toLowerCase().includes(wanted);
  found.textContent = wanted ? `${questions.filter((one) => !one.hidden).length} of ${questions.length}` : "";
});
const set = (open) => questions.forEach((one) => { if (!one.hidden) one.open = open; });
document.getElementById("open").addEventListener("click", () => set(true));
document.getElementById("close").addEventListener("click", () => set(false));
