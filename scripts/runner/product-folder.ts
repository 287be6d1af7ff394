/** Where the product's own files are, wherever the verb was started. */
import { fileURLToPath } from 'node:url';

export function productFile(path: string): string {
  return fileURLToPath(new URL(`../../${path}`, import.meta.url));
}
