/** One mutant: it breaks one promise of the engine in one place. */
export type Mutant = {
  readonly name: string;
  /** The rule of DESIGN.md that it breaks. */
  readonly rule: number;
  readonly file: string;
  readonly find: string;
  readonly replace: string;
  /** Its nights are played first, where only they notice. */
  readonly scenario?: string;
};
