/** Whether two names mean one person: who signs, who operates and who waives are compared by this. */

/** `ann`, `ANN` and `ann@lab.example` are one person; `ann@lab` and `ann@clinic` are two. */
export function isSamePerson(a: string, b: string): boolean {
  return isSameName(plain(a), plain(b)) || isSameName(skeleton(a), skeleton(b));
}

function isSameName(left: string, right: string): boolean {
  if (left === right) return true;
  const isBare = !left.includes('@') || !right.includes('@');
  return isBare && left.split('@')[0] === right.split('@')[0];
}

function plain(name: string): string {
  return visible(name).toLowerCase();
}

/**
 * Cyrillic and Greek letters that look like Latin ones are these (Unicode TS 39): two who share a name by that are taken for one
 * person, never one person for two.
 */
function skeleton(name: string): string {
  return visible(name)
    .replaceAll(/\P{ASCII}/gu, (letter) => LOOKS_LIKE.get(letter) ?? letter)
    .toLowerCase();
}

/** Full-width letters, ligatures and characters without a width look like a name, and are not another one. */
function visible(name: string): string {
  return name
    .normalize('NFKC')
    .replaceAll(/\p{Default_Ignorable_Code_Point}/gu, '')
    .trim();
}

const LOOKS_LIKE: ReadonlyMap<string, string> = new Map([
  ...pairs('АВСԀЕНІЈКМОРԚЅТХУԜӀ', 'abcdehijkmopqstxywl'),
  ...pairs('авсԁенһіјкморԛѕтхуԝӏѵ', 'abcdehhijkmopqstxywlv'),
  ...pairs('ΑΒΕΖΗΙΚΜΝΟΡΤΥΧ', 'abezhikmnoptyx'),
  ...pairs('αικνορτυχγηω', 'aikvoptuxynw'),
  ...pairs('ıɑɡոօս', 'iagnou'),
]);

function pairs(letters: string, latin: string): [string, string][] {
  return [...letters].map((letter, index) => [letter, latin[index] ?? letter]);
}
