// What a search finds: words of the glossary, chapters, pages beside them, symbols of the reference.
// The numbers below are Sphinx's own, which has none where a scorer is given.
var Scorer = {
  score: ([page, , , kind, score]) => score + (/^(index|\d)/.test(page) ? 50 : kind ? -50 : 0),
  objNameMatch: 11,
  objPartialMatch: 6,
  objPrio: { 0: 15, 1: 5, 2: -5 },
  objPrioDefault: 0,
  title: 15,
  partialTitle: 7,
  term: 5,
  partialTerm: 2,
};
