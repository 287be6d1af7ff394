/** A difference in shapes, as people read it: of two values of one form the shapes are the same, and that is said. */
export function sayShape(kind: string, shape: string): string {
  if (shape === '') return kind;
  const [control, candidate] = shape.split(' against ');
  return candidate !== undefined && control === candidate
    ? `${kind}: another one of the same form (${control})`
    : `${kind}: ${shape}`;
}
