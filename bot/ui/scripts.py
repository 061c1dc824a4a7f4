"""The little JavaScript that the page needs, as Gradio's HTML component runs it: `element` is what it shows."""

# A button in our HTML says in data-… attributes what it does; they become the event's data. Copying is done here.
CLICKS = """
const toQuestion = () => document.querySelector('#cb-ask textarea')?.focus();
element.addEventListener('click', (event) => {
  const copied = event.target.closest('button[data-copy]');
  if (copied) {
    navigator.clipboard.writeText(copied.dataset.copy).then(
      () => { copied.textContent = 'Copied'; }, () => { copied.textContent = 'The browser does not allow it'; });
    return;
  }
  if (['edit', 'again'].includes(event.target.closest('button')?.dataset.act)) setTimeout(toQuestion, 300);
  if (event.target.closest('[data-back]')) document.querySelector('#cb-conversation').scrollIntoView();
  if (event.target.closest('[data-rate]')) setTimeout(() => document.querySelector('#cb-why textarea')?.focus(), 500);
  const names = ['marker', 'article', 'talk', 'forget', 'act', 'only', 'drop', 'remove', 'rate'];
  const button = event.target.closest(names.map((name) => `button[data-${name}]`).join(', '));
  if (button) trigger('click', {...button.dataset});
});
"""

# Beside a marker that is pointed at or has the focus stands the card with its quote; Escape hides it.
CARDS = """
const place = (event) => {
  element.classList.remove('cb-hushed');
  const cite = event.target.closest?.('.cb-cite');
  if (!cite || event.target.closest('.cb-card')) return;
  const at = cite.getBoundingClientRect(), low = at.top > innerHeight / 2, width = Math.min(352, innerWidth - 16);
  element.style.setProperty('--cb-left', `${Math.max(8, Math.min(at.left, innerWidth - width - 8))}px`);
  element.style.setProperty('--cb-top', low ? 'auto' : `${at.bottom}px`);
  element.style.setProperty('--cb-bottom', low ? `${innerHeight - at.top}px` : 'auto');
};
element.addEventListener('pointerover', place);
element.addEventListener('focusin', place);
element.addEventListener('keydown', (event) => { if (event.key === 'Escape') element.classList.add('cb-hushed'); });
"""

# Arrow keys, Home and End move between the tabs, as people expect of tabs.
TABS = """
document.addEventListener('keydown', (event) => {
  const tab = event.target.closest?.('[role="tab"]');
  const step = {ArrowLeft: -1, ArrowRight: 1, Home: -1e6, End: 1e6}[event.key];
  if (!tab || !step) return;
  const tabs = [...tab.parentElement.querySelectorAll('[role="tab"]')];
  const next = tabs[Math.max(0, Math.min(tabs.length - 1, tabs.indexOf(tab) + step))];
  event.preventDefault();
  next.click();
  next.focus();
});
"""

# Count the seconds while the bot works.
SECONDS = """
let began = 0;
const shown = () => element.querySelector('.cb-seconds');
watch('value', () => { if (shown()) began = Date.now() - 1000 * shown().dataset.seconds; });
setInterval(() => { if (shown()) shown().textContent = `${Math.round((Date.now() - began) / 1000)} s`; }, 1000);
"""

# As the `js` of a button that takes nothing: the reader can type at once.
TO_QUESTION = "() => { setTimeout(() => document.querySelector('#cb-ask textarea')?.focus(), 300); return []; }"

# Keep the newest question and its growing answer in view, unless the reader has scrolled away since it was asked; and
# name the conversation in the address, so that a reload finds it.
FOLLOW = """
const box = element.closest('#cb-conversation');
let wanted = 0, count = 0, busy = false;
const follow = (anew) => {
  const exchanges = element.querySelectorAll('.cb-exchange'), last = exchanges[exchanges.length - 1];
  const began = element.querySelector('.cb-chat')?.ariaBusy === 'true';
  const moved = !anew && exchanges.length === count && began === busy && Math.abs(box.scrollTop - wanted) > 60;
  count = exchanges.length;
  busy = began;
  if (!last || moved) return;
  box.scrollTop += last.getBoundingClientRect().top - box.getBoundingClientRect().top;
  wanted = box.scrollTop;
};
watch('value', () => {
  const talk = element.querySelector('.cb-chat')?.dataset.talk, address = new URL(location.href);
  if (talk !== undefined && (address.searchParams.get('c') ?? '') !== talk) {
    if (talk) address.searchParams.set('c', talk); else address.searchParams.delete('c');
    history.replaceState(null, '', address);
  }
  if (box.clientHeight) follow(false); else count = 0;
});
// A conversation that was opened in another tab is measured when it comes into sight.
new IntersectionObserver(([seen]) => { if (seen.isIntersecting && !count) follow(true); }).observe(box);
"""

# Bring the chosen words into view; where the panel is below the chat (a phone), bring the panel as well.
REVEAL = """
watch('value', () => {
  const panel = element.closest('#cb-panel'), mark = element.querySelector('mark.cb-here');
  const text = element.querySelector('.cb-text');
  if (text) text.scrollTop = mark ? mark.offsetTop - text.clientHeight / 3 : 0;
  if (element.querySelector('[data-moment]:not([data-moment=""])')) panel.scrollIntoView({block: 'nearest'});
});
"""
