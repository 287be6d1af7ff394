/** Whether two names mean one person: who signs, who operates and who waives are compared by this. */

/** `ann`, `ANN` and `ann@lab.example` are one person; `ann@lab` and `ann@clinic` are two. */
export function isSamePerson(a: string, b: string): boolean {
  const [left, right] = [plain(a), plain(b)];
  if (left === right) return true;
  const isBare = !left.includes('@') || !right.includes('@');
  return isBare && left.split('@')[0] === right.split('@')[0];
}

/** Full-width letters, ligatures and characters without a width look like a name, and are not another one. */
function plain(name: string): string {
  return name
    .normalize('NFKC')
    .replaceAll(/\p{Default_Ignorable_Code_Point}/gu, '')
    .trim()
    .toLowerCase();
}
