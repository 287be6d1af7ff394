/** Data contracts that the inventory names and nobody wrote, or that cannot be used: red in the plan, weeks before the gate. */
import { join } from 'node:path';
import { readContracts } from '../../adapters/proof-definitions.ts';
import type { Connection } from '../../core/inventory.ts';
import { formatProblem } from '../../core/located-yaml.ts';
import type { RedItem } from '../../core/planning/red-today.ts';

/** `folder`: the project's. */
export async function contractsAmiss(
  folder: string,
  connections: readonly Pick<Connection, 'name' | 'contract'>[],
): Promise<readonly RedItem[]> {
  const read = await readContracts(folder);
  if (!read.ok) {
    const remedy = 'correct stacks/contracts';
    return read.problems.map((problem) => ({
      code: 'contract-invalid',
      message: formatProblem(problem),
      connections: [],
      remedy,
    }));
  }
  const named = Map.groupBy(connections, ({ contract }) => contract);
  return [...named].flatMap(([contract, of]) => {
    if (contract === null || read.contracts.has(contract)) return [];
    const file = join(folder, 'stacks', 'contracts', `${contract}.yaml`);
    const message = `the inventory names the contract '${contract}', and ${file} is not there: comparison and gate cannot use it`;
    const remedy = `write ${file}, or correct \`contract\` in the inventory`;
    return [{ code: 'contract-missing', message, connections: of.map(({ name }) => name), remedy }];
  });
}
