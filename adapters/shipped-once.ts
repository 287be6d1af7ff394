/**
 * Whoever reads records of all journals of a deployment takes each once: a restored gateway ships those of its backup once more.
 */

/** A condition. `journal`: the alias of `cutover.journals`; `offset`: of the record. */
export function shippedOnce(journal: string, offset: string): string {
  return `not exists (select from cutover.journals former
    where former.deployment = ${journal}.deployment and former.shard = ${journal}.shard
      and former.incarnation = ${journal}.restored_from
      and ${offset} <= least(${journal}.restored_upto, former.shipped_up_to))`;
}
