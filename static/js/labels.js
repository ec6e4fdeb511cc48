// What a label's code says: whose it is, and which item it is on. As custody/contract/items.py; the server reads it again.

const FORM = /^(?:\]D2)?(?:\(90\)|90)?(?:&\/CH)?([A-Z0-9]{5}[0-9]{2}[A-Z0-9]{6}[A-Z0-9*])(?:([WRMPC])([0-9]{2})([A-Z0-9*]))?$/;
const ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ*";
const NAMES = { W: "wristband", R: "order", M: "label of the cells", P: "product bag", C: "cassette" };
const ONE_OF_A_KIND = "WR";

/** What was scanned or typed, without blanks and a scanner's separators. */
export const plain = (text) => text.replace(/[\s\u001d]/g, "").toUpperCase();

/** ISO 7064 mod 37,2. */
const checkCharacter = (text) => {
  const sum = [...text].reduce((check, one) => ((check + ALPHABET.indexOf(one)) * 2) % 37, 0);
  return ALPHABET[(38 - sum) % 37];
};

const isRight = (code) => checkCharacter(code.slice(0, -1)) === code.at(-1);

/** An item as it stands in a sentence. */
const named = (letter, number) => {
  if (ONE_OF_A_KIND.includes(letter)) return `the ${NAMES[letter]}`;
  return letter === "M" ? `label ${number} of the cells` : `${NAMES[letter]} ${number}`;
};

/** The label in what was scanned: `{coi, code, letter, named}`, `letter` empty where it says no item; null where it is none. */
export const labelIn = (text) => {
  const found = FORM.exec(plain(text));
  if (!found || !isRight(found[1])) return null;
  const [, coi, letter = "", number = "", check = ""] = found;
  const code = coi + letter + number + check;
  if (letter && !isRight(code)) return null;
  return { coi, code, letter, named: letter && named(letter, Number(number)) };
};

/** Why a label of the right therapy is not what this field asks for; empty where it is. */
export const whyNot = (label, input, others) => {
  const wanted = input.dataset.item ?? "";
  if (!label.letter) return "named" in input.dataset ? "This label does not say what it is on. Print it anew." : "";
  if (!wanted.includes(label.letter)) return `This is ${label.named}. Wanted is the ${NAMES[wanted]}: scan that.`;
  return others.includes(label.code) ? `${label.named[0].toUpperCase()}${label.named.slice(1)} was scanned twice. Scan each once.` : "";
};
