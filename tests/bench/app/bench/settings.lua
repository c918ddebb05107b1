--- Written by tests/bench/run.mjs once the deck is loaded.
return { deck = "" }
